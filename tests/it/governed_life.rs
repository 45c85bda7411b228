//! What can happen to an entity in a sealed registry, each of it by two persons at least.

use std::time::Duration;

use charter_domain::time::Clock;
use charter_proto::charter::registry::v1::{self as pb, change_status::Target, propose_request::Change};
use charter_tests::governed::{Governed, ISSUER, status, waived};

use crate::governance::said;

#[tokio::test]
async fn revoking_back_in_time_needs_a_legal_basis_and_three_persons() {
    let g = Governed::start().await;
    let since = prost_types::Timestamp { seconds: g.app.clock.now().secs(), nanos: 0 };
    g.app.clock.advance(Duration::from_secs(86_400));
    let back = |basis: &str| {
        Change::ChangeStatus(pb::ChangeStatus {
            target: Some(Target::EntityId(ISSUER.to_owned())),
            state: "REVOKED".to_owned(),
            code: "FRAUD".to_owned(),
            reach: "FROM".to_owned(),
            effective_from: Some(since),
            legal_basis: basis.to_owned(),
            hearing_waived: "COURT_ORDER".to_owned(),
            ..pb::ChangeStatus::default()
        })
    };
    let refused = g.person("olga").proposes(back("")).await.expect_err("refused");
    assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION");
    let draft = g.person("olga").proposes(back("Act 1, 2")).await.expect("proposed");
    assert_eq!((draft.measure.as_str(), draft.quorum), ("REVOKE_BACK", 3));
    let half = g.person("anna").approves(&draft).await.expect("approved");
    assert_eq!(half.state, "OPEN");
    assert_eq!(g.app.anonymous().asks(ISSUER, "issue", "Degree").both().await.line(), "200 yes ACTIVE");
    assert_eq!(said(&g.person("anna").approves(&draft).await.expect_err("again")), "409 PROPOSAL_CLOSED");
    let done = g.person("arvo").approves(&draft).await.expect("approved");
    assert_eq!(done.state, "EXECUTED");
    let then = charter_domain::Timestamp::from_secs(since.seconds + 60);
    let asked = g.app.anonymous().asks(ISSUER, "issue", "Degree").at(then);
    assert_eq!(asked.both().await.line(), "200 no REVOKED", "also of the time before it was decided");
    let known = asked.with("known_at", &(done.seq - 1).to_string());
    assert_eq!(known.both().await.line(), "200 yes ACTIVE", "nobody knew then");
}

#[tokio::test]
async fn an_emergency_suspension_takes_one_person_lapses_and_cannot_be_repeated() {
    let g = Governed::start().await;
    let asking = g.app.anonymous().asks(ISSUER, "issue", "Degree");
    assert_eq!(said(&g.person("anna").suspends_at_once(ISSUER).await.expect_err("no officer")), "403 DENIED");
    g.person("olga").suspends_at_once(ISSUER).await.expect("suspended");
    assert_eq!(asking.both().await.line(), "200 no SUSPENDED");
    g.app.clock.advance(Duration::from_secs(24 * 3_600 + 1));
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE", "it lapsed");
    assert_eq!(said(&g.person("olga").suspends_at_once(ISSUER).await.expect_err("again")), "403 DENIED");
    g.person("otto").suspends_at_once(ISSUER).await.expect("another may");
    let confirm = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    g.person("anna").approves(&confirm).await.expect("confirmed");
    g.app.clock.advance(Duration::from_secs(48 * 3_600));
    assert_eq!(asking.both().await.line(), "200 no SUSPENDED", "confirmed, it lasts");
}

/// The life of an entity under governance, with every kind of change that makes one.
#[tokio::test]
async fn an_entity_is_registered_accredited_and_authorized_by_two() {
    let g = Governed::start().await;
    let entity = "did:web:new.example";
    let register = Change::RegisterEntity(pb::RegisterEntity {
        identifier: entity.to_owned(),
        names: [("en".to_owned(), "New".to_owned())].into(),
        country: "FI".to_owned(),
        ..pb::RegisterEntity::default()
    });
    let authorize = |accreditation: &str| {
        Change::MakeStatement(pb::MakeStatement {
            entity_id: entity.to_owned(),
            authorization: Some(pb::ImportAuthorization {
                action: "issue".to_owned(),
                resource: "Degree".to_owned(),
                ..pb::ImportAuthorization::default()
            }),
            accreditation_id: accreditation.to_owned(),
        })
    };
    let dry = g.person("olga").asks_for(register.clone(), true).await.expect("would be good");
    assert_eq!(said(&g.person("anna").approves(&dry).await.expect_err("not kept")), "404 NOT_FOUND");
    let early = g.person("olga").proposes(authorize("")).await.expect_err("no such entity");
    assert_eq!(said(&early), "404 UNKNOWN_ENTITY");
    let done = two(&g, register.clone()).await;
    assert_eq!(done.measure, "REGISTER_ENTITY");
    let again = g.person("olga").proposes(register).await.expect_err("exists");
    assert_eq!(said(&again), "409 DUPLICATE_ENTITY");
    let ground = two(
        &g,
        Change::GrantAccreditation(pb::GrantAccreditation {
            entity_id: entity.to_owned(),
            accreditation: Some(pb::ImportAccreditation {
                body: "Ministry".to_owned(),
                ..Default::default()
            }),
        }),
    )
    .await;
    let change: serde_json::Value = serde_json::from_str(&ground.change_json).expect("JSON");
    let accreditation = change["data"]["accreditation_id"].as_str().expect("an id");
    for other in ["00000000-0000-0000-0000-000000000000", "no UUID"] {
        let refused = g.person("olga").proposes(authorize(other)).await.expect_err("of nobody");
        assert!(matches!(said(&refused).as_str(), "404 NOT_FOUND" | "400 INVALID"), "{refused:?}");
    }
    let mut early = authorize(accreditation);
    if let Change::MakeStatement(c) = &mut early {
        c.authorization.get_or_insert_default().valid_from = "2020-01-01T00:00:00Z".to_owned();
    }
    let refused = g.person("olga").proposes(early).await.expect_err("a grant may not begin in the past");
    assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION");
    two(&g, authorize(accreditation)).await;
    let asking = g.app.anonymous().asks(entity, "issue", "Degree").with("evidence", "chain");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    two(
        &g,
        Change::ChangeStatus(pb::ChangeStatus {
            target: Some(Target::AccreditationId(accreditation.to_owned())),
            state: "SUSPENDED".to_owned(),
            code: "UNPAID".to_owned(),
            ..waived("SUSPENDED")
        }),
    )
    .await;
    assert_eq!(asking.both().await.line(), "200 no SUSPENDED", "what stands on it falls with it");
    two(&g, status(ISSUER, "ENDED").succeeded_by(entity)).await;
    let back = g.person("olga").proposes(status(entity, "ENDED").succeeded_by(ISSUER)).await;
    assert_eq!(said(&back.expect_err("a loop")), "409 ILLEGAL_TRANSITION");
}

async fn two(g: &Governed, change: Change) -> pb::Proposal {
    let draft = g.person("olga").proposes(change).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved")
}

trait Succeeded {
    fn succeeded_by(self, entity: &str) -> Self;
}
impl Succeeded for Change {
    fn succeeded_by(mut self, entity: &str) -> Self {
        if let Self::ChangeStatus(c) = &mut self {
            c.succeeded_by.push(entity.to_owned());
        }
        self
    }
}

#[tokio::test]
async fn a_sealed_registry_is_rebuilt_from_its_events() {
    let g = Governed::start().await;
    two(&g, status(ISSUER, "SUSPENDED")).await;
    let url = g.app.database.url("charter_owner");
    let all = tokio::task::spawn_blocking(move || charter_store::rebuild::run(&url, true));
    for one in all.await.expect("no panic").expect("rebuilt") {
        assert_eq!((one.differing, one.fault), (Vec::new(), None));
    }
}
