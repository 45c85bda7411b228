# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A second verifier of chains and log proofs, written from docs/STANDARDS.md and the C2SP texts; `judge.py` runs it.
Standard library and `cryptography`; no code of the product."""

import base64
import calendar
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
        self.code, self.detail = code, detail

def need(holds, code, detail=""):
    if not holds:
        raise Refused(code, detail)

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

def open_jws(token, typ, keys):
    """Payload of a compact JWS whose header is `alg`, `kid`, `typ` and nothing else."""
    parts = token.split(".")
    need(len(parts) == 3 and len(token) <= MAX_CHAIN, "MALFORMED", "parts")
    header = shaped({"alg": text, "kid": text, "typ": text})(strict_json(unbase64url(parts[0])))
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
WITNESS = shaped({"name": visible, "vkey": visible, "url": visible})
LOG = shaped({"origin": visible, "vkey": visible, "url": visible}, {"witness": WITNESS})
REGISTRY = shaped(
    {"authority_id": did, "trqp_endpoint": text, "grpc_endpoint": text},
    {"governance_framework": text, "log": LOG, "tls_spki_sha256": pins},
)
ENDPOINTS = [f"federation_{e}_endpoint" for e in ("fetch", "list", "resolve", "historical_keys")]
ENTITY = shaped(
    {"organization_name": text},
    {n: text for n in ["organization_uri", "policy_uri", *ENDPOINTS]} | {"contacts": listed(text)},
)
CONFIGURATION = shaped(
    {"iss": https, "sub": https, "iat": secs, "exp": secs, "jwks": jwks,
     "metadata": shaped({"federation_entity": ENTITY, "trust_registry": REGISTRY})},
    {"authority_hints": listed(https)},
)

def check_configuration(document):
    hints, log = document["authority_hints"], document["metadata"]["trust_registry"]["log"]
    need(document["iss"] == document["sub"] and (hints is None or 1 <= len(hints) <= 8), "MALFORMED", "configuration")
    need(log is None or log["vkey"].startswith(log["origin"] + "+"), "MALFORMED", "origin")
    witness = log and log["witness"]
    need(not witness or witness["vkey"].startswith(witness["name"] + "+"), "MALFORMED", "witness")

def check_subordinate(document):
    scope = document["metadata"]["trust_registry"]["scope"]
    need(document["iss"] != document["sub"] and 1 <= len(scope) <= 64, "MALFORMED", "subordinate")
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
    at, now = case["at"], case["now"]
    links, anchors = read_chain(unbase64(case["chain"])), read_anchors(unbase64(case["anchors"]))
    need(anchors["expires"] is None or anchors["expires"] > now, "ANCHOR_EXPIRED")
    iss = claimed(links[-1])
    need(iss, "MALFORMED", "no configuration")
    anchor = next((a for a in anchors["anchors"] if a["entity_id"] == iss), None)
    need(anchor, "UNKNOWN_ANCHOR")
    names = {"entity_id": anchor["entity_id"], "authority_id": anchor["authority_id"]}
    issuer = {**names, "keys": anchor["jwks"], "scope": None, "left": None, "naming": [], "above": []}
    top = open_link(links[-1], CONFIG, issuer, now)
    need(top["metadata"]["trust_registry"]["authority_id"] == anchor["authority_id"], "MISMATCH")
    issuer["keys"] = top["jwks"]
    dated, ends, until = [], [top["exp"] * 10**6, anchors["expires"]], []
    for token in reversed(links[1:-1]):
        link = open_link(token, DELEGATION, issuer, now)
        until.append(in_force(link["metadata"]["trust_registry"]["valid"], at))
        issuer = descend(issuer, link)
        dated.append(link["iat"] * 10**6)
        ends.append(link["exp"] * 10**6)
    return links[0], issuer, dated, ends, until

def age(case, dated):
    as_of = min(dated)
    need(case["max_age"] is None or case["now"] - as_of <= case["max_age"] * 10**6, "TOO_OLD")
    return as_of

def verify_chain(case):
    at, now, query = case["at"], case["now"], case["query"]
    token, issuer, dated, ends, until = climb(case)
    leaf = open_link(token, LEAF, issuer, now)
    need(leaf["authority_id"] == issuer["authority_id"], "MISMATCH", "authority")
    grants = None if issuer["scope"] is None else admitting(issuer["scope"], leaf, at)
    unstated = check_leaf(leaf, issuer, query)
    until.append(in_force(leaf["valid"], at))
    ground = (leaf["accreditation"] or {}).get("valid_until")
    need(ground is None or at < ground, "NOT_IN_FORCE")
    until += [ground, latest([g["until"] for g in grants]) if grants else None]
    as_of = age(case, [*dated, leaf["iat"] * 10**6])
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

def descend(issuer, link):
    """Who may sign the next link down; nothing is gained on the way."""
    delegated, constraints = link["metadata"]["trust_registry"], link["constraints"]
    need(issuer["left"] != 0 and len(issuer["above"]) < MAX_DEPTH, "PATH_TOO_LONG")
    passed = [*issuer["above"], (issuer["entity_id"], issuer["authority_id"])]
    need(not any(link["sub"] == e or delegated["authority_id"] == a for e, a in passed), "LOOP")
    own = constraints["naming_constraints"]
    naming = issuer["naming"] + ([own] if own is not None else [])
    need(all(permits(n, link["sub"]) for n in naming), "NAMING")
    if issuer["scope"] is not None:
        passing = [g for g in issuer["scope"] if g["may_delegate"]]
        need(all(any(grant_in(o, i) for o in passing) for i in delegated["scope"]), "OUT_OF_SCOPE")
    left = None if issuer["left"] is None else issuer["left"] - 1
    left = earliest([left, constraints["max_path_length"]])
    return {"entity_id": link["sub"], "authority_id": delegated["authority_id"], "keys": link["jwks"],
            "scope": delegated["scope"], "left": left, "naming": naming, "above": passed}

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

# ---- transparency log (C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-policy; RFC 9162)
def sha256(*parts): return hashlib.sha256(b"".join(parts)).digest()
def key_name(name): return 0 < len(name.encode()) <= 255 and not any(c == "+" or c < " " or c.isspace() for c in name)

def vkey(line, kind, code):
    """A verifier key of type 1 (log) or 4 (cosignature/v1)."""
    parts = line.split("+", 2)
    need(len(parts) == 3 and key_name(parts[0]) and re.fullmatch(r"[0-9a-f]{8}", parts[1]), code, "vkey")
    key = within(code, unbase64, parts[2])
    need(len(key) == 33 and key[0] == kind, code, "type of a key")
    identity = sha256(parts[0].encode(), b"\n", key)[:4]
    need(identity.hex() == parts[1], code, "id of a key")
    public = ed25519.Ed25519PublicKey.from_public_bytes(key[1:])
    return {"name": parts[0], "id": identity, "kind": kind, "raw": key[1:], "public": public}

def within(code, read, *arguments):
    """The same, where what is malformed has another code."""
    try:
        return read(*arguments)
    except (Refused, UnicodeDecodeError) as error:
        known = getattr(error, "code", "MALFORMED")
        raise Refused(code if known == "MALFORMED" else known, str(error))

def read_note(note):
    """Text and signature lines."""
    need(len(note.encode()) <= 128 * 1024 and not any(c < " " and c != "\n" for c in note), "LOG_PROOF", "characters")
    body, gap, tail = note.rpartition("\n\n")
    lines = tail[:-1].split("\n")
    need(gap and tail.endswith("\n") and len(lines) <= 64, "LOG_PROOF", "note")
    signatures = []
    for line in lines:
        parts = line.split(" ")
        need(len(parts) == 3 and parts[0] == "\u2014" and key_name(parts[1]), "LOG_PROOF", "signature line")
        signature = unbase64(parts[2])
        need(len(signature) > 4, "LOG_PROOF", "signature")
        signatures.append((parts[1], signature[:4], signature[4:]))
    return body + "\n", signatures

def signed_by(key, body, signatures, code):
    """None where the key has not signed; else the time of a cosignature, or True."""
    mine = [s for name, identity, s in signatures if (name, identity) == (key["name"], key["id"])]
    need(len(mine) <= 1, code, "a key has signed twice")
    if not mine:
        return None
    signature, message, said = mine[0], body, True
    if key["kind"] == 4:
        said, signature = int.from_bytes(signature[:8], "big"), signature[8:]
        need(said < 2**63, code, "time")
        message = f"cosignature/v1\ntime {said}\n{body}"
    need(verifies("EdDSA", key["public"], signature, message.encode()), code, "signature of a known key")
    return said

def decimal(line):
    need(re.fullmatch(r"0|[1-9][0-9]{0,18}", line) and int(line) < 2**63, "LOG_PROOF", "number")
    return int(line)

def hash_line(line): return unbase64(line if len(line) == 44 else "not a hash")

def read_proof(data):
    """Index, hashes, and the checkpoint: its text, signatures, and origin, size and root."""
    head, gap, note = data.decode("utf-8").partition("\n\n")
    lines = head.split("\n")
    need(gap and lines.pop(0) == "c2sp.org/tlog-proof@v1", "LOG_PROOF", "first line")
    if lines and lines[0].startswith("extra "):
        need(0 < len(unbase64(lines.pop(0)[len("extra "):])) <= 64 * 1024, "LOG_PROOF", "extra")
    need(lines and lines[0].startswith("index "), "LOG_PROOF", "index")
    index = decimal(lines.pop(0)[len("index "):])
    need(len(lines) <= 63, "LOG_PROOF", "too many hashes")
    body, signatures = read_note(note)
    tree = body[:-1].split("\n")
    need(len(tree) >= 3 and all(tree), "LOG_PROOF", "checkpoint")
    said = tree[0], decimal(tree[1]), hash_line(tree[2])
    return index, [hash_line(line) for line in lines], (body, signatures, said)

def root_of(leaf, index, size, path):  # RFC 9162, 2.1.3.2
    need(index < size, "NOT_IN_LOG", "index")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        need(sn != 0, "NOT_IN_LOG", "length")
        if fn & 1 or fn == sn:
            r = sha256(b"\x01", p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\x01", r, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "NOT_IN_LOG", "length")
    return r

def read_policy(data):
    """Logs, witnesses by name, and whether those who cosigned are enough."""
    logs, witnesses, groups, members, quorum = [], {}, {}, set(), None
    def new(name):
        need(name not in witnesses and name not in groups and name != "none", "POLICY", name)
        return name
    def member(name):
        need((name in witnesses or name in groups) and name not in members, "POLICY", name)
        members.add(name)
        return name
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        need(not re.search("[\x00-\x08\x0b-\x1f\x7f]", line), "POLICY", "control character")
        word, *rest = re.split(r"[ \t]+", line.strip(" \t"))
        if word == "log" and 1 <= len(rest) <= 2:
            logs.append(vkey(rest[0], 1, "POLICY"))
        elif word == "witness" and 2 <= len(rest) <= 3:
            witnesses[new(rest[0])] = vkey(rest[1], 4, "POLICY")
        elif word == "group" and len(rest) >= 3:
            k = {"any": "1", "all": str(len(rest) - 2)}.get(rest[1], rest[1])
            need(re.fullmatch("[1-9][0-9]?", k) and int(k) <= len(rest) - 2, "POLICY", "threshold")
            groups[new(rest[0])] = int(k), [member(n) for n in rest[2:]]
        elif word == "quorum" and len(rest) == 1 and quorum is None:
            quorum = rest[0]
            need(quorum in witnesses or quorum in groups or quorum == "none", "POLICY", quorum)
        else:
            need(not word or word.startswith("#"), "POLICY", line)
    need(quorum is not None and max(len(logs), len(witnesses), len(groups)) <= 32, "POLICY", "quorum, or too many")
    for keys in (logs, witnesses.values()):
        need(len({k["raw"] for k in keys}) == len(keys), "POLICY", "one key twice")
    def met(name, cosigned):
        if name in groups:
            return sum(met(m, cosigned) for m in groups[name][1]) >= groups[name][0]
        return name == "none" or name in cosigned
    return logs, witnesses, lambda cosigned: met(quorum, cosigned)

EVENT = shaped(
    {"v": whole(1, 1), "registry": did, "seq": secs, "kind": like("StatementMade"), "data": members_of, "subject": text,
     "actor": text, "origin": text, "recorded_at": instant, "approvals": array},
    {"prev": text, "restricted": text},
)
MADE = shaped(
    {"statement": kind, "entity_id": text, "action": identifier, "resource": identifier, "jurisdictions": listed(place),
     "conditions": conditions},
    {"accreditation_id": text, "from": instant, "until": instant, "begins_when_recorded": flag},
)

def compare(leaf, data, at):
    """What the signed statement claims against the event in the log; gives until when the event itself holds."""
    event = EVENT(strict_json(data, nulls=True))
    made = MADE(event["data"])
    start = event["recorded_at"] if made["begins_when_recorded"] else made["from"]
    pairs = {
        "registry": (leaf["authority_id"], event["registry"]), "seq": (leaf["seq"], event["seq"]),
        "kind": (leaf["kind"], made["statement"]), "subject": (made["entity_id"], event["subject"]),
        "accreditation": ((leaf["accreditation"] or {}).get("id"), made["accreditation_id"]),
    } | {n: (leaf[n], made[n]) for n in ("action", "resource", "jurisdictions", "conditions")}
    for name, (said, logged) in pairs.items():
        need(said == logged, "EVENT_DIFFERS", name)
    early = [i for i in leaf["valid"] if start is not None and (i["from"] is None or i["from"] < start)]
    need(not early, "EVENT_DIFFERS", "valid from")
    # A renewal is another event, which is not here: what holds by it alone is not proven.
    need(made["until"] is None or at < made["until"], "RENEWED")
    return made["until"]

def verify_log(case, leaf, issuer):
    log, now = case["log"], case["now"]
    event, token = unbase64(log["event"]), unbase64(log["configuration"]).decode("utf-8", "replace")
    registry = open_link(token, CONFIG, issuer, now)["metadata"]["trust_registry"]
    need(registry["authority_id"] == issuer["authority_id"], "MISMATCH")
    need(registry["log"], "LOG_UNKNOWN", "no log")
    key = vkey(registry["log"]["vkey"], 1, "LOG_UNKNOWN")
    need(key["name"] == registry["log"]["origin"], "LOG_UNKNOWN", "origin")
    index, hashes, checkpoint = within("LOG_PROOF", read_proof, unbase64(log["log_proof"]))
    body, signatures, (origin, size, root) = checkpoint
    need(origin == key["name"] and signed_by(key, body, signatures, "CHECKPOINT"), "CHECKPOINT", "not of this log")
    need(index == leaf["seq"] - 1, "EVENT_DIFFERS", "index")
    need(root_of(sha256(b"\x00", event), index, size, hashes) == root, "NOT_IN_LOG")
    times = {}
    if log["policy"] is not None:
        logs, witnesses, met = read_policy(unbase64(log["policy"]))
        need(not logs or key["raw"] in [k["raw"] for k in logs], "LOG_UNKNOWN", "not in the policy")
        said = {n: signed_by(w, body, signatures, "LOG_PROOF") for n, w in witnesses.items()}
        need(met({n for n, time in said.items() if time is not None}), "UNWITNESSED")
        times = {witnesses[n]["name"]: time for n, time in said.items() if time is not None}
    newest = max(times.values(), default=None)
    need(newest is None or newest * 10**6 <= now + SKEW, "NOT_YET_ISSUED")
    if log["max_age"] is not None:
        need(newest is not None and now - newest * 10**6 <= log["max_age"] * 10**6, "TOO_OLD")
    ends = within("EVENT_DIFFERS", compare, leaf, event, case["at"])
    return {"origin": origin, "size": size, "index": index, "witnesses": sorted(map(list, times.items())),
            "newest": newest, "event_until": ends}
