//! A good chain, what registries in use leave out, and each thing that breaks one: which link, and by which clause.

use charter_federation::protocol::ebsi::{Clause, Role};
use charter_signing::Signer as _;
use charter_tests::ebsi::{
    Chain, Reply, Server,
    chain::{NOW, SCHEMA, at, gives, spoiled},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A spoiled chain, the link that fails (0 is the subject's) and why.
type Case = (&'static str, fn(&mut Chain), usize, Clause);

const DAY: i64 = 86_400;

#[tokio::test]
async fn four_accreditations_lead_to_the_root_with_what_proves_them() {
    let server = Server::start().await;
    let chain = Chain::good(&server.url, 4);
    chain.publish(&server);
    let judged = chain.judged().await.expect("accredited");
    assert!(judged.faults.is_empty());
    assert_eq!(judged.accredited.len(), 1, "{judged:?}");
    let one = &judged.accredited[0];
    let roles: Vec<Role> = one.links.iter().map(|link| link.role).collect();
    assert_eq!(roles, [Role::Ti, Role::Tao, Role::Tao, Role::RootTao]);
    assert!(one.rights.gives("Degree") && !one.may_accredit);
    assert_eq!(one.valid.until, Some(at(NOW + 365 * DAY)));
    for (link, statement) in one.links.iter().zip(chain.statements.iter().rev()) {
        assert_eq!(link.subject.as_str(), chain.parties[statement.of].did);
        assert_eq!(link.accreditor.as_str(), chain.parties[statement.by].did);
        assert!(link.document.contains(chain.parties[statement.by].signer.key().kid()));
        assert_eq!(link.credential.split('.').count(), 3);
    }
    // A list and a document for the subject; above, one attribute and one document each.
    assert_eq!(server.asked().len(), 2 + 4 + 4, "{:?}", server.asked());
}

#[tokio::test]
async fn what_registries_in_use_leave_out_or_write_otherwise_is_read() {
    spoiled(|chain| {
        for s in &mut chain.statements[1..] {
            // Without limits above, and none below.
            s.gives = gives(SCHEMA, "Degree", &[]);
            // Without a link: the accreditor's own accreditations are looked through.
            s.grounds = None;
        }
    })
    .await
    .expect("accredited");
    spoiled(|chain| {
        let grounds = chain.statements[3].grounds.as_mut().expect("grounds");
        for ground in grounds {
            *ground = ground
                .replace("/v5/", "/v4/")
                .replace("/attributes/", "/attributes/0x")
                .replace("did:ebsi:", "did%3Aebsi%3A");
        }
        chain.statements[2].role = "tao";
        chain.statements[2].root_tao = Some(String::new());
        chain.statements[3].claims = Some(|claims| {
            claims["vc"]["issuer"] = json!({ "id": claims["iss"], "name": "Agency" });
            claims["vc"]["credentialSubject"]["reservedAttributeId"] =
                json!("0xabcdef00112233445566778899aabbcc");
        });
    })
    .await
    .expect("accredited");
    spoiled(|chain| {
        let hash = "00".repeat(32);
        for (n, schema) in
            [format!("0x{hash}"), format!("ebsi:pilot:trusted-schemas-registry:/schemas/0x{hash}")]
                .iter()
                .enumerate()
        {
            chain.statements[n + 2].gives = gives(schema, "Degree", &["FIN"]);
        }
        chain.statements[1].gives = gives(
            &format!("https://other.example/trusted-schemas-registry/v2/schemas/{hash}"),
            "Degree",
            &["EUR"],
        );
    })
    .await
    .expect("accredited");
}

const CASES: [Case; 27] = [
    ("signed by another", |c| c.statements[2].forger = Some(0), 1, Clause::Signature),
    ("the root's, signed by another", |c| c.statements[0].forger = Some(2), 3, Clause::Signature),
    ("a key that came later", |c| c.parties[1].since = c.statements[2].iat + 1, 1, Clause::Signature),
    ("revoked", |c| c.statements[3].role = "Revoked", 0, Clause::Role),
    ("revoked in the middle", |c| c.statements[1].role = "Revoked", 2, Clause::Role),
    ("the root revoked", |c| c.statements[0].role = "Revoked", 3, Clause::Role),
    ("a TI accredits", |c| c.statements[2].role = "TI", 1, Clause::Role),
    (
        "accredits by one to attest",
        |c| c.statements[2].kind = "VerifiableAccreditationToAttest",
        1,
        Clause::Role,
    ),
    ("no accreditation", |c| c.statements[3].kind = "Diploma", 0, Clause::Role),
    ("an unknown role", |c| c.statements[3].role = "Undefined", 0, Clause::Role),
    ("expired", |c| c.statements[3].valid.1 = NOW - 1, 0, Clause::Validity),
    ("expired in the middle", |c| c.statements[2].valid.1 = NOW, 1, Clause::Validity),
    ("not yet valid", |c| c.statements[1].valid.0 = NOW + DAY, 2, Clause::Validity),
    ("a type more", |c| c.statements[3].gives = gives(SCHEMA, "Licence", &["FIN"]), 1, Clause::Scope),
    (
        "by another schema",
        |c| c.statements[3].gives = gives("urn:other", "Degree", &["FIN"]),
        1,
        Clause::Scope,
    ),
    ("in the middle more than above", more_in_the_middle, 2, Clause::Scope),
    (
        "another country",
        |c| c.statements[3].gives = gives(SCHEMA, "Degree", &["DEU"]),
        1,
        Clause::Jurisdiction,
    ),
    ("no limit under one", |c| c.statements[3].gives = gives(SCHEMA, "Degree", &[]), 1, Clause::Jurisdiction),
    ("another registry", |c| c.statements[3].grounds = Some(elsewhere(c)), 0, Clause::TermsOfUse),
    (
        "a ground of another",
        |c| c.statements[3].grounds = Some(vec![c.url(1, &c.statements[1].id)]),
        0,
        Clause::TermsOfUse,
    ),
    ("another root", |c| c.statements[3].root_tao = Some(c.parties[2].did.clone()), 0, Clause::Root),
    ("a root of their own", own_root, 1, Clause::Root),
    (
        "another TAO in the registry",
        |c| c.statements[3].tao = Some(c.parties[1].did.clone()),
        0,
        Clause::Parties,
    ),
    (
        "about another",
        |c| c.statements[3].claims = Some(|claims| claims["sub"] = json!("did:ebsi:zOther")),
        0,
        Clause::Parties,
    ),
    ("a cycle", cycle, 1, Clause::Cycle),
    ("a status elsewhere", |c| c.statements[2].claims = Some(listed), 1, Clause::Role),
    ("no end", |c| c.statements[3].claims = Some(endless), 0, Clause::Validity),
];

fn more_in_the_middle(chain: &mut Chain) {
    let (degree, law) = (gives(SCHEMA, "Degree", &["FIN"]), gives(SCHEMA, "Law", &["FIN"]));
    chain.statements[2].gives = json!([degree[0], law[0]]);
}

/// The same path at another host, whose name begins with that of the registry.
fn elsewhere(chain: &Chain) -> Vec<String> {
    vec![chain.url(2, &chain.statements[2].id).replace("/trusted-issuers", ".evil.example/trusted-issuers")]
}

fn own_root(chain: &mut Chain) {
    let own = &mut chain.statements[2];
    (own.by, own.role, own.kind) = (2, "RootTAO", "VerifiableAuthorisationForTrustChain");
    own.grounds = None;
}

/// The TAO in the middle is accredited by the one below it, which is TAO too.
fn cycle(chain: &mut Chain) {
    let url = chain.url(3, &chain.statements[3].id);
    let middle = &mut chain.statements[2];
    (middle.by, middle.grounds) = (3, Some(vec![url]));
    let lowest = &mut chain.statements[3];
    (lowest.role, lowest.kind) = ("TAO", "VerifiableAccreditationToAccredit");
}

/// A status list may say that it was revoked, whatever the registry says.
fn listed(claims: &mut Value) {
    let own = json!({ "id": "https://a.example/1", "type": "EbsiAccreditationEntry" });
    let list = json!({ "id": "https://a.example/list#7", "type": "StatusList2021Entry" });
    claims["vc"]["credentialStatus"] = json!([own, list]);
}

fn endless(claims: &mut Value) {
    for (of, name) in [("/vc", "expirationDate"), ("", "exp")] {
        let members = claims.pointer_mut(of).and_then(Value::as_object_mut);
        members.expect("an object").remove(name);
    }
}

#[tokio::test]
async fn each_fault_breaks_the_chain_at_its_link() {
    for (what, spoil, link, clause) in CASES {
        let fault = spoiled(spoil).await.expect_err(what);
        assert_eq!((fault.link, fault.clause), (link, clause), "{what}: {fault}");
    }
}

#[tokio::test]
async fn a_body_that_was_exchanged_does_not_fit_its_hash() {
    let server = Server::start().await;
    let chain = Chain::good(&server.url, 4);
    chain.publish(&server);
    let middle = &chain.statements[2];
    let mut attribute = chain.attribute(middle);
    attribute["attribute"]["hash"] = json!("00".repeat(32));
    server.answers(chain.path(2, &middle.id), Reply::Text(attribute.to_string()));
    let fault = chain.judged().await.expect_err("another body");
    assert_eq!((fault.link, fault.clause), (1, Clause::Hash), "{fault}");
    // And with a hash in capitals and a prefix it does.
    let digest = Sha256::digest(attribute["attribute"]["body"].as_str().expect("a body"));
    attribute["attribute"]["hash"] = json!(format!("0x{digest:X}"));
    server.answers(chain.path(2, &middle.id), Reply::Text(attribute.to_string()));
    chain.judged().await.expect("accredited");
}

#[tokio::test]
async fn of_several_grounds_the_good_one_leads_to_the_root_by_the_shortest_way() {
    let judged = spoiled(|chain| {
        let (bad, short) = ("ff".repeat(32), "ee".repeat(32));
        // The agency has a second accreditation, by the root itself, and a third that is revoked.
        for (id, role) in [(&short, "TAO"), (&bad, "Revoked")] {
            let mut more = Chain::good(&chain.base, 2).statements.remove(1);
            (more.of, more.id, more.role, more.kind) =
                (2, id.clone(), role, "VerifiableAccreditationToAccredit");
            (more.gives, more.grounds) =
                (gives(SCHEMA, "Degree", &["FIN"]), Some(vec![chain.url(0, &chain.statements[0].id)]));
            chain.statements.push(more);
        }
        let grounds = [&bad, &chain.statements[2].id, &short].map(|id| chain.url(2, id));
        chain.statements[3].grounds = Some(grounds.to_vec());
    })
    .await
    .expect("accredited");
    assert_eq!(judged.accredited[0].links.len(), 3, "{judged:?}");
}
