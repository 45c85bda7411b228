//! Corrections, renewals and delegations, as they are proposed.

use std::path::Path;

use charter_domain::{scope::Grant, spki::SpkiSha256};
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change, renew::Target};

use crate::{
    args::{
        Connection, CorrectAccreditation, CorrectEntity, Drafted, MakeDelegation, Naming, NarrowDelegation,
        Scope, Until,
    },
    command::propose,
    exit::{Exit, Failure},
    output,
};

async fn send(to: &Connection, drafted: Drafted, change: Change) -> Result<Exit, Failure> {
    propose::send(to, drafted.draft, drafted.why, change).await
}

pub async fn entity(to: &Connection, args: CorrectEntity) -> Result<Exit, Failure> {
    let identifier = |(r#type, value)| pb::ImportIdentifier { r#type, value };
    let change = pb::CorrectEntity {
        entity_id: args.id.into(),
        names: args.name.into_iter().collect(),
        country: args.country.unwrap_or_default(),
        add_identifiers: args.add_identifier.into_iter().map(identifier).collect(),
        end_identifiers: args.end_identifier,
    };
    send(to, args.drafted, Change::CorrectEntity(change)).await
}

pub async fn accreditation(to: &Connection, args: CorrectAccreditation) -> Result<Exit, Failure> {
    let change = pb::CorrectAccreditation {
        accreditation_id: args.id,
        body: args.body,
        legal_basis: args.legal_basis,
        evidence_uri: args.evidence_uri,
        evidence_date: args.evidence_date,
        evidence_sha256: args.evidence_sha256,
        valid_from: args.valid_from.map(output::timestamp),
        valid_until: args.valid_until.map(output::timestamp),
    };
    send(to, args.drafted, Change::CorrectAccreditation(change)).await
}

pub async fn renew(to: &Connection, target: Target, args: Until) -> Result<Exit, Failure> {
    let valid_until = Some(output::timestamp(args.until));
    send(to, args.drafted, Change::Renew(pb::Renew { target: Some(target), valid_until })).await
}

pub async fn make(to: &Connection, args: MakeDelegation) -> Result<Exit, Failure> {
    let scope = scope(args.scope)?;
    if scope.is_empty() {
        return Err(Failure::usage("a delegation needs a scope: give --resource, or --scope FILE"));
    }
    let change = pb::PutDelegationRequest {
        subordinate_id: args.subordinate.into(),
        entity_identifier: args.entity_identifier.to_string(),
        jwks_json: read(&args.jwks)?,
        endpoint: args.endpoint,
        tls_spki_sha256: hex(&args.tls_key),
        scope,
        max_path_length: args.max_path_length.map(Into::into),
        naming_constraints: naming(args.naming),
        answers_as_own: args.answers_as_own,
        valid_from: args.valid.valid_from.map(output::timestamp),
        valid_until: args.valid.valid_until.map(output::timestamp),
        ..Default::default()
    };
    send(to, args.drafted, Change::Delegation(change)).await
}

pub async fn narrow(to: &Connection, args: NarrowDelegation) -> Result<Exit, Failure> {
    let change = pb::CorrectDelegation {
        subordinate_id: args.subordinate.into(),
        scope: scope(args.scope)?,
        endpoint: args.endpoint.unwrap_or_default(),
        tls_spki_sha256: (args.no_tls_keys || !args.tls_key.is_empty())
            .then(|| pb::SpkiPins { sha256: hex(&args.tls_key) }),
        jwks_json: args.jwks.as_deref().map_or_else(|| Ok(String::new()), read)?,
        answers_as_own: args.answers_as_own,
        max_path_length: args.max_path_length.map(Into::into),
        naming_constraints: naming(args.naming),
    };
    send(to, args.drafted, Change::CorrectDelegation(change)).await
}

fn hex(keys: &[SpkiSha256]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

pub(super) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|e| Failure::usage(format!("cannot read `{}`: {e}", path.display())))
}

/// None where no option names one.
pub(super) fn naming(args: Naming) -> Option<pb::NamingConstraints> {
    let Naming { permit_name: permitted, exclude_name: excluded } = args;
    let none = permitted.is_empty() && excluded.is_empty();
    (!none).then_some(pb::NamingConstraints { permitted, excluded })
}

/// The grants that options or a file name; none where neither does.
pub(super) fn scope(args: Scope) -> Result<Vec<pb::Grant>, Failure> {
    if let Some(path) = args.scope {
        let text = read(&path)?;
        let fault =
            |e: serde_json::Error| Failure::usage(format!("`{}` is no list of grants: {e}", path.display()));
        let grants: Vec<Grant> = serde_json::from_str(&text).map_err(fault)?;
        return Ok(grants.into_iter().map(wire).collect());
    }
    if args.resource.is_empty() {
        return Ok(Vec::new());
    }
    let actions = if args.action.is_empty() { vec!["*".to_owned()] } else { args.action };
    Ok(vec![pb::Grant {
        actions,
        resources: args.resource,
        jurisdictions: args.jurisdiction,
        may_delegate: args.may_delegate,
        ..pb::Grant::default()
    }])
}

fn wire(grant: Grant) -> pb::Grant {
    pb::Grant {
        actions: grant.actions.iter().map(|p| p.as_str().to_owned()).collect(),
        resources: grant.resources.iter().map(|p| p.as_str().to_owned()).collect(),
        jurisdictions: grant.jurisdictions.into_iter().map(String::from).collect(),
        conditions: grant
            .conditions
            .into_iter()
            .map(|(name, values)| (name, pb::ConditionValues { values: values.into_iter().collect() }))
            .collect(),
        may_delegate: grant.may_delegate,
        until: grant.until.map(output::timestamp),
    }
}
