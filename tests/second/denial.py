# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Denials, judged as in docs/API.md (A signed no), with the links above them as `verify.py` judges those of a yes."""

import json

from verify import (
    SKEW, Refused, age, at_link, climb, did, https, identifier, instant, kind, matches, members_of, must, need,
    open_link, place, reaches, read_chain, scopes, secs, shaped, text, unbase64url, whole,
)

TYPE, MAX_LIFE = "authority-denial+jwt", 3600
# The catalogue's reasons for a no; an authority may give those of NO_DELEGATION of another than itself.
NO_DELEGATION = ["UNKNOWN_AUTHORITY", "ANCESTOR_SUSPENDED", "ANCESTOR_REVOKED", "ANCESTOR_EXPIRED"]
REASONS = [
    *NO_DELEGATION, "UNKNOWN_ENTITY", "UNKNOWN_ACTION", "UNKNOWN_RESOURCE", "NOT_LISTED", "NOT_YET_VALID", "EXPIRED",
    "SUSPENDED", "REVOKED", "ENDED", "OUT_OF_SCOPE", "OUT_OF_JURISDICTION", "CONDITION_NOT_MET",
]

def bounded(value):
    """Conditions of a question: names of up to 128 bytes, values of up to 2048, 32 of them."""
    short = lambda n, v: len(n.encode()) <= 128 and len(text(v).encode()) <= 2048
    need(len(members_of(value)) <= 32 and all(short(n, v) for n, v in value.items()), "MALFORMED", "conditions")
    return value

ASKED = shaped(
    {"kind": kind, "authority": did, "entity": identifier, "action": identifier, "resource": identifier},
    {"time": instant, "locator": did, "jurisdiction": place, "conditions": bounded},
)
DENIAL = shaped(
    {"iss": https, "authority_id": did, "iat": secs, "exp": secs, "asked": ASKED,
     "reason": must(lambda v: v in REASONS, "no reason for a no"), "as_of": instant, "valid_until": instant,
     "epoch": whole(0, 2**63 - 1), "published_size": whole(0, 2**63 - 1)}
)

def check_denial(document):
    asked = document["asked"]["time"]
    need(document["exp"] - document["iat"] <= MAX_LIFE, "MALFORMED", "life")
    need(document["exp"] == -(-document["valid_until"] // 10**6), "MALFORMED", "valid_until")
    need(asked is None or asked == document["as_of"], "MALFORMED", "as_of")
    need(document["published_size"] <= document["epoch"], "MALFORMED", "published_size")

LEAF = (TYPE, DENIAL, check_denial)

def is_denial(chain):
    """What the leaf's header says, unverified: it is held to it."""
    try:
        return json.loads(unbase64url(read_chain(chain)[0].split(".")[0]))["typ"] == TYPE
    except (Refused, ValueError, KeyError, TypeError, IndexError):
        return False

def speaks(leaf, issuer, query):
    asked, above = leaf["asked"], [authority for _, authority in issuer["above"]]
    under = query["authority"] in [issuer["authority_id"], *above]
    need(leaf["authority_id"] == issuer["authority_id"], "MISMATCH", "authority")
    terms = ["kind", "entity", "action", "resource", "time", "locator", "jurisdiction"]
    need(all(asked[name] == query.get(name) for name in terms), "MISMATCH", "question")
    need((asked["conditions"] or {}) == (query.get("conditions") or {}), "MISMATCH", "conditions")
    if asked["authority"] == issuer["authority_id"]:
        return need(under, "MISMATCH", "asked authority")
    need(asked["authority"] == query["authority"] and not under, "MISMATCH", "asked authority")
    need(leaf["reason"] in NO_DELEGATION, "OUT_OF_SCOPE", "the word of another authority")

def covers(scope, query, at):
    """Who may not say yes to a question may not say no."""
    where = query.get("jurisdiction")
    return any(
        any(matches(p, query["action"]) for p in g["actions"])
        and any(matches(p, query["resource"]) for p in g["resources"])
        and (not where or not g["jurisdictions"] or any(reaches(j, where) for j in g["jurisdictions"]))
        and (g["until"] is None or at < g["until"])
        for g in scope
    )

def verify_denial(case):
    at, query = case["at"], case["query"]
    token, issuer, dated, ends, _ = climb(case)
    with at_link(0):
        leaf = open_link(token, LEAF, issuer, case["now"])
        speaks(leaf, issuer, query)
        need(all(covers(scope, query, at) for scope in scopes(issuer)), "OUT_OF_SCOPE")
        if leaf["asked"]["time"] is not None:
            need(at == leaf["as_of"], "MISMATCH", "time")
        else:
            need(leaf["as_of"] <= at + SKEW, "MISMATCH", "time")
            need(at < leaf["valid_until"], "LINK_EXPIRED")
    as_of = age(case, {**dated, 0: leaf["iat"] * 10**6})
    good_until = min(e for e in [*ends, leaf["valid_until"]] if e is not None)
    return {"decided_by": leaf["authority_id"], "reason": leaf["reason"], "as_of": as_of, "good_until": good_until}
