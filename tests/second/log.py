# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Evidence from a transparency log, after C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-policy
and RFC 9162; what the log is of, a chain that `verify.py` has judged says."""

import re

from cryptography.hazmat.primitives.asymmetric import ed25519

from verify import (
    CONFIG, SKEW, Refused, array, conditions, did, flag, identifier, instant, kind, like, listed, members_of, need,
    open_link, place, secs, sha256, shaped, strict_json, text, unbase64, verifies, whole,
)

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
    except (Refused, UnicodeError) as error:
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

def hash_line(line):
    value = unbase64(line)
    need(len(line) == 44 and len(value) == 32, "LOG_PROOF", "hash")
    return value

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
        logs, witnesses, met = within("POLICY", read_policy, unbase64(log["policy"]))
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
