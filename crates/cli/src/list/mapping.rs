//! Which records say what a list says: an entity for each trusted entity, an authorization for each time in which a service
//! of a known type was in force. Nothing is made to say more than the list does.

use std::collections::{BTreeMap, BTreeSet};

use charter_domain::{
    Action, EntityId, Interval, Resource,
    event::{Identifier, LanguageMap},
    record::{RawAccreditation, RawAuthorization, RawRecord},
};
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};

use super::{
    Format, Reading,
    model::{Entity, List, Service, State},
    report::{Report, reason},
};

/// What services of a type may do here.
pub type Types = BTreeMap<String, (Action, Resource)>;

/// What our own lists call services, and states.
const OWN_SERVICE: &str = "urn:charter:service:";
const OWN_STATUS: &str = "urn:charter:status:";
/// States in which a service is in force (TS 119 612, 5.5.4; TS 119 602, annexes).
const IN_FORCE: [&str; 4] = [
    "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted",
    "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/recognisedatnationallevel",
    "http://uri.etsi.org/19602/PubEAAProvidersList/SvcStatus/notified",
    "urn:charter:status:active",
];
/// States in which it is not; others are not known.
const NOT_IN_FORCE: [&str; 3] = [
    "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn",
    "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/deprecatedatnationallevel",
    "http://uri.etsi.org/19602/PubEAAProvidersList/SvcStatus/withdrawn",
];
const OWN_NOT_IN_FORCE: [&str; 4] = ["suspended", "revoked", "ended", "expired"];
/// Identifiers of one record.
const MAX_IDENTIFIERS: usize = 16;

/// `URI=ACTION:RESOURCE`
pub fn service_type(text: &str) -> Result<(String, (Action, Resource)), String> {
    let wrong = || "must be URI=ACTION:RESOURCE".to_owned();
    let (uri, terms) = text.split_once('=').filter(|(uri, _)| uri.contains(':')).ok_or_else(wrong)?;
    let (action, resource) = terms.split_once(':').ok_or_else(wrong)?;
    let action = Action::parse(action).map_err(|e| e.to_string())?;
    let resource = Resource::parse(resource).map_err(|e| e.to_string())?;
    Ok((uri.to_owned(), (action, resource)))
}

/// The records, in the order of the list.
pub(super) fn map(list: &List, reading: &Reading<'_>, bytes: &[u8]) -> (Vec<RawRecord>, Report) {
    let mut report = Report {
        format: match reading.format {
            Format::Lote => "ETSI TS 119 602",
            Format::Tsl => "ETSI TS 119 612",
        },
        sha256: format!("{:x}", Sha256::digest(bytes)),
        signer_sha256: reading.signer.sha256(),
        operator: list.operator.clone(),
        territory: list.territory.clone(),
        sequence: list.sequence,
        issued: Some(list.issued),
        next_update: list.next_update,
        entities: list.entities.len(),
        services: list.entities.iter().map(|e| e.services.len()).sum(),
        ..Report::default()
    };
    notes(list, reading, &mut report);
    for field in &list.left {
        report.lacks((0, 0), field, reason::NO_PLACE, None);
    }
    let ground = ground(list, &report.sha256);
    let mut records = Vec::new();
    for (entity, number) in list.entities.iter().zip(1..) {
        let mut carrying = Carrying { list, types: reading.types, report: &mut report, number };
        if let Some(record) = carrying.record(entity, &ground) {
            report.authorizations += record.authorizations.len();
            records.push(record);
        }
    }
    report.records = records.len();
    (records, report)
}

/// TS 119 602, 6.8, and TS 119 612, 5.7.1: the certificate is of the operator.
fn notes(list: &List, reading: &Reading<'_>, report: &mut Report) {
    let (organization, country) = reading.signer.names();
    let is_operator = |name: &String| list.operator.values().any(|operator| operator == name);
    if !organization.as_ref().is_some_and(is_operator) {
        report
            .notes
            .push("the organization in the signer's certificate is not the operator of the list".to_owned());
    }
    if list.territory.is_some() && list.territory != country {
        report
            .notes
            .push("the country in the signer's certificate is not the territory of the list".to_owned());
    }
    if list.next_update.is_none_or(|next| next <= reading.now) {
        report.notes.push("the list was to be replaced by now".to_owned());
    }
}

/// The list itself is the ground of what is recorded by it.
fn ground(list: &List, sha256: &str) -> RawAccreditation {
    let operator = list.operator.get("en").or_else(|| list.operator.values().next());
    let cut = |text: &str| text.chars().take(200).collect::<String>();
    RawAccreditation {
        body: operator.map_or_else(|| "unnamed".to_owned(), |name| cut(name)),
        evidence_uri: list.location.as_deref().map(cut).unwrap_or_default(),
        evidence_date: list.issued.to_string(),
        evidence_sha256: sha256.to_owned(),
        ..RawAccreditation::default()
    }
}

/// One entity on its way into a record.
struct Carrying<'a> {
    list: &'a List,
    types: &'a Types,
    report: &'a mut Report,
    number: u32,
}

impl Carrying<'_> {
    fn lacks(&mut self, service: u32, field: &str, why: &'static str, value: Option<&str>) {
        self.report.lacks((self.number, service), field, why, value.map(str::to_owned));
    }

    fn record(&mut self, entity: &Entity, ground: &RawAccreditation) -> Option<RawRecord> {
        for field in &entity.left {
            self.lacks(0, field, reason::NO_PLACE, None);
        }
        let authorizations = self.authorizations(entity);
        if authorizations.is_empty() {
            self.lacks(
                0,
                "services",
                reason::NO_SERVICE,
                entity.names.first().map(|(_, name)| name.as_str()),
            );
            return None;
        }
        let mut identifiers = self.identifiers(entity);
        if identifiers.is_empty() {
            self.lacks(
                0,
                "identifier",
                reason::NO_IDENTIFIER,
                entity.names.first().map(|(_, name)| name.as_str()),
            );
            return None;
        }
        let canonical = identifiers.remove(0).value;
        Some(RawRecord {
            identifier: canonical,
            identifiers,
            names: self.names(entity),
            country: entity.country.clone().or_else(|| self.list.territory.clone()).unwrap_or_default(),
            accreditation: Some(ground.clone()),
            authorizations,
            status: None,
        })
    }

    fn names(&mut self, entity: &Entity) -> LanguageMap {
        let mut names = LanguageMap::new();
        for (language, name) in &entity.names {
            if names.contains_key(language) {
                self.lacks(0, "name", reason::TWICE, Some(name));
            } else {
                names.insert(language.clone(), name.clone());
            }
        }
        names
    }

    /// Identifiers of the services, official registration identifiers, else the digest of the first certificate.
    fn identifiers(&mut self, entity: &Entity) -> Vec<Identifier> {
        let others = entity.services.iter().flat_map(|s| &s.others);
        let named: Vec<(&String, bool)> =
            others.map(|id| (id, true)).chain(entity.registered.iter().map(|id| (id, false))).collect();
        let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
        for (value, is_id) in named {
            if !seen.insert(value.as_str()) {
                continue;
            }
            // A trade name is an identifier where it looks like one of EN 319 412-1, 5.1.4: `VATFI-12345678`, or a URI.
            let fits = EntityId::parse(value).is_ok() && (is_id || is_registration(value));
            if fits && found.len() < MAX_IDENTIFIERS {
                found.push(Identifier { r#type: kind(value).to_owned(), value: value.clone() });
            } else {
                let field = if is_id { "OtherIds" } else { "trade name" };
                self.lacks(0, field, reason::BAD, Some(value));
            }
        }
        if found.is_empty()
            && let Some(der) = entity.services.iter().flat_map(|s| &s.certificates).next()
        {
            let value = format!("urn:charter:x509-sha256:{:x}", Sha256::digest(der));
            found.push(Identifier { r#type: "x509".to_owned(), value });
        }
        found
    }

    /// When each action on a resource was in force by any of the services.
    fn authorizations(&mut self, entity: &Entity) -> Vec<RawAuthorization> {
        let mut terms: BTreeMap<(Action, Resource, Vec<String>), Vec<Interval>> = BTreeMap::new();
        for (service, number) in entity.services.iter().zip(1..) {
            for field in &service.left {
                self.lacks(number, field, reason::NO_PLACE, None);
            }
            let Some(((action, resource), spans)) = self.spans(service, number) else { continue };
            terms.entry((action, resource, service.jurisdictions.clone())).or_default().extend(spans);
        }
        let list = terms.into_iter().flat_map(|((action, resource, jurisdictions), spans)| {
            Interval::joined(spans).into_iter().map(move |span| RawAuthorization {
                action: action.to_string(),
                resource: resource.to_string(),
                jurisdictions: jurisdictions.clone(),
                valid_from: span.from.map(|t| t.to_string()).unwrap_or_default(),
                valid_until: span.until.map(|t| t.to_string()).unwrap_or_default(),
                ..RawAuthorization::default()
            })
        });
        list.collect()
    }

    /// What a service is here, and when it was in force; none of it where any of it is not understood.
    fn spans(&mut self, service: &Service, number: u32) -> Option<((Action, Resource), Vec<Interval>)> {
        let kind = service.kind.as_deref().unwrap_or_default();
        if let Some(field) = &service.critical {
            self.lacks(number, field, reason::CRITICAL, service.name.as_deref());
            return None;
        }
        let Some(term) = own(kind).or_else(|| self.types.get(kind).cloned()) else {
            self.lacks(number, "ServiceTypeIdentifier", reason::UNMAPPED, Some(kind));
            return None;
        };
        let mut spans = Vec::new();
        // What comes next, after the state that is looked at: its beginning is the end of that.
        let mut next = service.valid_until;
        for (at, state) in service.states.iter().enumerate() {
            let other = state.kind.as_deref().is_some_and(|own| own != kind);
            let Some(since) = state.since.or(if at == 0 { Some(self.list.issued) } else { None }) else {
                self.lacks(number, "StatusStartingTime", reason::NO_TIME, state.status.as_deref());
                return None;
            };
            match is_in_force(state) {
                _ if other => self.lacks(number, "ServiceHistory", reason::BAD, state.kind.as_deref()),
                None => {
                    self.lacks(number, "ServiceStatus", reason::UNKNOWN_STATUS, state.status.as_deref());
                    return None;
                }
                Some(true) => match Interval::new(Some(since), next) {
                    Ok(span) => spans.push(span),
                    Err(_) => self.lacks(number, "StatusStartingTime", reason::BAD, state.status.as_deref()),
                },
                Some(false) => {}
            }
            next = Some(next.map_or(since, |next| next.min(since)));
        }
        Some((term, spans))
    }
}

/// A list without states lists what is in force.
fn is_in_force(state: &State) -> Option<bool> {
    let Some(status) = state.status.as_deref() else { return Some(true) };
    let status = status.trim_end_matches('/');
    if IN_FORCE.contains(&status) {
        return Some(true);
    }
    let own = status.strip_prefix(OWN_STATUS).is_some_and(|code| OWN_NOT_IN_FORCE.contains(&code));
    (own || NOT_IN_FORCE.contains(&status)).then_some(false)
}

/// A type of our own lists: action and resource, each percent-encoded.
fn own(kind: &str) -> Option<(Action, Resource)> {
    let (action, resource) = kind.strip_prefix(OWN_SERVICE)?.split_once(':')?;
    let decoded = |part: &str| percent_decode_str(part).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    Some((Action::parse(&decoded(action)?).ok()?, Resource::parse(&decoded(resource)?).ok()?))
}

fn is_registration(value: &str) -> bool {
    let (head, tail) = value.split_once('-').unwrap_or((value, ""));
    let semantic = head.len() == 5 && head.bytes().all(|b| b.is_ascii_uppercase()) && !tail.is_empty();
    semantic || value.starts_with("did:") || value.starts_with("https://") || value.starts_with("urn:")
}

fn kind(value: &str) -> &'static str {
    match value.split_once(':').map(|(scheme, _)| scheme) {
        Some("did") => "did",
        Some("https") => "https",
        _ if is_registration(value) => "registration",
        _ => "other",
    }
}
