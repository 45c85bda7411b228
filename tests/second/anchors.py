# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A second reader of signed versions of the anchor set, for `verify.py`."""

import base64
import json

from verify import (
    ANCHOR, Refused, instant, jwks, like, listed, need, open_jws, shaped, strict_json, text, unbase64url, whole,
)

def jcs(value): return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def read_version(data, value):
    """A version of the set that its own keys vouch for, as a verifier's own file holds it (docs/API.md, Anchor set)."""
    seconds = lambda v: instant(like(r"[0-9T:-]+Z")(v))
    terms = {"format": whole(2, 2), "version": whole(1, 2**32 - 1), "issued": seconds, "expires": seconds,
             "threshold": whole(1, 8), "jwks": jwks, "anchors": listed(ANCHOR)}
    shape = shaped({"signed": shaped(terms, {"previous": like(r"[0-9a-f]{64}")}), "signatures": listed(text)})
    file = shape(value)
    signed, keys, seen = file["signed"], file["signed"]["jwks"], []
    need(jcs(value) == data and len(data) <= 128 * 1024, "MALFORMED", "not canonical")
    need(signed["issued"] < signed["expires"] and signed["threshold"] <= len(keys) <= 8, "MALFORMED", "terms")
    need((signed["version"] == 1) == (signed["previous"] is None), "MALFORMED", "version before")
    payload = base64.urlsafe_b64encode(jcs(value["signed"])).rstrip(b"=").decode()
    for one in file["signatures"]:
        header, dots, signature = one.partition("..")
        need(dots, "MALFORMED", "signature")
        seen.append(shaped({"alg": text, "kid": text, "typ": text})(strict_json(unbase64url(header)))["kid"])
        if seen[-1] in keys:
            try:
                open_jws(f"{header}.{payload}.{signature}", "trust-anchors+jws", keys)
            except Refused as error:
                raise Refused("MALFORMED", str(error))
        else:
            need(signed["version"] > 1, "MALFORMED", "a stranger's signature")
    need(len(set(seen)) == len(seen) <= 16, "MALFORMED", "signatures")
    need(sum(kid in keys for kid in seen) >= signed["threshold"], "MALFORMED", "too few signatures")
    return signed
