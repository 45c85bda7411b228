# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Recognitions: a link by which a question is followed to a peer, one hop, where the question says so and the peer's own
statement in turn is the next link, or the recognition says that it is one-sided (docs/API.md, Recognition of peers)."""

from verify import (
    GRANT, Refused, all_in, check_scope, did, flag, https, in_force, interval, jwks, listed, need, open_link, passed_on, pins,
    read_header, secs, shaped, text, whole, wider,
)

TYPE = "recognition-statement+jwt"
RECOGNITION = shaped(
    {"iss": https, "sub": https, "iat": secs, "exp": secs, "authority_id": did, "peer_id": did, "jwks": jwks,
     "endpoint": text, "scope": listed(GRANT), "may_follow": flag, "valid": listed(interval),
     "seq": whole(1, 2**63 - 1)},
    {"tls_spki_sha256": pins, "one_sided": flag},
)

def check_recognition(document):
    itself = document["iss"] == document["sub"] or document["authority_id"] == document["peer_id"]
    need(not itself, "MALFORMED", "of its issuer")
    check_scope(document["scope"])

LINK = (TYPE, RECOGNITION, check_recognition)

def is_one(token):
    """What its header says, unverified: it is held to it."""
    try:
        return read_header(token)["typ"] == TYPE
    except Refused:
        return False

def follow(token, issuer, case):
    """The peer as the issuer of the next link down, the statement about it, and its end."""
    link, query = open_link(token, LINK, issuer, case["now"]), case["query"]
    need(query.get("follow_recognition"), "MISMATCH", "the question does not ask for it")
    need(query["authority"] == issuer["authority_id"], "MISMATCH", "asked was another authority")
    until = in_force(link["valid"], case["at"])
    need(issuer["recognised"] is None, "PATH_TOO_LONG", "a second hop")
    need(link["may_follow"], "OUT_OF_SCOPE", "nobody may follow it")
    need(link["authority_id"] == issuer["authority_id"], "MISMATCH", "authority")
    # The peer is bound by what it was recognised for alone: how it delegates is its own matter.
    peer = passed_on(issuer, (link["sub"], link["peer_id"]), link["scope"], None)
    return {**peer, "keys": link["jwks"], "scope": None, "recognised": link["scope"]}, link, until

def in_turn(token, own, case):
    """What the peer of the recognition `own` states about whoever made it, and its end: it leads nowhere."""
    need(is_one(token), "MISMATCH", "no recognition in turn")
    peer = {"entity_id": own["sub"], "keys": own["jwks"]}
    link = open_link(token, LINK, peer, case["now"])
    both = (link["sub"], link["peer_id"]) == (own["iss"], own["authority_id"])
    need(both and link["authority_id"] == own["peer_id"], "MISMATCH", "of others")
    until = in_force(link["valid"], case["at"])
    def names(outer, inner):
        return all(all_in(outer[what], inner[what], wider) for what in ("actions", "resources"))
    need(all(any(names(o, i) for o in link["scope"]) for i in own["scope"]), "OUT_OF_SCOPE")
    return link, until
