//! A recognition followed: the EU root and an authority that is no part of the EU recognise each other for degrees, for
//! a year.

use std::time::Duration;

use anyhow::Context;
use charter_domain::time::Clock;
use charter_proto::charter::registry::v1 as pb;

use super::{
    ask::{self, Terms},
    facts::keys_of,
    plan::{ATOLL, Member, Plan, ROOT},
    process::Federation,
    walk::{DEGREE, Score, describe, terms},
};
use crate::clock::WallClock;

const COLLEGE: &str = "did:web:college.atoll.example";
const HEALTH: &str = "HealthProfessionalCredential";
/// How long each recognises the other.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Both sides, each in its own registry: in BOOTSTRAP here, in earnest under four eyes.
pub async fn load(plan: &Plan, federation: &Federation) -> anyhow::Result<()> {
    let (root, atoll) = plan.member(ROOT).zip(plan.member(ATOLL)).context("no peers")?;
    recognise(root, atoll, federation).await?;
    recognise(atoll, root, federation).await
}

async fn recognise(by: &Member, peer: &Member, federation: &Federation) -> anyhow::Result<()> {
    let recognition = pb::ImportAuthorization {
        kind: "recognition".to_owned(),
        action: "issue".to_owned(),
        resource: DEGREE.to_owned(),
        valid_until: WallClock.now().plus(YEAR).to_string(),
        peer: Some(pb::ImportPeer {
            entity_identifier: peer.https(),
            jwks_json: keys_of(peer).await?,
            endpoint: peer.url(),
            may_follow: true,
            ..Default::default()
        }),
        ..Default::default()
    };
    let record = pb::ImportRecord {
        line: 1,
        identifier: peer.authority.to_owned(),
        names: [("en".to_owned(), peer.name.to_owned())].into(),
        // User-assigned in ISO 3166-1: neither is a country.
        country: "XX".to_owned(),
        authorizations: vec![recognition],
        ..Default::default()
    };
    let request = pb::ImportRecordsRequest {
        registry_id: by.authority.to_owned(),
        records: vec![record],
        ..Default::default()
    };
    let mut client = ask::importer(&by.url(), federation.token(by.authority))?;
    let mut replies = client.import_records(futures::stream::iter([request])).await?.into_inner();
    let reply = replies.message().await?.context("no answer to an import")?;
    let error = reply.errors.first().map(|e| format!("{} {}", e.code, e.message));
    error.map_or(Ok(()), |e| Err(anyhow::anyhow!("{} recognises {}: {e}", by.slug, peer.slug)))
}

pub(super) async fn walk(score: &mut Score, root: &str) -> anyhow::Result<()> {
    println!(
        "\nA peer outside of the EU, which the root recognises for degrees, and which recognises the root:"
    );
    let follow = |resource| Terms { follow: true, ..terms(COLLEGE, resource) };
    for (what, asked, authorized, code) in [
        ("its college, with leave to follow", follow(DEGREE), Some(true), "ACTIVE"),
        ("the same without", terms(COLLEGE, DEGREE), None, "UNKNOWN_ENTITY"),
        ("another credential type, with leave", follow(HEALTH), None, "UNKNOWN_ENTITY"),
    ] {
        let (grpc, rest) = (ask::by_grpc(root, asked).await?, ask::by_rest(root, asked).await?);
        let good = grpc == rest && grpc.authorized == authorized && grpc.code == code;
        score.mark(what, good, &describe(&grpc));
    }
    Ok(())
}
