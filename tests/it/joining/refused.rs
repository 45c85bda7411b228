//! What does not count, sent to a real root: it records nothing and keeps nothing.

use charter_proto::charter::registry::v1::{
    self as pb, propose_request::Change, sign_application_request::What,
};
use charter_server::app::application::signed::{self, Join, Leave, Says, Signed};
use charter_tests::governed::Governed;
use serde_json::json;

use super::actors::{ROOT, SECTOR, Stranger, Two, grant, https};
use crate::governance::said;

/// What a stranger wishes.
pub fn join() -> Says {
    let scope = json!([{ "actions": ["issue"], "resources": ["edu:*"] }]);
    Says::Join(Join {
        scope: serde_json::from_value(scope).expect("a scope"),
        max_path_length: None,
        naming_constraints: charter_domain::NamingConstraints::default(),
        answers_as_own: true,
        valid_until: None,
        contact: "office@sector.example".to_owned(),
    })
}

/// A change that makes an honest application a lie.
type Lie = fn(&mut Signed);
const LIES: [(&str, Lie); 8] = [
    ("meant for another", |s| s.aud = https("other")),
    ("in another's name", |s| s.iss = https("other")),
    ("over", |s| s.exp = s.iat),
    ("for an hour", |s| s.exp = s.iat + 3_600),
    ("signed long ago", |s| (s.iat, s.exp) = (s.iat - 1_200, s.iat - 600)),
    ("signed in the future", |s| (s.iat, s.exp) = (s.iat + 120, s.iat + 600)),
    ("another configuration", |s| s.configuration.push('A')),
    ("no contact", |s| {
        if let Says::Join(wish) = &mut s.says {
            wish.contact.clear();
        }
    }),
];

#[tokio::test]
async fn what_is_not_signed_for_here_and_now_is_refused_and_nothing_is_kept() {
    let two = Two::start().await;
    let (before, stranger) = (two.events().await, Stranger::new());
    let honest = stranger.draft(&two, join()).await;
    for (what, lie) in LIES {
        let mut signed = honest.clone();
        lie(&mut signed);
        let refused = two.submits(stranger.sign(&signed)).await.expect_err(what);
        assert_eq!(said(&refused), "400 INVALID", "{what}");
    }
    // The right configuration, and another's key.
    let other = Stranger::new().sign(&honest);
    assert_eq!(said(&two.submits(other).await.expect_err("another's key")), "400 INVALID");
    let long = "a".repeat(signed::MAX_BYTES + 1);
    assert_eq!(said(&two.submits(long).await.expect_err("long")), "400 INVALID");
    // A notice of somebody whom no delegation states.
    let notice = Says::Leave(Leave { code: "MERGED".to_owned(), seq: 1 });
    let refused = two.submits(stranger.says(&two, notice).await).await.expect_err("a stranger's notice");
    assert_eq!(said(&refused), "403 DENIED");
    assert!(two.listed("").await.is_empty(), "none of it is kept");

    // The same again is refused, at another door too.
    let token = stranger.sign(&honest);
    let receipt = two.submits(token.clone()).await.expect("honest");
    assert_eq!(said(&two.submits(token.clone()).await.expect_err("a replay")), "409 CONFLICT");
    let body = json!({ "application": token });
    let reply = two.root.app.rest().post("/api/v1/applications:submit", &body).await;
    assert_eq!(reply.problem(), (409, "CONFLICT".to_owned()));
    assert_eq!(two.listed("RECEIVED").await.len(), 1);
    assert_eq!(two.listed("").await[0].application_id, receipt.application_id);
    assert_eq!(two.events().await, before, "nothing was recorded");
    assert_eq!(two.asks().rest().await.status, 404);
}

#[tokio::test]
async fn who_may_not_decide_neither_signs_nor_answers() {
    let two = Two::start().await;
    let what = || What::Inquire("00000000-0000-0000-0000-000000000001".to_owned());
    let request = |g: &Governed, who: &str| {
        let superior = "https://root.example".to_owned();
        g.person(who).signed(pb::SignApplicationRequest {
            superior,
            what: Some(what()),
            ..Default::default()
        })
    };
    for who in ["olga", "anna", "aino", "alice"] {
        let mut client = super::actors::joining(&two.sector);
        let refused = client.sign_application(request(&two.sector, who)).await.expect_err(who);
        assert_eq!(said(&refused), "403 DENIED", "{who}");
    }
    let weak = two.sector.with_token(two.sector.issuer.token("otto"));
    let plain = weak.signed(request(&two.sector, "otto").into_inner());
    let refused = super::actors::joining(&two.sector).sign_application(plain).await.expect_err("one factor");
    assert_eq!(said(&refused), "401 STEP_UP_REQUIRED");
    let receipt = two.applies(&["edu:*"]).await;
    for who in ["olga", "anna", "aino", "alice"] {
        let message = pb::AcceptApplicationRequest {
            application_id: receipt.application_id.clone(),
            reason: "as applied for".to_owned(),
            ..Default::default()
        };
        let asked = two.root.person(who).signed(message);
        let refused = super::actors::joining(&two.root).accept_application(asked).await.expect_err(who);
        assert_eq!(said(&refused), "403 DENIED", "{who}");
    }
    assert_eq!(two.inquires(&receipt).await.expect("told").state, "RECEIVED");
}

/// The root has itself only what somebody above gave it: more is refused at the door, and when it is proposed.
#[tokio::test]
async fn a_scope_wider_than_the_superiors_own_is_refused() {
    let two = Two::joined().await;
    // Seen from the sector, the root is above: what would be passed on further lies inside what it gave.
    two.hears().await;
    let stranger = Stranger::new();
    let mut wide = stranger.draft(&two, join()).await;
    (wide.iss, wide.aud) = (https("below"), https("sector"));
    wide.configuration = stranger.configuration(&two, "below").await;
    if let Says::Join(wish) = &mut wide.says {
        wish.scope[0].resources = vec![charter_domain::scope::Pattern::parse("*").expect("a pattern")];
    }
    let before = two.sector.app.app.store.epoch(crate::logged::id(&two.sector.app, SECTOR)).await;
    let refused = super::actors::submit(&two.sector, stranger.sign(&wide)).await.expect_err("wide");
    assert_eq!(said(&refused), "403 DENIED");
    let draft = Change::Delegation(pb::PutDelegationRequest {
        subordinate_id: "did:web:below.example".to_owned(),
        entity_identifier: "https://below.example".to_owned(),
        jwks_json: stranger.jwks(),
        endpoint: "http://127.0.0.1:1".to_owned(),
        scope: vec![grant(&["*"])],
        ..Default::default()
    });
    let refused = two.sector.person("otto").proposes(draft).await.expect_err("wide");
    assert_eq!(said(&refused), "403 DENIED");
    let after = two.sector.app.app.store.epoch(crate::logged::id(&two.sector.app, SECTOR)).await;
    assert_eq!(before.expect("an epoch"), after.expect("an epoch"), "nothing was recorded");
    // A registry that has a delegation asks for it to be corrected, and does not apply again.
    let again = two.submits(two.signed(&["edu:*"]).await).await.expect_err("refused");
    assert_eq!(said(&again), "409 ILLEGAL_TRANSITION");
}

/// What staff would record of a superior must be its statement about this registry, and state its keys.
#[tokio::test]
async fn a_superior_is_recorded_by_its_own_statement_alone() {
    let two = Two::start().await;
    let receipt = two.applies(&["edu:*"]).await;
    let draft = two.accepts(&receipt, Vec::new()).await.expect("proposed");
    two.root.person("anna").approves(&draft).await.expect("approved");
    let honest = two.superior().await;
    let stranger = Stranger::new();
    let other = stranger.configuration(&two, "root").await;
    let otto = two.sector.person("otto");
    for (what, wish) in [
        ("another's key", pb::JoinSuperior { configuration: other, ..honest.clone() }),
        (
            "a configuration for a statement",
            pb::JoinSuperior { statement: honest.configuration.clone(), ..honest.clone() },
        ),
        ("no statement", pb::JoinSuperior { statement: String::new(), ..honest.clone() }),
        ("no endpoint", pb::JoinSuperior { endpoint: "ftp://root.example".to_owned(), ..honest.clone() }),
    ] {
        let refused = otto.proposes(Change::JoinSuperior(wish)).await.expect_err(what);
        assert_eq!(said(&refused), "400 INVALID", "{what}");
    }
    let refused = two.root.person("otto").proposes(Change::JoinSuperior(honest)).await.expect_err("about");
    assert_eq!(said(&refused), "400 INVALID", "{ROOT} is not whom it is about");
    assert!(two.hints().await.is_empty());
}
