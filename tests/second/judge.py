#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Judges cases with the second verifier.

usage: judge.py FILE..   each file: {"cases": [case, ..]}; prints one line of JSON for each case.

A case: name; chain, anchors (base64 of the files); query {kind, authority, entity, action, resource, time?, locator?,
jurisdiction?, conditions?, follow_recognition?}; at, now (microseconds since 1970); max_age (seconds) or null; log null
or {event, log_proof, configuration, policy or null (base64), max_age}. Whether a yes or a no is proven, the leaf's type
says.
What is refused has a code, and the link that fails, from the leaf, which is 0: null where a file cannot be read at all.
"""

import json
import sys

from denial import is_denial, verify_denial
from log import verify_log
from verify import Refused, at_link, unbase64, verify_chain

def judge(case):
    try:
        if is_denial(unbase64(case["chain"])):
            return {"name": case["name"], "ok": True, "said": verify_denial(case)}
        leaf, issuer, said = verify_chain(case)
        with at_link(0):
            said["log"] = None if case["log"] is None else verify_log(case, leaf, issuer)
        return {"name": case["name"], "ok": True, "said": said}
    except (Refused, UnicodeError) as fault:
        code, link = getattr(fault, "code", "MALFORMED"), getattr(fault, "link", None)
        return {"name": case["name"], "ok": False, "code": code, "link": link, "detail": str(fault)}

if __name__ == "__main__":
    for path in sys.argv[1:]:
        with open(path, "rb") as corpus:
            for one in json.load(corpus)["cases"]:
                print(json.dumps(judge(one)))
