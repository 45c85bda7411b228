//! A record as the import door takes it.

use charter_domain::{
    recognition::RawPeer,
    record::{RawAccreditation, RawAuthorization, RawRecord, RawStatus},
};
use charter_proto::charter::registry::v1 as pb;

/// The record of one line. Nothing is lost: the server parses the same text again.
pub fn to_wire(line: u32, raw: RawRecord) -> pb::ImportRecord {
    let identifier =
        |id: charter_domain::event::Identifier| pb::ImportIdentifier { r#type: id.r#type, value: id.value };
    pb::ImportRecord {
        line,
        identifier: raw.identifier,
        identifiers: raw.identifiers.into_iter().map(identifier).collect(),
        names: raw.names.into_iter().collect(),
        country: raw.country,
        accreditation: raw.accreditation.map(accreditation),
        authorizations: raw.authorizations.into_iter().map(authorization).collect(),
        status: raw.status.map(status),
    }
}

fn accreditation(raw: RawAccreditation) -> pb::ImportAccreditation {
    pb::ImportAccreditation {
        body: raw.body,
        legal_basis: raw.legal_basis,
        evidence_uri: raw.evidence_uri,
        evidence_date: raw.evidence_date,
        evidence_sha256: raw.evidence_sha256,
        valid_from: raw.valid_from,
        valid_until: raw.valid_until,
    }
}

fn authorization(raw: RawAuthorization) -> pb::ImportAuthorization {
    let values = |(name, values): (String, std::collections::BTreeSet<String>)| {
        (name, pb::ConditionValues { values: values.into_iter().collect() })
    };
    pb::ImportAuthorization {
        kind: raw.kind,
        action: raw.action,
        resource: raw.resource,
        jurisdictions: raw.jurisdictions,
        conditions: raw.conditions.into_iter().map(values).collect(),
        valid_from: raw.valid_from,
        valid_until: raw.valid_until,
        peer: raw.peer.map(peer_to_wire),
    }
}

/// The peer of a recognition.
pub fn peer_to_wire(raw: RawPeer) -> pb::ImportPeer {
    pb::ImportPeer {
        entity_identifier: raw.entity_identifier,
        jwks_json: raw.jwks_json,
        endpoint: raw.endpoint,
        may_follow: raw.may_follow,
        one_sided: raw.one_sided,
        tls_spki_sha256: raw.tls_spki_sha256,
    }
}

fn status(raw: RawStatus) -> pb::ImportStatus {
    pb::ImportStatus { state: raw.state, from: raw.from, reason: raw.reason }
}
