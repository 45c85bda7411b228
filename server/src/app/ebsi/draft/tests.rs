//! What becomes an attribute, and what never does.

use charter_domain::{Scope, status::Status};

use super::*;

const FI: &str = "https://publications.europa.eu/resource/authority/atu/FIN";

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn span(from: i64, until: Option<i64>) -> Interval {
    Interval { from: Some(at(from)), until: until.map(at) }
}

fn grant(resources: &[&str]) -> Grant {
    let pattern = |text: &&str| Pattern::parse(text).expect("a pattern");
    Grant {
        actions: vec![pattern(&"issue")],
        resources: resources.iter().map(pattern).collect(),
        jurisdictions: Vec::new(),
        conditions: BTreeMap::new(),
        may_delegate: false,
        until: None,
    }
}

fn delegation(grants: Vec<Grant>, statuses: Vec<Status>) -> Delegation {
    let value = serde_json::json!({
        "id": 1, "subordinate": "did:web:sub.example", "entity_identifier": "https://sub.example", "jwks": "{}",
        "endpoint": "https://sub.example", "scope": [], "max_path_length": null, "answers_as_own": true, "valid": {},
    });
    let plain: Delegation = serde_json::from_value(value).expect("a delegation");
    Delegation { scope: Scope(grants), valid: span(10, None), statuses, ..plain }
}

fn held(delegations: Vec<Delegation>) -> Holder {
    let name = |resource: &str, vc_type: Option<&str>, schema: Option<&str>| Name {
        resource: resource.to_owned(),
        vc_type: vc_type.map(str::to_owned),
        schema: schema.map(str::to_owned),
    };
    let names = vec![name("Degree", Some("DegreeCredential"), Some("ab")), name("urn:x:Diploma", None, None)];
    Holder { epoch: 1, statements: None, delegations, names }
}

fn drafts(did: &str, held: &Holder, now: i64) -> Vec<Draft> {
    let registry = AuthorityId::parse("did:web:root.example").expect("a DID");
    let above = Above { root: registry.to_string(), superior: None };
    let of = Subject {
        registry: &registry,
        base: "https://root.example",
        place: "FI",
        since: at(0),
        did,
        above: &above,
    };
    all(&of, held, at(now))
}

fn subordinate_of(delegation: Delegation, now: i64) -> Option<Draft> {
    drafts("did:web:sub.example", &held(vec![delegation]), now).pop()
}

#[test]
fn a_delegation_says_its_credential_types_under_their_own_names() {
    let draft = subordinate_of(delegation(vec![grant(&["Degree", "urn:x:*"])], Vec::new()), 20).expect("one");
    assert_eq!((draft.kind, draft.revoked, draft.from, draft.until), (Kind::Accredit, false, at(10), None));
    let line = |schema: &str, name: &str| Line {
        schema_id: schema.to_owned(),
        types: ["VerifiableCredential", "VerifiableAttestation", name].map(str::to_owned).to_vec(),
        limit_jurisdiction: vec![FI.to_owned()],
    };
    let url = "https://root.example/trusted-schemas-registry/v3/schemas/0xab";
    assert_eq!(draft.lines, [line(url, "DegreeCredential"), line("urn:x:Diploma", "urn:x:Diploma")]);
}

#[test]
fn what_cannot_be_said_is_left_out_and_not_widened() {
    let mut conditioned = grant(&["Degree"]);
    conditioned.conditions.insert("eqf_level".to_owned(), ["7".to_owned()].into());
    let mut placed = grant(&["Degree"]);
    placed.jurisdictions = vec![Jurisdiction::parse("FI-01").expect("a place")];
    let mut other = grant(&["Degree"]);
    other.actions = vec![Pattern::parse("verify").expect("a pattern")];
    let mut ended = grant(&["Degree"]);
    ended.until = Some(at(20));
    for wrong in [conditioned, placed, other, ended, grant(&["Unknown"])] {
        assert_eq!(subordinate_of(delegation(vec![wrong.clone()], Vec::new()), 20), None, "{wrong:?}");
    }
    let mut partly = grant(&["Degree"]);
    partly.jurisdictions = ["FI-01", "FI"].map(|p| Jurisdiction::parse(p).expect("a place")).to_vec();
    let draft = subordinate_of(delegation(vec![partly], Vec::new()), 20).expect("one");
    assert_eq!(draft.lines[0].limit_jurisdiction, [FI]);
}

#[test]
fn a_suspension_cuts_it_and_it_returns_afterwards() {
    let suspended = Status { state: State::Suspended, effective: span(30, Some(40)) };
    let made = |now| subordinate_of(delegation(vec![grant(&["Degree"])], vec![suspended]), now);
    assert_eq!(made(5), None, "it has not begun");
    let before = made(20).expect("one");
    assert_eq!((before.revoked, before.until, before.next), (false, Some(at(30)), Some(at(30))));
    let during = made(35).expect("one");
    assert_eq!((during.revoked, during.from, during.until), (true, at(10), Some(at(30))));
    let after = made(40).expect("one");
    assert_eq!((after.revoked, after.from, after.until), (false, at(40), None));
    assert!(before.id == during.id && during.id == after.id, "its id stays");
    let never = Status { state: State::Revoked, effective: Interval::ALWAYS };
    assert_eq!(subordinate_of(delegation(vec![grant(&["Degree"])], vec![never]), 35), None);
}

#[test]
fn a_grant_that_ends_ends_the_accreditation_until_it_is_made_without_it() {
    let mut ends = grant(&["Degree"]);
    ends.until = Some(at(50));
    let both = || delegation(vec![ends.clone(), grant(&["urn:x:Diploma"])], Vec::new());
    let first = subordinate_of(both(), 20).expect("one");
    assert_eq!((first.lines.len(), first.until, first.next), (2, Some(at(50)), Some(at(50))));
    let later = subordinate_of(both(), 50).expect("one");
    assert_eq!((later.lines.len(), later.until), (1, None));
}

#[test]
fn an_anchor_accredits_itself_for_all_that_it_passes_on() {
    let mut sweden = grant(&["Degree"]);
    sweden.jurisdictions = vec![Jurisdiction::parse("SE").expect("a place")];
    let root = drafts("did:web:root.example", &held(vec![delegation(vec![sweden], Vec::new())]), 20);
    assert_eq!(root.len(), 1, "{root:?}");
    let root = &root[0];
    assert_eq!((root.kind, root.tao == root.root, root.lines.len()), (Kind::Chain, true, 3));
    let sub = subordinate_of(delegation(vec![grant(&["Degree"])], Vec::new()), 20).expect("one");
    assert!(sub.lines.iter().all(|line| root.lines.contains(line)));
    assert_ne!(sub.id, root.id);
}

#[test]
fn parts_of_an_id_do_not_run_into_one_another() {
    let ids = [
        id("did:web:a", "did:web:b", &["issue", "x"]),
        id("did:web:a", "did:web:b", &["issuex"]),
        id("did:web:a", "did:web:b", &["issue", "x", ""]),
        id("did:web:a\",\"did:web:b", "issue", &["x"]),
        accredited("did:web:a", "did:web:b"),
        accredited("did:web:b", "did:web:a"),
    ];
    let apart: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(apart.len(), ids.len());
}
