//! What a registry says of itself, and the routes that the Ayra profile adds.

use serde_json::Value;

use crate::conformance::{
    catalogue::Check,
    learn::{Learnt, segment},
    probe::{Probe, decides, one_of},
    wire::{Ask, Exchange},
};

/// Longest description in `/metadata`.
const DESCRIPTION: usize = 4_096;

pub async fn check(probe: &mut Probe<'_>, learnt: &Learnt) {
    version(probe, learnt);
    governance(probe, learnt).await;
    listed(probe, learnt).await;
    let Some((body, exchange)) = &learnt.ayra else {
        let reason = "`/metadata` is not served: the profile is not claimed";
        probe.skip(Check::Metadata, reason);
        return probe.skip(Check::Optional, reason);
    };
    probe.note(Check::Metadata, metadata(body), exchange.clone());
    let id = segment(&probe.authority);
    let routes = [
        "/entities".to_owned(),
        format!("/ecosystems/{id}"),
        format!("/ecosystems/{id}/recognitions"),
        "/lookups/assuranceLevels".to_owned(),
        "/lookups/authorizations".to_owned(),
        "/lookups/didMethods".to_owned(),
    ];
    probe.each(Check::Optional, routes.map(Ask::get).to_vec(), one_of(&[200, 401, 501])).await;
}

fn version(probe: &mut Probe<'_>, learnt: &Learnt) {
    match &learnt.trqp {
        None => probe.skip(Check::Version, "no `/.well-known/trqp-metadata`: documentation may state it"),
        Some((body, exchange)) => {
            let said =
                body["trqp_version"].as_str().or_else(|| body["trqpVersion"].as_str()).unwrap_or_default();
            let judged = if said == "2" || said.starts_with("2.") {
                Ok(())
            } else {
                Err(format!("`trqp_version` is `{said}`, which is not 2"))
            };
            probe.note(Check::Version, judged, exchange.clone());
        }
    }
}

/// The standard leaves open how it is found, so that its absence here is no fault.
async fn governance(probe: &mut Probe<'_>, learnt: &Learnt) {
    let said = |found: &Option<(Value, Exchange)>, name: &str| {
        let (body, exchange) = found.as_ref()?;
        body[name].as_str().filter(|text| !text.is_empty()).map(|_| exchange.clone())
    };
    let in_metadata = said(&learnt.ayra, "governance_framework_id")
        .or_else(|| said(&learnt.trqp, "governance_framework"))
        .or_else(|| said(&learnt.trqp, "governanceFrameworkUrl"));
    if let Some(exchange) = in_metadata {
        return probe.note(Check::Governance, Ok(()), exchange);
    }
    let seen = probe.send(&Ask::get("/.well-known/did.json")).await;
    let document = seen.reply.map_or(Value::Null, |reply| reply.json());
    let is_about_it =
        |service: &Value| service["type"].to_string().to_ascii_lowercase().contains("governance");
    if document["service"].as_array().into_iter().flatten().any(is_about_it) {
        return probe.note(Check::Governance, Ok(()), seen.exchange);
    }
    probe.skip(
        Check::Governance,
        "neither metadata nor a DID document here names one; there may be another way",
    );
}

/// What `/entities` and `/ecosystems` list is asked as a question.
async fn listed(probe: &mut Probe<'_>, learnt: &Learnt) {
    if learnt.listed.is_empty() {
        return probe.skip(Check::Listed, "nothing is listed");
    }
    let mut last = Exchange::default();
    for listed in &learnt.listed {
        let seen = probe.send(&Ask::question(&listed.question)).await;
        let judged = seen.reply.map_err(|fault| format!("no answer: {fault}"));
        let judged = judged.and_then(|reply| decides(listed.question.kind, listed.holds)(&reply));
        if let Err(fault) = judged {
            return probe.note(Check::Listed, Err(format!("it is listed otherwise: {fault}")), seen.exchange);
        }
        last = seen.exchange;
    }
    probe.note(Check::Listed, Ok(()), last);
}

/// Exactly these members (Ayra TRQP profile 0.5, schema `TrustRegistryMetadata`).
fn metadata(body: &Value) -> Result<(), String> {
    let texts = ["id", "name", "description", "authority_id", "governance_framework_id"];
    let lists = ["controllers", "supported_did_methods"];
    for name in &texts[..3] {
        if !body[name].is_string() {
            return Err(format!("`{name}` is no string, or missing"));
        }
    }
    for (name, value) in body.as_object().into_iter().flatten() {
        let fits = if texts.contains(&name.as_str()) {
            value.is_string()
        } else if lists.contains(&name.as_str()) {
            value.as_array().is_some_and(|list| list.iter().all(Value::is_string))
        } else {
            return Err(format!("`{name}` is no member of the profile's"));
        };
        if !fits {
            return Err(format!("`{name}` has another type"));
        }
    }
    if body["description"].as_str().is_some_and(|text| text.chars().count() > DESCRIPTION) {
        return Err(format!("`description` is longer than {DESCRIPTION} characters"));
    }
    if !body["id"].as_str().is_some_and(|id| id.starts_with("did:")) {
        return Err("`id` is no DID".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_has_the_members_of_the_profile_and_no_others() {
        let good = json!({ "id": "did:web:a.example", "name": "A", "description": "", "controllers": ["did:web:a.example"] });
        assert_eq!(metadata(&good), Ok(()));
        for (name, value) in [
            ("id", json!("https://a.example")),
            ("name", Value::Null),
            ("description", json!("a".repeat(5_000))),
            ("controllers", json!("did:web:a.example")),
            ("controllers", json!([7])),
            ("trqp_version", json!("2.0")),
        ] {
            let mut body = good.clone();
            body[name] = value;
            assert!(metadata(&body).is_err(), "{name}");
        }
        assert!(metadata(&json!({})).is_err());
    }
}
