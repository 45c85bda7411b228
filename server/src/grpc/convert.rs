//! Protobuf to domain and back. Faults name the field.

use std::collections::HashMap;

use charter_domain::{
    Context, Invalid, Kind, Query, Timestamp,
    event::Identifier,
    recognition::RawPeer,
    record::{RawAccreditation, RawAuthorization, RawRecord, RawStatus},
    scope::Conditions,
};
use charter_proto::charter::registry::v1 as pb;
use prost_types::Timestamp as PbTime;

pub fn time(t: Timestamp) -> PbTime {
    let nanos = i32::try_from(t.micros().rem_euclid(1_000_000) * 1_000).unwrap_or_default();
    PbTime { seconds: t.secs(), nanos }
}

pub fn from_time(field: &str, t: PbTime) -> Result<Timestamp, Invalid> {
    let micros = t.seconds.checked_mul(1_000_000).and_then(|s| s.checked_add(i64::from(t.nanos) / 1_000));
    match micros {
        Some(micros)
            if (0..1_000_000_000).contains(&t.nanos) && Timestamp::from_micros(micros).micros() == micros =>
        {
            Ok(Timestamp::from_micros(micros))
        }
        _ => Err(Invalid::new(field, "is out of range")),
    }
}

pub fn optional_time(field: &str, t: Option<PbTime>) -> Result<Option<Timestamp>, Invalid> {
    t.map(|t| from_time(field, t)).transpose()
}

pub fn query(
    kind: Kind,
    terms: (&str, &str, &str, &str),
    context: &HashMap<String, String>,
) -> Result<Query, Invalid> {
    let context = Context::parse(context.iter().map(|(k, v)| (k.as_str(), v.as_str())))?;
    Query::parse(kind, terms, context)
}

pub fn conditions(map: HashMap<String, pb::ConditionValues>) -> Conditions {
    map.into_iter().map(|(k, v)| (k, v.values.into_iter().collect())).collect()
}

pub fn record(r: pb::ImportRecord) -> (u32, RawRecord) {
    let identifier = |i: pb::ImportIdentifier| Identifier { r#type: i.r#type, value: i.value };
    let accreditation = |a: pb::ImportAccreditation| RawAccreditation {
        body: a.body,
        legal_basis: a.legal_basis,
        evidence_uri: a.evidence_uri,
        evidence_date: a.evidence_date,
        evidence_sha256: a.evidence_sha256,
        valid_from: a.valid_from,
        valid_until: a.valid_until,
    };
    let peer = |p: pb::ImportPeer| RawPeer {
        entity_identifier: p.entity_identifier,
        jwks_json: p.jwks_json,
        endpoint: p.endpoint,
        may_follow: p.may_follow,
        one_sided: p.one_sided,
        tls_spki_sha256: p.tls_spki_sha256,
    };
    let authorization = |a: pb::ImportAuthorization| RawAuthorization {
        kind: a.kind,
        action: a.action,
        resource: a.resource,
        jurisdictions: a.jurisdictions,
        conditions: conditions(a.conditions),
        valid_from: a.valid_from,
        valid_until: a.valid_until,
        peer: a.peer.map(peer),
    };
    let raw = RawRecord {
        identifier: r.identifier,
        identifiers: r.identifiers.into_iter().map(identifier).collect(),
        names: r.names.into_iter().collect(),
        country: r.country,
        accreditation: r.accreditation.map(accreditation),
        authorizations: r.authorizations.into_iter().map(authorization).collect(),
        status: r.status.map(|s| RawStatus { state: s.state, from: s.from, reason: s.reason }),
    };
    (r.line, raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip_and_bad_ones_are_refused() {
        for micros in [0, 1, -1, 1_700_000_000_123_456] {
            let t = Timestamp::from_micros(micros);
            assert_eq!(from_time("t", time(t)).expect("valid"), t);
        }
        assert!(from_time("t", PbTime { seconds: i64::MAX, nanos: 0 }).is_err());
        assert!(from_time("t", PbTime { seconds: 0, nanos: -1 }).is_err());
    }
}
