//! Corrections and renewals as wishes.

use charter_proto::charter::registry::v1::{self as pb, renew::Target};

use super::{convert, identifier, import, naming};
use crate::{
    Error,
    app::govern::wish::{CorrectAccreditation, CorrectDelegation, CorrectEntity, Renew},
};

pub fn entity(c: pb::CorrectEntity) -> CorrectEntity {
    CorrectEntity {
        entity_id: c.entity_id,
        names: c.names.into_iter().collect(),
        country: c.country,
        add_identifiers: c.add_identifiers.into_iter().map(identifier).collect(),
        end_identifiers: c.end_identifiers,
    }
}

pub fn accreditation(c: pb::CorrectAccreditation) -> Result<CorrectAccreditation, Error> {
    Ok(CorrectAccreditation {
        accreditation_id: c.accreditation_id,
        body: c.body,
        legal_basis: c.legal_basis,
        evidence_uri: c.evidence_uri,
        evidence_date: c.evidence_date,
        evidence_sha256: c.evidence_sha256,
        valid_from: convert::optional_time("valid_from", c.valid_from)?,
        valid_until: convert::optional_time("valid_until", c.valid_until)?,
    })
}

pub fn delegation(c: pb::CorrectDelegation) -> Result<CorrectDelegation, Error> {
    Ok(CorrectDelegation {
        subordinate_id: c.subordinate_id,
        scope: c.scope.into_iter().map(import::grant).collect::<Result<_, _>>()?,
        endpoint: c.endpoint,
        tls_spki_sha256: c.tls_spki_sha256.map(|pins| pins.sha256),
        jwks_json: c.jwks_json,
        answers_as_own: c.answers_as_own,
        max_path_length: c.max_path_length,
        naming_constraints: c.naming_constraints.map(naming),
    })
}

pub fn renew(c: pb::Renew) -> Result<Renew, Error> {
    let valid_until = convert::optional_time("valid_until", c.valid_until)?;
    let mut wish = Renew { valid_until, ..Renew::default() };
    match c.target {
        Some(Target::SubordinateId(id)) => wish.subordinate_id = id,
        Some(Target::AccreditationId(id)) => wish.accreditation_id = id,
        Some(Target::StatementId(id)) => wish.statement_id = id,
        None => {}
    }
    Ok(wish)
}
