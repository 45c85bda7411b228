//! A record to be loaded: one entity with its accreditation and authorizations. Dry run and real run share this
//! validator, so they cannot disagree.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    Action, EntityId, Interval, Invalid, Kind, Resource, Timestamp,
    event::{Identifier, LanguageMap},
    recognition::{Peer, RawPeer},
    scope::{Conditions, Jurisdiction},
    status::State,
};

/// Bounds of one record; a sane one has a handful of each.
pub const MAX_AUTHORIZATIONS: usize = 100;
const MAX_TEXT: usize = 1_024;

/// A record as it arrives: JSON, CSV and protobuf all become this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRecord {
    pub identifier: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
    #[serde(default)]
    pub names: LanguageMap,
    #[serde(default)]
    pub country: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accreditation: Option<RawAccreditation>,
    #[serde(default)]
    pub authorizations: Vec<RawAuthorization>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RawStatus>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawAccreditation {
    pub body: String,
    pub legal_basis: String,
    pub evidence_uri: String,
    pub evidence_date: String,
    pub evidence_sha256: String,
    pub valid_from: String,
    pub valid_until: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawAuthorization {
    /// Empty means `authorization`.
    pub kind: String,
    pub action: String,
    pub resource: String,
    pub jurisdictions: Vec<String>,
    pub conditions: Conditions,
    pub valid_from: String,
    pub valid_until: String,
    /// Of a recognition alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<RawPeer>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawStatus {
    pub state: String,
    pub from: String,
    pub reason: String,
}

/// A record that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub identifiers: Vec<Identifier>,
    pub names: LanguageMap,
    pub country: String,
    pub accreditation: Option<Accreditation>,
    pub authorizations: Vec<Authorization>,
    pub status: Option<(State, Option<Timestamp>, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accreditation {
    pub body: String,
    pub legal_basis: String,
    pub evidence_uri: String,
    pub evidence_date: String,
    pub evidence_sha256: String,
    pub valid: Interval,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    pub kind: Kind,
    pub action: Action,
    pub resource: Resource,
    pub jurisdictions: Vec<Jurisdiction>,
    pub conditions: Conditions,
    pub valid: Interval,
    pub peer: Option<Peer>,
}

impl Record {
    pub fn parse(raw: RawRecord) -> Result<Self, Invalid> {
        let canonical = EntityId::parse(&raw.identifier).map_err(|e| e.at("identifier"))?;
        let mut identifiers =
            vec![Identifier { r#type: identifier_type(canonical.as_str()), value: canonical.into() }];
        for other in raw.identifiers {
            EntityId::parse(&other.value).map_err(|e| e.at("identifiers"))?;
            bounded("identifiers.type", &other.r#type, 32)?;
            identifiers.push(other);
        }
        let distinct: BTreeSet<&str> = identifiers.iter().map(|i| i.value.as_str()).collect();
        if distinct.len() != identifiers.len() || identifiers.len() > 16 {
            return Err(Invalid::new("identifiers", "must be at most 16 and distinct"));
        }
        let accreditation = raw.accreditation.map(accreditation).transpose()?;
        if raw.authorizations.len() > MAX_AUTHORIZATIONS {
            return Err(Invalid::new("authorizations", format!("must be at most {MAX_AUTHORIZATIONS}")));
        }
        let authorizations: Result<Vec<_>, _> = raw.authorizations.into_iter().map(authorization).collect();
        Ok(Self {
            identifiers,
            names: names(raw.names)?,
            country: country(raw.country)?,
            accreditation,
            authorizations: no_overlap(authorizations?)?,
            status: raw.status.map(status).transpose()?.flatten(),
        })
    }

    pub fn identifier(&self) -> &str {
        &self.identifiers[0].value
    }
}

fn identifier_type(value: &str) -> String {
    if value.starts_with("did:") {
        "did"
    } else if value.starts_with("https:") {
        "https"
    } else {
        "other"
    }
    .to_owned()
}

fn bounded(field: &str, text: &str, max: usize) -> Result<(), Invalid> {
    if text.len() > max {
        return Err(Invalid::new(field, format!("must not be longer than {max} bytes")));
    }
    if text.chars().any(|c| c.is_ascii_control()) {
        return Err(Invalid::new(field, "must not contain control characters"));
    }
    Ok(())
}

/// BCP 47 tags by their shape; the registry's own list of required languages is governance, not syntax.
fn names(names: LanguageMap) -> Result<LanguageMap, Invalid> {
    if names.is_empty() || names.len() > 32 {
        return Err(Invalid::new("names", "must have 1 to 32 languages"));
    }
    for (tag, name) in &names {
        if !is_language(tag) {
            return Err(Invalid::new(
                "names",
                format!("has `{tag:.64}`, which is not a BCP 47 language tag"),
            ));
        }
        if name.trim().is_empty() {
            return Err(Invalid::new("names", format!("must not be empty for `{tag}`")));
        }
        bounded("names", name, MAX_TEXT)?;
    }
    Ok(names)
}

/// The shape of a BCP 47 tag.
pub(crate) fn is_language(tag: &str) -> bool {
    let subtag = |s: &str| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric());
    let primary = tag.split('-').next().unwrap_or_default();
    tag.split('-').all(subtag) && primary.len() >= 2 && tag.len() <= 35
}

fn country(country: String) -> Result<String, Invalid> {
    if country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(country);
    }
    Err(Invalid::new("country", "must be an ISO 3166-1 alpha-2 code such as `FI`"))
}

fn optional_time(field: &str, text: &str) -> Result<Option<Timestamp>, Invalid> {
    if text.is_empty() {
        return Ok(None);
    }
    Timestamp::parse(text).map(Some).map_err(|e| e.at(field))
}

fn validity(from: &str, until: &str) -> Result<Interval, Invalid> {
    Interval::new(optional_time("valid_from", from)?, optional_time("valid_until", until)?)
}

fn accreditation(raw: RawAccreditation) -> Result<Accreditation, Invalid> {
    for (field, text) in [
        ("accreditation.body", &raw.body),
        ("accreditation.legal_basis", &raw.legal_basis),
        ("accreditation.evidence_uri", &raw.evidence_uri),
        ("accreditation.evidence_date", &raw.evidence_date),
    ] {
        bounded(field, text, MAX_TEXT)?;
    }
    if raw.body.is_empty() {
        return Err(Invalid::new("accreditation.body", "must not be empty"));
    }
    let hex = raw.evidence_sha256.bytes().all(|b| b.is_ascii_hexdigit());
    if !raw.evidence_sha256.is_empty() && (raw.evidence_sha256.len() != 64 || !hex) {
        return Err(Invalid::new("accreditation.evidence_sha256", "must be 64 hexadecimal digits"));
    }
    let valid = validity(&raw.valid_from, &raw.valid_until)?;
    let RawAccreditation { body, legal_basis, evidence_uri, evidence_date, evidence_sha256, .. } = raw;
    Ok(Accreditation { body, legal_basis, evidence_uri, evidence_date, evidence_sha256, valid })
}

fn authorization(raw: RawAuthorization) -> Result<Authorization, Invalid> {
    let kind = if raw.kind.is_empty() { Kind::Authorization } else { Kind::parse(&raw.kind)? };
    let jurisdictions: Result<Vec<_>, _> = raw.jurisdictions.iter().map(|j| Jurisdiction::parse(j)).collect();
    for (dimension, values) in &raw.conditions {
        bounded("conditions", dimension, 64)?;
        if values.is_empty() || values.iter().any(|v| v.len() > 256) {
            return Err(Invalid::new("conditions", "must have short values in every dimension"));
        }
    }
    if raw.peer.is_some() && kind != Kind::Recognition {
        return Err(Invalid::new("peer", "must be absent but in a recognition"));
    }
    Ok(Authorization {
        kind,
        action: Action::parse(&raw.action)?,
        resource: Resource::parse(&raw.resource)?,
        jurisdictions: jurisdictions?,
        conditions: raw.conditions,
        valid: validity(&raw.valid_from, &raw.valid_until)?,
        peer: raw.peer.as_ref().map(Peer::parse).transpose()?,
    })
}

/// Two authorizations of one record for one tuple must not overlap in time: the database would refuse them.
fn no_overlap(list: Vec<Authorization>) -> Result<Vec<Authorization>, Invalid> {
    for (i, a) in list.iter().enumerate() {
        let clash = list[..i].iter().any(|b| {
            (a.kind, &a.action, &a.resource) == (b.kind, &b.action, &b.resource)
                && a.valid.intersect(&b.valid).is_some()
        });
        if clash {
            return Err(Invalid::new("authorizations", format!("overlap in time for `{}`", a.resource)));
        }
    }
    Ok(list)
}

fn status(raw: RawStatus) -> Result<Option<(State, Option<Timestamp>, String)>, Invalid> {
    let state = if raw.state.is_empty() { State::Active } else { State::parse(&raw.state)? };
    let from = optional_time("status.from", &raw.from)?;
    bounded("status.reason", &raw.reason, 128)?;
    if state == State::Active {
        return Ok(None);
    }
    if raw.reason.is_empty() {
        return Err(Invalid::new("status.reason", "must not be empty for a state other than ACTIVE"));
    }
    Ok(Some((state, from, raw.reason)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawRecord {
        RawRecord {
            identifier: "did:web:a.example".into(),
            names: [("en".to_owned(), "A".to_owned())].into(),
            country: "FI".into(),
            authorizations: vec![RawAuthorization {
                action: "issue".into(),
                resource: "Degree".into(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    #[test]
    fn a_good_record_parses_and_each_fault_names_its_field() {
        assert!(Record::parse(raw()).is_ok());
        let fault = |change: fn(&mut RawRecord)| {
            let mut record = raw();
            change(&mut record);
            Record::parse(record).expect_err("faulty").field
        };
        assert_eq!(fault(|r| r.identifier = "a b".into()), "identifier");
        assert_eq!(fault(|r| r.country = "fi".into()), "country");
        assert_eq!(fault(|r| r.names.clear()), "names");
        assert_eq!(fault(|r| r.authorizations[0].action.clear()), "action");
        assert_eq!(fault(|r| r.authorizations[0].valid_until = "soon".into()), "valid_until");
        assert_eq!(fault(|r| r.authorizations[0].peer = Some(RawPeer::default())), "peer");
        assert_eq!(fault(|r| r.authorizations.push(r.authorizations[0].clone())), "authorizations");
        assert_eq!(
            fault(|r| r.status = Some(RawStatus { state: "REVOKED".into(), ..Default::default() })),
            "status.reason"
        );
    }
}
