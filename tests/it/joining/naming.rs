//! Names that there may be below a sector that joins: applied for, granted, and what bounds whom it delegates to.

use charter_proto::charter::registry::v1::{
    self as pb, propose_request::Change, sign_application_request::What,
};
use charter_signing::jws;
use serde_json::{Value, json};
use tonic::Status;

use super::actors::{ROOT, Stranger, Two, grant, joining, proven, wish};
use crate::governance::said;

fn names(permitted: &[&str]) -> Option<pb::NamingConstraints> {
    let permitted = permitted.iter().map(|host| (*host).to_owned()).collect();
    Some(pb::NamingConstraints { permitted, excluded: Vec::new() })
}

/// What the sector's key signs for the root, where it would like these names.
async fn signs(two: &Two, permitted: &[&str]) -> Result<String, Status> {
    let wish = pb::JoinWish { naming_constraints: names(permitted), ..wish(&["edu:*"]) };
    two.signs("https://root.example", What::Join(wish)).await
}

/// The proposal that it is granted with these names.
async fn accepts(two: &Two, id: &str, permitted: &[&str]) -> Result<pb::Proposal, Status> {
    let request = pb::AcceptApplicationRequest {
        application_id: id.to_owned(),
        naming_constraints: names(permitted),
        reason: "with fewer names".to_owned(),
        ..Default::default()
    };
    let reply = joining(&two.root).accept_application(two.root.person("otto").signed(request)).await?;
    Ok(reply.into_inner().proposal.expect("a proposal"))
}

/// A delegation of the sector to whoever has this host.
fn below(host: &str) -> Change {
    Change::Delegation(pb::PutDelegationRequest {
        subordinate_id: format!("did:web:{host}"),
        entity_identifier: format!("https://{host}"),
        jwks_json: Stranger::new().jwks(),
        endpoint: "http://127.0.0.1:1".to_owned(),
        scope: vec![grant(&["edu:degree"])],
        ..Default::default()
    })
}

#[tokio::test]
async fn names_are_applied_for_granted_and_bound_whom_the_sector_delegates_to() {
    let two = Two::start().await;
    let refused = signs(&two, &["https://sector.example"]).await.expect_err("no host");
    assert_eq!(said(&refused), "400 INVALID");
    let token = signs(&two, &["other.example"]).await.expect("signed");
    assert_eq!(said(&two.submits(token).await.expect_err("not its own name")), "400 INVALID");
    let wished = ["sector.example", ".sector.example"];
    let token = signs(&two, &wished).await.expect("signed");
    let receipt = two.submits(token).await.expect("received");
    let listed = two.listed("RECEIVED").await;
    assert_eq!(listed.first().expect("one").naming_constraints, names(&wished));

    let wide = accepts(&two, &receipt.application_id, &[".example"]).await.expect_err("refused");
    assert_eq!(said(&wide), "400 INVALID", "more names than were applied for");
    let granted = ["sector.example", "a.sector.example"];
    let draft = accepts(&two, &receipt.application_id, &granted).await.expect("proposed");
    let done = two.root.person("anna").approves(&draft).await.expect("approved");
    two.joins().await;
    let made = proven(&two.root.app, ROOT, done.seq).await;
    let stated = jws::peek(&two.statement().await).expect("a token");
    let stated: Value = serde_json::from_slice(&stated).expect("JSON");
    for constraints in [&made["data"]["naming_constraints"], &stated["constraints"]["naming_constraints"]] {
        assert_eq!(*constraints, json!({ "permitted": granted }));
    }
    assert_eq!(two.asks().rest().await.line(), "200 yes ACTIVE");

    // What the root said is known to the sector: it proposes nothing that nobody would believe.
    two.hears().await;
    let otto = two.sector.person("otto");
    let refused = otto.proposes(below("b.sector.example")).await.expect_err("outside");
    assert_eq!(said(&refused), "403 DENIED");
    otto.proposes(below("a.sector.example")).await.expect("inside");
}
