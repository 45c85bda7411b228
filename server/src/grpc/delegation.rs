//! Delegations as gRPC shows them.

use charter_domain::{
    Delegation, NamingConstraints, Timestamp,
    scope::{Grant, Jurisdiction, Pattern},
    status::state_at,
};
use charter_proto::charter::registry::v1 as pb;

use super::convert;
use crate::{Error, app::etag};

pub(super) fn grant(g: &Grant) -> pb::Grant {
    let texts = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let condition = |(name, values): (&String, &std::collections::BTreeSet<String>)| {
        (name.clone(), pb::ConditionValues { values: values.iter().cloned().collect() })
    };
    pb::Grant {
        actions: texts(g.actions.iter().map(Pattern::as_str).collect()),
        resources: texts(g.resources.iter().map(Pattern::as_str).collect()),
        jurisdictions: texts(g.jurisdictions.iter().map(Jurisdiction::as_str).collect()),
        conditions: g.conditions.iter().map(condition).collect(),
        may_delegate: g.may_delegate,
        until: g.until.map(convert::time),
    }
}

/// None where any name will do.
pub(super) fn names(constraints: &NamingConstraints) -> Option<pb::NamingConstraints> {
    let NamingConstraints { permitted, excluded } = constraints.clone();
    (!constraints.is_empty()).then_some(pb::NamingConstraints { permitted, excluded })
}

/// As they arrive: what is issued is parsed.
pub(super) fn naming(given: pb::NamingConstraints) -> NamingConstraints {
    NamingConstraints { permitted: given.permitted, excluded: given.excluded }
}

pub(super) fn view(d: &Delegation, now: Timestamp) -> Result<pb::Delegation, Error> {
    let state = state_at(&d.statuses, now);
    let since = d.statuses.iter().find(|s| s.state == state && s.effective.contains(now));
    Ok(pb::Delegation {
        delegation_id: d.id,
        subordinate_id: d.subordinate.to_string(),
        entity_identifier: d.entity_identifier.to_string(),
        jwks_json: d.jwks.clone(),
        endpoint: d.endpoint.clone(),
        tls_spki_sha256: d.tls_spki_sha256.texts(),
        scope: d.scope.0.iter().map(grant).collect(),
        max_path_length: d.max_path_length.map(u32::from),
        naming_constraints: names(&d.naming_constraints),
        answers_as_own: d.answers_as_own,
        valid_from: d.valid.from.map(convert::time),
        valid_until: d.valid.until.map(convert::time),
        status: Some(pb::Status {
            state: state.code().to_owned(),
            since: since.and_then(|s| s.effective.from).map(convert::time),
            reason: String::new(),
        }),
        etag: etag::delegation(d, now)?.header(),
    })
}
