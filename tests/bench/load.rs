//! Loading through the real `ImportService`: records in chunks, and delegations with the subordinate's own keys.

use std::collections::BTreeMap;

use anyhow::bail;
use charter_proto::charter::registry::v1 as pb;
use charter_server::demo::ask;
use charter_tests::nations::Child;

use crate::{
    question::{ACTION, DEGREE, DIPLOMA, entity, has_diploma},
    site::{Server, Site},
};

/// As `charter import` sends them.
const CHUNK: usize = 500;

pub fn record(line: usize, identifier: &str, name: &str, country: &str, both: bool) -> pb::ImportRecord {
    let authorization = |resource: &str| pb::ImportAuthorization {
        action: ACTION.to_owned(),
        resource: resource.to_owned(),
        valid_from: "2010-01-01T00:00:00Z".to_owned(),
        ..pb::ImportAuthorization::default()
    };
    let resources = if both { &[DEGREE, DIPLOMA][..] } else { &[DEGREE] };
    pb::ImportRecord {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        identifier: identifier.to_owned(),
        names: [("en".to_owned(), name.to_owned())].into(),
        country: country.to_owned(),
        accreditation: Some(pb::ImportAccreditation {
            body: "Ministry of Education".to_owned(),
            legal_basis: "Universities Act, section 1".to_owned(),
            valid_from: "2010-01-01T00:00:00Z".to_owned(),
            ..pb::ImportAccreditation::default()
        }),
        authorizations: resources.iter().map(|r| authorization(r)).collect(),
        ..pb::ImportRecord::default()
    }
}

/// The synthetic entities.
pub fn synthetic(count: usize) -> Vec<pb::ImportRecord> {
    some_synthetic(0..count)
}

/// Some of them, by number.
pub fn some_synthetic(numbers: std::ops::Range<usize>) -> Vec<pb::ImportRecord> {
    numbers.map(|n| record(n + 1, &entity(n), &format!("University {n}"), "FI", has_diploma(n))).collect()
}

/// Loads records into registries of one server, over one stream. Every record must be accepted.
pub async fn records(
    site: &Site,
    server: &Server,
    sets: BTreeMap<String, Vec<pb::ImportRecord>>,
) -> anyhow::Result<usize> {
    let mut requests = Vec::new();
    for (authority, records) in sets {
        requests.extend(records.chunks(CHUNK).map(|chunk| pb::ImportRecordsRequest {
            registry_id: authority.clone(),
            records: chunk.to_vec(),
            ..Default::default()
        }));
    }
    let token = site.token(server)?;
    // The importer of the demo has a deadline of some seconds for each call: here a call is a run of chunks.
    let mut loaded = 0;
    for run in requests.chunks(4) {
        let mut client = ask::importer(&server.url(), &token)?;
        let mut replies = client.import_records(futures::stream::iter(run.to_vec())).await?.into_inner();
        while let Some(reply) = replies.message().await? {
            if let Some(e) = reply.errors.first() {
                bail!("line {}: {} {} {}", e.line, e.code, e.field, e.message);
            }
            loaded += reply.accepted as usize;
        }
    }
    Ok(loaded)
}

/// Lets a registry speak for jurisdictions (none: all), with so many levels below it, as the subordinate of another.
pub async fn delegate(
    site: &Site,
    (above, superior): (&Server, &str),
    (below, subordinate): (&Server, &str),
    (levels, jurisdictions): (u32, &[&str]),
) -> anyhow::Result<()> {
    let registry = below.registry(subordinate)?;
    let child = Child {
        authority: subordinate,
        url: &below.url(),
        slug: &registry.slug,
        resources: &[DEGREE, DIPLOMA],
        jurisdictions,
        levels,
    };
    let request = child.under(superior).await?;
    ask::importer(&above.url(), &site.token(above)?)?.put_delegation(request).await?;
    Ok(())
}
