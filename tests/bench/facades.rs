//! What is answered under other standards, against TRQP's own door of the same process.

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{
    client::{self, Connection},
    ebsi_chain,
    process::Process,
    question::Asking,
    report::Samples,
    rounds::{ALTERNATIONS, Field},
    tools::Done,
};

const EVALUATION: &str = "/access/v1/evaluation";
const CONFIGURATION: &str = "/.well-known/openid-federation";
const ISSUERS: &str = "/trusted-issuers-registry/v5/issuers";
/// Issuers whose attributes are read.
const READ: usize = 200;
/// For requests by GET: the lines are their paths.
const GET: &str = "GET";

/// What `--facades` measures.
pub async fn alone(field: &Field<'_>, samples: &mut Samples) -> anyhow::Result<()> {
    let charter = field.site.serve(&field.education).await?;
    client::ask_all(charter.address, &field.local, Asking::Plain, 32).await?;
    round(field, &charter, samples).await?;
    let finland = field.site.serve(&field.finland).await?;
    let local = field.wrk(&charter, &field.plain_near).await?;
    fetch(field, &finland, local, samples).await?;
    for process in [finland, charter] {
        process.stop().await;
    }
    Ok(())
}

/// Of the education registry, whose answers are kept.
pub async fn round(field: &Field<'_>, charter: &Process, samples: &mut Samples) -> anyhow::Result<()> {
    let bodies = evaluations(field, charter).await?;
    let evaluations = field.tools.requests("evaluations.txt", EVALUATION, &bodies)?;
    let configuration = field.tools.requests("configuration.txt", GET, &format!("{CONFIGURATION}\n"))?;
    let attributes = field.tools.requests("attributes.txt", GET, &attributes(field, charter).await?)?;
    for _ in 0..ALTERNATIONS {
        for (key, requests) in
            [("authzen", &evaluations), ("configuration", &configuration), ("attribute", &attributes)]
        {
            let trqp = field.wrk(charter, &field.plain).await?;
            samples.pair(key, trqp, field.wrk(charter, requests).await?);
        }
    }
    ebsi_chain::run(samples).await
}

/// Of a superior: its statement about the education registry.
pub async fn fetch(
    field: &Field<'_>,
    finland: &Process,
    trqp: (Done, f64),
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let sub = utf8_percent_encode("https://education.trust.fi.example", NON_ALPHANUMERIC);
    let path = format!("/oidf/fetch?sub={sub}");
    let (status, _) = Connection::open(finland.address).await?.get(&path).await?;
    ensure!(status == 200, "{path}: status {status}");
    let requests = field.tools.requests("fetch.txt", GET, &format!("{path}\n"))?;
    samples.pair("fetch", trqp, field.wrk(finland, &requests).await?);
    Ok(())
}

/// The questions of the plain run as AuthZEN has them, each answered rightly.
async fn evaluations(field: &Field<'_>, charter: &Process) -> anyhow::Result<String> {
    let mut connection = Connection::open(charter.address).await?;
    let mut lines = String::new();
    for question in field.local.iter() {
        let body = question.evaluation().to_string();
        let (status, said) = connection.post(EVALUATION, Bytes::from(body.clone())).await?;
        let said = question.check_evaluation(status, &said);
        said.with_context(|| format!("the evaluation {body}"))?;
        let _ = writeln!(lines, "{body}");
    }
    Ok(lines)
}

/// Paths of the first attribute of some issuers, each of which is there.
async fn attributes(field: &Field<'_>, charter: &Process) -> anyhow::Result<String> {
    let mut connection = Connection::open(charter.address).await?;
    let mut lines = String::new();
    for question in field.near.iter().take(READ) {
        let list = format!("{ISSUERS}/{}/attributes", question.entity);
        let (status, body) = connection.get(&list).await?;
        ensure!(status == 200, "{list}: status {status}");
        let body: Value = serde_json::from_slice(&body)?;
        let id = body["items"][0]["id"].as_str().with_context(|| format!("no attributes in {list}"))?;
        let path = format!("{list}/{id}");
        let (status, _) = connection.get(&path).await?;
        ensure!(status == 200, "{path}: status {status}");
        let _ = writeln!(lines, "{path}");
    }
    Ok(lines)
}
