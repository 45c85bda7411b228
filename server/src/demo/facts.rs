//! Loading the demo: records into the sectors, delegations into their superiors.

use anyhow::{Context, bail};
use charter_proto::charter::registry::v1 as pb;
use futures::future::try_join_all;

use super::{
    ask, ebsi,
    plan::{Member, Plan},
    process::Federation,
    recognised,
};

/// Loads everything; returns how many institutions there are.
pub async fn load(plan: &Plan, federation: &Federation) -> anyhow::Result<usize> {
    let records = try_join_all(plan.registries().map(|m| load_records(m, federation))).await?;
    // Superiors learn of subordinates; one registry's writers are serial anyway.
    for member in plan.registries() {
        if let Some(superior) = member.superior.and_then(|s| plan.member(s)) {
            delegate(superior, member, member.resources, federation).await?;
        }
    }
    ebsi::load(plan, federation).await?;
    recognised::load(plan, federation).await?;
    Ok(records.into_iter().sum())
}

async fn load_records(member: &Member, federation: &Federation) -> anyhow::Result<usize> {
    let Some(csv) = member.records else { return Ok(0) };
    let sheet = charter_cli::records::read_csv(csv.as_bytes())?;
    let mut records = Vec::new();
    for (line, row) in sheet {
        let raw = row.map_err(|e| anyhow::anyhow!("line {line}: {e:?}"))?;
        records.push(charter_cli::records::to_wire(line, raw));
    }
    let count = records.len();
    let request =
        pb::ImportRecordsRequest { registry_id: member.authority.to_owned(), records, ..Default::default() };
    let mut client = ask::importer(&member.url(), federation.token(member.authority))?;
    let mut replies = client.import_records(futures::stream::iter([request])).await?.into_inner();
    let reply = replies.message().await?.context("no answer to an import")?;
    if let Some(error) = reply.errors.first() {
        bail!("{}: line {}: {} {}", member.slug, error.line, error.code, error.message);
    }
    Ok(count)
}

/// The keys of another registry are taken from its own DID document: here over loopback from a process that we started;
/// in earnest they arrive with a key proof and four eyes.
pub(super) async fn keys_of(member: &Member) -> anyhow::Result<String> {
    let document = ask::get(&format!("{}/.well-known/did.json", member.url())).await?.json()?;
    let methods = document["verificationMethod"].as_array().context("a DID document without keys")?;
    let keys: Vec<_> = methods.iter().map(|m| m["publicKeyJwk"].clone()).collect();
    Ok(serde_json::json!({ "keys": keys }).to_string())
}

pub(super) async fn delegate(
    superior: &Member,
    member: &Member,
    resources: &[&str],
    federation: &Federation,
) -> anyhow::Result<()> {
    let national = superior.superior.is_none();
    let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    let grant = pb::Grant {
        actions: strings(&["issue", "verify"]),
        resources: strings(resources),
        jurisdictions: strings(&[member.jurisdiction]),
        may_delegate: national,
        ..Default::default()
    };
    let request = pb::PutDelegationRequest {
        registry_id: superior.authority.to_owned(),
        subordinate_id: member.authority.to_owned(),
        entity_identifier: member.https(),
        jwks_json: keys_of(member).await?,
        endpoint: member.url(),
        scope: vec![grant],
        max_path_length: Some(u32::from(national)),
        answers_as_own: true,
        valid_from: Some(prost_types::Timestamp { seconds: 946_684_800, nanos: 0 }),
        valid_until: None,
        ..Default::default()
    };
    let mut client = ask::importer(&superior.url(), federation.token(superior.authority))?;
    client.put_delegation(request).await.with_context(|| format!("{} -> {}", superior.slug, member.slug))?;
    Ok(())
}
