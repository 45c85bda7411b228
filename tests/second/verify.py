# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A second verifier of chains, written from docs/STANDARDS.md; `judge.py` runs it. Denials, recognitions, signed anchor
sets and logs have files of their own. Standard library and `cryptography`; no code of the product."""

import base64
import calendar
import contextlib
import datetime
import hashlib
import json
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256

SKEW, MAX_DEPTH, MAX_CHAIN = 60 * 10**6, 8, 256 * 1024  # microseconds, delegations, bytes

class Refused(Exception):
    def __init__(self, code, detail=""):
        super().__init__(code + ": " + detail)
        self.code, self.detail, self.link = code, detail, None

def need(holds, code, detail=""):
    if not holds:
        raise Refused(code, detail)

@contextlib.contextmanager
def at_link(n):
    """Whatever is refused within is refused for this link, counted from the leaf, which is 0."""
    try:
        yield
    except (Refused, UnicodeError) as error:
        refused = error if isinstance(error, Refused) else Refused("MALFORMED", str(error))
        refused.link = n if refused.link is None else refused.link
        raise refused

# ---- base64, JSON, times
def unbase64(text, alphabet=b"+/", padded=True):
    """One spelling for each sequence of bytes: padding as asked, unused bits zero."""
    try:
        raw = text.encode("ascii")
        data = base64.b64decode(raw if padded else raw + b"=" * (-len(raw) % 4), alphabet, validate=True)
    except (ValueError, UnicodeEncodeError):
        raise Refused("MALFORMED", "base64")
    again = base64.b64encode(data, alphabet)
    need((again if padded else again.rstrip(b"=")) == raw, "MALFORMED", "base64 has another spelling")
    return data

def sha256(*parts): return hashlib.sha256(b"".join(parts)).digest()
def unbase64url(text): return unbase64(text, b"-_", padded=False)

def strict_json(data, nulls=False):
    """No member twice, no fraction, no exponent, no null unless asked for, no lone surrogate."""
    def members(pairs):
        need(len({name for name, _ in pairs}) == len(pairs), "MALFORMED", "a member stands twice")
        return dict(pairs)
    def number(text):
        need(text != "-0" and -(2**63) <= int(text) < 2**64, "MALFORMED", "number")
        return int(text)
    def refuse(text):
        raise Refused("MALFORMED", text)
    def look(value, depth=0):
        need(depth < 128 and (value is not None or nulls), "MALFORMED", "null, or too deep")
        if isinstance(value, str):
            value.encode("utf-8")
        elif isinstance(value, (list, dict)):
            for one in value if isinstance(value, list) else [*value.keys(), *value.values()]:
                look(one, depth + 1)
    try:
        how = {"object_pairs_hook": members, "parse_int": number, "parse_float": refuse, "parse_constant": refuse}
        value = json.loads(data.decode("utf-8"), **how)
        look(value)
        return value
    except (ValueError, RecursionError) as error:
        raise Refused("MALFORMED", str(error))

TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)

def instant(text):
    """RFC 3339 as microseconds since 1970."""
    try:
        found = TIME.fullmatch(text)
        moment = datetime.datetime(*map(int, found.group(1, 2, 3, 4, 5, 6)))
        hours, minutes = int(found[9] or 0), int(found[10] or 0)
    except (ValueError, TypeError, AttributeError):
        raise Refused("MALFORMED", "time")
    need(hours < 24 and minutes < 60, "MALFORMED", "offset")
    secs = calendar.timegm(moment.timetuple()) - (-60 if found[8] == "-" else 60) * (hours * 60 + minutes)
    return secs * 10**6 + int((found[7] or "0").ljust(9, "0")) // 1000

# ---- shapes of members
def must(test, what="value"):
    def check(value):
        need(test(value), "MALFORMED", what)
        return value
    return check

text, flag = must(lambda v: type(v) is str, "not text"), must(lambda v: type(v) is bool, "not true or false")
array, members_of = must(lambda v: type(v) is list, "not a list"), must(lambda v: type(v) is dict, "not an object")
def whole(low, high): return must(lambda v: type(v) is int and low <= v <= high, "not such a whole number")
def like(expression, before=text): return must(lambda v: re.fullmatch(expression, before(v)), expression)
def listed(one): return lambda value: [one(v) for v in array(value)]

def shaped(required, optional=None):
    """Exactly these members; an absent optional one is None."""
    optional = optional or {}
    def check(value):
        need(set(required) <= set(members_of(value)) <= set(required) | set(optional), "MALFORMED", "members")
        out = {name: one(value[name]) for name, one in required.items()}
        out.update({n: one(value[n]) if value.get(n) is not None else None for n, one in optional.items()})
        return out
    return check

PCHAR = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
HOST = r"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)"
URI = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):)?"
    rf"(?://(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{{2}})*@)?{HOST}(?::[0-9]*)?(?:/{PCHAR}*)*"
    rf"|(?P<path>/(?:{PCHAR}+(?:/{PCHAR}*)*)?|{PCHAR}+(?:/{PCHAR}*)*|))"
    rf"(?:\?(?:{PCHAR}|[/?])*)?(?:#(?:{PCHAR}|[/?])*)?"
)

def identifier(value):
    """A URI reference (RFC 3986, 4.1)."""
    need(0 < len(text(value).encode()) <= 2048, "MALFORMED", "length of an identifier")
    found = URI.fullmatch(value)
    # Without a scheme the first segment has no colon (RFC 3986, 4.2).
    need(found and (found["scheme"] or ":" not in (found["path"] or "").split("/")[0]), "MALFORMED", "identifier")
    return value

def pattern(value):
    if like(r"\*|[^*]*[:/#]\*|[^*]+")(value) != "*":
        identifier(value.rstrip("*"))
    return value

def conditions(value): return {name: set(listed(text)(values)) for name, values in members_of(value).items()}

did = like(r"did:[a-z0-9]+:.+", identifier)
https = like(r"https://[^?#]+", identifier)
kind = like(r"authorization|recognition")
place = like(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
visible = like(r"[!-~]{1,2112}")
interval = shaped({}, {"from": instant, "until": instant})
secs = whole(-(2**63), 2**63 - 1)

# ---- keys and signatures
def jwk(value):
    """A public key with its one algorithm, under its thumbprint (RFC 7638)."""
    k = shaped({"kty": text, "crv": text, "x": text}, {n: text for n in ("y", "kid", "alg", "use")})(value)
    algorithms = {("EC", "P-256", True): "ES256", ("OKP", "Ed25519", False): "EdDSA"}
    alg = algorithms.get((k["kty"], k["crv"], k["y"] is not None))
    need(alg and k["alg"] in (None, alg) and k["use"] in (None, "sig"), "MALFORMED", "key")
    point = [unbase64url(k[n]) for n in ("x", "y") if k[n] is not None]
    need(all(len(p) == 32 for p in point), "MALFORMED", "coordinate")
    y = ',"y":"%s"' % k["y"] if k["y"] is not None else ""
    canonical = '{"crv":"%s","kty":"%s","x":"%s"%s}' % (k["crv"], k["kty"], k["x"], y)
    kid = base64.urlsafe_b64encode(sha256(canonical.encode())).rstrip(b"=").decode()
    need(k["kid"] in (None, kid), "MALFORMED", "kid is not the thumbprint")
    try:
        if alg == "EdDSA":
            return kid, (alg, ed25519.Ed25519PublicKey.from_public_bytes(point[0]))
        numbers = [int.from_bytes(p, "big") for p in point]
        return kid, (alg, ec.EllipticCurvePublicNumbers(*numbers, ec.SECP256R1()).public_key())
    except ValueError:
        raise Refused("MALFORMED", "not a point")

def jwks(value):
    keys = listed(jwk)(shaped({"keys": array})(value)["keys"])
    need(1 <= len(keys) <= 16 and len(dict(keys)) == len(keys), "MALFORMED", "keys")
    return dict(keys)

def verifies(alg, public, signature, message):
    try:
        if alg == "EdDSA":
            public.verify(signature, message)
        else:
            halves = [int.from_bytes(signature[i : i + 32], "big") for i in (0, 32)]
            public.verify(utils.encode_dss_signature(*halves), message, ec.ECDSA(SHA256()))
        return len(signature) == 64
    except InvalidSignature:
        return False

def read_header(token):
    """Of a compact JWS: `alg`, `kid`, `typ` and nothing else."""
    parts = token.split(".")
    need(len(parts) == 3 and len(token) <= MAX_CHAIN, "MALFORMED", "parts")
    return shaped({"alg": text, "kid": text, "typ": text})(strict_json(unbase64url(parts[0])))

def open_jws(token, typ, keys):
    """Its payload."""
    header, parts = read_header(token), token.split(".")
    need(header["typ"] == typ, "WRONG_TYPE", header["typ"])
    need(header["kid"] in keys, "SIGNATURE", "unknown key")
    alg, public = keys[header["kid"]]
    need(header["alg"] == alg, "SIGNATURE", "algorithm")
    payload, signature = unbase64url(parts[1]), unbase64url(parts[2])
    need(verifies(alg, public, signature, ".".join(parts[:2]).encode()), "SIGNATURE")
    return strict_json(payload)

# ---- documents
STATEMENT = shaped(
    {"iss": https, "authority_id": did, "sub": identifier, "iat": secs, "exp": secs, "kind": kind, "action": identifier,
     "resource": identifier, "jurisdictions": listed(place), "conditions": conditions, "valid": listed(interval),
     "seq": whole(1, 2**63 - 1)},
    {"accreditation": shaped({"id": text, "body": text}, {"valid_until": instant})},
)
GRANT = shaped(
    {"actions": listed(pattern), "resources": listed(pattern)},
    {"jurisdictions": listed(place), "conditions": conditions, "may_delegate": flag, "until": instant},
)
NAMING = shaped({}, {"permitted": listed(text), "excluded": listed(text)})
def pins(value):
    need(len(set(listed(like(r"[0-9a-f]{64}"))(value))) == len(value) <= 4, "MALFORMED", "TLS keys")
    return value
DELEGATED = shaped(
    {"authority_id": did, "scope": listed(GRANT), "valid": listed(interval), "status": text}, {"tls_spki_sha256": pins}
)
SUBORDINATE = shaped(
    {"iss": https, "sub": https, "iat": secs, "exp": secs, "jwks": jwks,
     "constraints": shaped({}, {"max_path_length": whole(0, 255), "naming_constraints": NAMING}),
     "metadata": shaped({"trust_registry": DELEGATED})}
)
def endpoints(value):
    need(len(listed(like(r"[!-~]{1,2048}"))(value)) <= 8, "MALFORMED", "endpoints")
    return value
WITNESS = shaped({"name": visible, "vkey": visible, "url": visible})
LOG = shaped({"origin": visible, "vkey": visible, "url": visible}, {"witness": WITNESS})
def officers(value):
    need(len(array(value)) != 1, "MALFORMED", "officers")
    return jwks({"keys": value}) if value else {}
REGISTRY = shaped(
    {"authority_id": did, "trqp_endpoint": text, "grpc_endpoint": text},
    {"endpoints": endpoints, "governance_framework": text, "log": LOG, "tls_spki_sha256": pins,
     "emergency_officers": officers},
)
MARKS = ("trust_mark_status", "trust_mark_list", "trust_mark")
ENDPOINTS = [f"federation_{e}_endpoint" for e in ("fetch", "list", "resolve", *MARKS, "historical_keys")]
def issuers(value):
    need(len(members_of(value)) <= 100 and all(len(array(ids)) <= 100 for ids in value.values()), "MALFORMED", "issuers")
    return {name: listed(https)(ids) for name, ids in value.items()}
ENTITY = shaped(
    {"organization_name": text},
    {n: text for n in ["organization_uri", "policy_uri", *ENDPOINTS]} | {"contacts": listed(text)},
)
CONFIGURATION = shaped(
    {"iss": https, "sub": https, "iat": secs, "exp": secs, "jwks": jwks,
     "metadata": shaped({"federation_entity": ENTITY, "trust_registry": REGISTRY})},
    {"authority_hints": listed(https), "trust_mark_issuers": issuers},
)

def check_configuration(document):
    hints, log = document["authority_hints"], document["metadata"]["trust_registry"]["log"]
    need(document["iss"] == document["sub"] and (hints is None or 1 <= len(hints) <= 8), "MALFORMED", "configuration")
    need(log is None or log["vkey"].startswith(log["origin"] + "+"), "MALFORMED", "origin")
    witness = log and log["witness"]
    need(not witness or witness["vkey"].startswith(witness["name"] + "+"), "MALFORMED", "witness")

def check_subordinate(document):
    need(document["iss"] != document["sub"], "MALFORMED", "subordinate")
    check_scope(document["metadata"]["trust_registry"]["scope"])

def check_scope(scope):
    need(1 <= len(scope) <= 64, "MALFORMED", "scope")
    need(all(g["actions"] and g["resources"] for g in scope), "MALFORMED", "grant")

CONFIG = ("entity-statement+jwt", CONFIGURATION, check_configuration)
DELEGATION = ("entity-statement+jwt", SUBORDINATE, check_subordinate)
LEAF = ("authority-statement+jwt", STATEMENT, lambda document: None)

def open_link(token, what, issuer, now):
    """A document signed by its issuer, and about now."""
    typ, shape, check = what
    try:
        document = shape(open_jws(token, typ, issuer["keys"]))
    except Refused as refused:
        need(refused.detail != "unknown key" or claimed(token) in (None, issuer["entity_id"]), "ISSUER")
        raise
    need(document["exp"] > document["iat"], "MALFORMED", "exp")
    check(document)
    need(document["iss"] == issuer["entity_id"], "ISSUER")
    need(document["iat"] * 10**6 <= now + SKEW, "NOT_YET_ISSUED")
    need(document["exp"] * 10**6 > now, "LINK_EXPIRED")
    return document

def claimed(token):
    """Who a token says it is from, unverified."""
    try:
        return https(json.loads(unbase64url(token.split(".")[1]).decode())["iss"])
    except (Refused, ValueError, KeyError, TypeError, IndexError):
        return None

# ---- scopes, names, intervals
def prefix(p): return p[:-1] if p.endswith("*") else None
def matches(p, value): return value.startswith(prefix(p)) if prefix(p) is not None else p == value

def wider(outer, inner):
    if prefix(outer) is None:
        return outer == inner
    return (inner if prefix(inner) is None else prefix(inner)).startswith(prefix(outer))

def reaches(outer, inner): return outer == inner or inner.startswith(outer + "-")
def all_in(outer, inner, holds): return all(any(holds(o, i) for o in outer) for i in inner)
def places_in(outer, inner): return not outer or (bool(inner) and all_in(outer, inner, reaches))

def conditions_in(outer, inner):
    return all(name in inner and inner[name] <= allowed for name, allowed in (outer or {}).items())

def grant_in(outer, inner):
    return (
        all_in(outer["actions"], inner["actions"], wider)
        and all_in(outer["resources"], inner["resources"], wider)
        and places_in(outer["jurisdictions"], inner["jurisdictions"])
        and conditions_in(outer["conditions"], inner["conditions"] or {})
        and (outer["until"] is None or (inner["until"] is not None and inner["until"] <= outer["until"]))
    )

def admitting(scope, leaf, at):
    """The grants that a statement stands on; refused where there is none."""
    named = [
        g for g in scope
        if any(matches(p, leaf["action"]) for p in g["actions"])
        and any(matches(p, leaf["resource"]) for p in g["resources"])
        and (g["until"] is None or at < g["until"])
    ]
    need(named, "OUT_OF_SCOPE")
    held = leaf["jurisdictions"], leaf["conditions"]
    inside = [g for g in named if places_in(g["jurisdictions"], held[0]) and conditions_in(g["conditions"], held[1])]
    need(inside, "OUT_OF_JURISDICTION")
    return inside

def permits(naming, name):
    """OpenID Federation 1.0, 6.2.2: a host, `.` and a domain, or the beginning of an https identifier."""
    name = name.lower()
    authority = name[len("https://"):].split("/")[0]
    host, colon, port = authority.rpartition(":")
    host = host if colon and re.fullmatch("[0-9]*", port) else authority
    if "@" in authority or not host:
        return False
    def covers(entry):
        entry = entry.lower()
        if entry.startswith("https://"):
            entry = entry[:-1] if entry.endswith("/") else entry
            return name.startswith(entry) and name[len(entry):][:1] in ("", "/")
        return host.endswith(entry) and len(host) > len(entry) if entry.startswith(".") else host == entry
    permitted, excluded = naming["permitted"] or [], naming["excluded"] or []
    return not any(map(covers, excluded)) and (not permitted or any(map(covers, permitted)))

def latest(ends): return None if None in ends else max(ends)
def earliest(ends): return min((e for e in ends if e is not None), default=None)

def in_force(intervals, at):
    holds = [i for i in intervals if (i["from"] is None or i["from"] <= at) and (i["until"] is None or at < i["until"])]
    need(holds, "NOT_IN_FORCE")
    return latest([i["until"] for i in holds])

# ---- chains
def climb(case):
    """Down from the anchor to the leaf, which is not looked at: the leaf, who must have signed it, when each link above
    was issued, when the proof ends, and until when what it proves is in force."""
    from recognition import follow, in_turn, is_one  # which needs what is here
    links, anchors = read_chain(unbase64(case["chain"])), read_anchors(unbase64(case["anchors"]))
    last = len(links) - 1
    with at_link(last):
        issuer, top = pinned(links[last], anchors, case["now"])
    with at_link(last - 1):
        longest = MAX_DEPTH + (1 if case["query"].get("follow_recognition") else 0)
        need(last - 1 <= longest, "PATH_TOO_LONG")
    dated, ends, until, owed = {}, [top["exp"] * 10**6, anchors["expires"]], [], None
    for n in range(last - 1, 0, -1):
        with at_link(n):
            if owed is not None:
                (link, end), owed = in_turn(links[n], owed, case), None
            elif is_one(links[n]):
                issuer, link, end = follow(links[n], issuer, case)
                owed = None if link["one_sided"] else link
            else:
                issuer, link, end = delegate(links[n], issuer, case)
        until.append(end)
        dated[n] = link["iat"] * 10**6
        ends.append(link["exp"] * 10**6)
    with at_link(0):
        need(owed is None, "MISMATCH", "no recognition in turn")
    return links[0], issuer, dated, ends, until

def pinned(token, anchors, now):
    """The anchor as the issuer of the next link down, and its configuration."""
    need(anchors["expires"] is None or anchors["expires"] > now, "ANCHOR_EXPIRED")
    iss = claimed(token)
    need(iss, "MALFORMED", "no configuration")
    anchor = next((a for a in anchors["anchors"] if a["entity_id"] == iss), None)
    need(anchor, "UNKNOWN_ANCHOR")
    names = {"entity_id": anchor["entity_id"], "authority_id": anchor["authority_id"]}
    free = {"scope": None, "recognised": None, "left": None, "naming": [], "above": []}
    top = open_link(token, CONFIG, {**names, **free, "keys": anchor["jwks"]}, now)
    need(top["metadata"]["trust_registry"]["authority_id"] == anchor["authority_id"], "MISMATCH")
    return {**names, **free, "keys": top["jwks"]}, top

def age(case, dated):
    as_of = min(dated.values())
    with at_link(min(n for n, issued in dated.items() if issued == as_of)):
        need(case["max_age"] is None or case["now"] - as_of <= case["max_age"] * 10**6, "TOO_OLD")
    return as_of

def scopes(issuer):
    """What it says must lie inside each of these."""
    return [scope for scope in (issuer["scope"], issuer["recognised"]) if scope is not None]

def verify_chain(case):
    at, now, query = case["at"], case["now"], case["query"]
    token, issuer, dated, ends, until = climb(case)
    with at_link(0):
        leaf = open_link(token, LEAF, issuer, now)
        need(leaf["authority_id"] == issuer["authority_id"], "MISMATCH", "authority")
        granted = [admitting(scope, leaf, at) for scope in scopes(issuer)]
        unstated = check_leaf(leaf, issuer, query)
        until.append(in_force(leaf["valid"], at))
        ground = (leaf["accreditation"] or {}).get("valid_until")
        need(ground is None or at < ground, "NOT_IN_FORCE")
    until += [ground, *[latest([g["until"] for g in grants]) for grants in granted]]
    as_of = age(case, {**dated, 0: leaf["iat"] * 10**6})
    ends = {"good_until": earliest([*ends, leaf["exp"] * 10**6]), "valid_until": earliest(until)}
    return leaf, issuer, {"decided_by": leaf["authority_id"], "as_of": as_of, "unstated": unstated, **ends}

def read_chain(data):
    need(len(data) <= MAX_CHAIN, "MALFORMED", "length")
    need(re.fullmatch(rb'\["[A-Za-z0-9_.-]*"(?:,"[A-Za-z0-9_.-]*")*\]', data), "MALFORMED", "chain file")
    links = data[2:-2].decode().split('","')
    need(2 <= len(links) <= MAX_DEPTH + 3, "MALFORMED", "number of links")
    return links

ANCHOR = shaped({"authority_id": did, "entity_id": https, "jwks": jwks})

def read_anchors(data):
    value = strict_json(data)
    if type(value) is dict and "signed" in value:
        from anchors import read_version  # which needs what is above
        anchors = read_version(data, value)
    else:
        whole_one = {"version": whole(1, 1), "threshold": whole(1, 1), "anchors": listed(ANCHOR)}
        anchors = shaped(whole_one, {"expires": instant})(value)
    names = [a[n] for a in anchors["anchors"] for n in ("authority_id", "entity_id")]
    need(2 <= len(names) <= 128 and len(set(names)) == len(names), "MALFORMED", "anchors")
    return anchors

def delegate(token, issuer, case):
    """Who may sign the next link down, the statement about it, and its end."""
    link = open_link(token, DELEGATION, issuer, case["now"])
    delegated, constraints = link["metadata"]["trust_registry"], link["constraints"]
    until = in_force(delegated["valid"], case["at"])
    names = link["sub"], delegated["authority_id"]
    below = passed_on(issuer, names, delegated["scope"], constraints["naming_constraints"])
    left = earliest([below["left"], constraints["max_path_length"]])
    return {**below, "keys": link["jwks"], "scope": delegated["scope"], "left": left}, link, until

def passed_on(issuer, names, scope, constraint):
    """Whoever comes next on the way down, by its entity id and authority; nothing is gained on the way."""
    need(issuer["left"] != 0 and len(issuer["above"]) < MAX_DEPTH, "PATH_TOO_LONG")
    above = [*issuer["above"], (issuer["entity_id"], issuer["authority_id"])]
    need(not any(mine == theirs for passed in above for mine, theirs in zip(passed, names)), "LOOP")
    naming = issuer["naming"] + ([constraint] if constraint is not None else [])
    need(all(permits(n, names[0]) for n in naming), "NAMING")
    if issuer["scope"] is not None:
        passing = [g for g in issuer["scope"] if g["may_delegate"]]
        need(all(any(grant_in(o, i) for o in passing) for i in scope), "OUT_OF_SCOPE")
    left = None if issuer["left"] is None else issuer["left"] - 1
    return {**issuer, "entity_id": names[0], "authority_id": names[1], "left": left, "naming": naming, "above": above}

def check_leaf(leaf, issuer, query):
    """It answers this very question; gives the conditions that the question says nothing about."""
    above = [authority for _, authority in issuer["above"]]
    need(query["authority"] in [issuer["authority_id"], *above], "MISMATCH", "asked authority")
    same = {"kind": "kind", "sub": "entity", "action": "action", "resource": "resource"}
    need(all(leaf[mine] == query[theirs] for mine, theirs in same.items()), "MISMATCH", "question")
    asked, given = query.get("jurisdiction"), query.get("conditions") or {}
    held = leaf["jurisdictions"]
    need(not asked or not held or any(reaches(j, asked) for j in held), "OUT_OF_JURISDICTION")
    need(all(given[n] in v for n, v in leaf["conditions"].items() if n in given), "CONDITION_NOT_MET")
    return sorted(n for n in leaf["conditions"] if n not in given)
