//! ETSI TS 119 602 V1.1.1 in JSON. Members that the standard does not know refuse the list, as its schema does.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use charter_domain::{Timestamp, json::parse_strict, scope::Jurisdiction};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Refused,
    model::{Entity, List, Service, State},
};

/// Entities of one list.
const MAX_ENTITIES: usize = 200_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "LoTE")]
    lote: Lote,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Lote {
    list_and_scheme_information: Scheme,
    #[serde(default)]
    trusted_entities_list: Vec<TrustedEntity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Scheme {
    #[serde(rename = "LoTEVersionIdentifier")]
    version: u64,
    #[serde(rename = "LoTESequenceNumber")]
    sequence: u64,
    #[serde(rename = "LoTEType")]
    kind: Option<String>,
    scheme_operator_name: Vec<Text>,
    scheme_operator_address: Option<Value>,
    scheme_name: Option<Vec<Text>>,
    #[serde(rename = "SchemeInformationURI")]
    scheme_information_uri: Option<Vec<Link>>,
    status_determination_approach: Option<String>,
    scheme_type_community_rules: Option<Vec<Link>>,
    scheme_territory: Option<String>,
    policy_or_legal_notice: Option<Value>,
    historical_information_period: Option<u64>,
    #[serde(rename = "PointersToOtherLoTE")]
    pointers: Option<Value>,
    list_issue_date_time: String,
    next_update: Option<String>,
    distribution_points: Option<Vec<String>>,
    scheme_extensions: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    lang: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    #[serde(rename = "lang")]
    _lang: String,
    #[serde(rename = "uriValue")]
    uri: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct TrustedEntity {
    trusted_entity_information: Information,
    trusted_entity_services: Vec<TrustedService>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Information {
    #[serde(rename = "TEName")]
    name: Vec<Text>,
    #[serde(rename = "TETradeName", default)]
    trade_name: Vec<Text>,
    #[serde(rename = "TEAddress")]
    address: Address,
    #[serde(rename = "TEInformationURI")]
    uri: Vec<Link>,
    #[serde(rename = "TEInformationExtensions")]
    extensions: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    #[serde(rename = "TEPostalAddress")]
    postal: Vec<Postal>,
    #[serde(rename = "TEElectronicAddress")]
    _electronic: Vec<Link>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Postal {
    #[serde(rename = "Country")]
    country: String,
    #[serde(rename = "lang")]
    _lang: String,
    #[serde(rename = "StreetAddress")]
    _street: String,
    #[serde(rename = "Locality")]
    _locality: Option<String>,
    #[serde(rename = "StateOrProvince")]
    _state: Option<String>,
    #[serde(rename = "PostalCode")]
    _code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct TrustedService {
    service_information: ServiceInformation,
    #[serde(default)]
    service_history: Vec<ServiceInformation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ServiceInformation {
    service_type_identifier: Option<String>,
    service_name: Vec<Text>,
    service_digital_identity: Identity,
    service_status: Option<String>,
    status_starting_time: Option<String>,
    #[serde(rename = "SchemeServiceDefinitionURI")]
    scheme_definition: Option<Value>,
    service_supply_points: Option<Value>,
    #[serde(rename = "ServiceDefinitionURI")]
    definition: Option<Value>,
    #[serde(default)]
    service_information_extensions: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    #[serde(rename = "X509Certificates", default)]
    certificates: Vec<Object>,
    #[serde(rename = "X509SubjectNames")]
    subjects: Option<Vec<String>>,
    #[serde(rename = "PublicKeyValues")]
    keys: Option<Value>,
    #[serde(rename = "X509SKIs")]
    skis: Option<Vec<String>>,
    #[serde(rename = "OtherIds", default)]
    others: Vec<String>,
}

/// A certificate with how it is encoded; anything but DER in base64 is refused by whoever reads it as that.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    val: String,
    #[serde(rename = "encoding")]
    _encoding: Option<String>,
    #[serde(rename = "specRef")]
    _spec_ref: Option<String>,
}

fn time(text: &str) -> Result<Timestamp, Refused> {
    let parsed = Timestamp::parse(text).ok().filter(|_| text.ends_with('Z'));
    parsed.ok_or_else(|| Refused::form(format!("`{text:.40}` is no time in UTC")))
}

/// Reads what was signed.
pub(super) fn read(text: &str) -> Result<List, Refused> {
    let value = parse_strict(text)
        .map_err(|e| Refused::form(format!("the list is not acceptable at `{}`: {}", e.field, e.reason)))?;
    let File { lote } = serde_json::from_value(value)
        .map_err(|e| Refused::form(format!("the list is not of ETSI TS 119 602: {e}")))?;
    let scheme = lote.list_and_scheme_information;
    if scheme.version != 1 {
        return Err(Refused::form(format!("version {} of the format is not known", scheme.version)));
    }
    if lote.trusted_entities_list.len() > MAX_ENTITIES {
        return Err(Refused::form(format!("the list has more than {MAX_ENTITIES} entities")));
    }
    let entities = lote.trusted_entities_list.into_iter().map(entity).collect::<Result<_, _>>()?;
    let given = [
        ("LoTEType", scheme.kind.is_some()),
        ("SchemeOperatorAddress", scheme.scheme_operator_address.is_some()),
        ("SchemeName", scheme.scheme_name.is_some()),
        ("StatusDeterminationApproach", scheme.status_determination_approach.is_some()),
        ("SchemeTypeCommunityRules", scheme.scheme_type_community_rules.is_some()),
        ("PolicyOrLegalNotice", scheme.policy_or_legal_notice.is_some()),
        ("HistoricalInformationPeriod", scheme.historical_information_period.is_some()),
        ("PointersToOtherLoTE", scheme.pointers.is_some()),
        ("SchemeExtensions", scheme.scheme_extensions.is_some()),
    ];
    let published = scheme.distribution_points.into_iter().flatten().next();
    let described = || scheme.scheme_information_uri.into_iter().flatten().map(|link| link.uri).next();
    Ok(List {
        operator: scheme
            .scheme_operator_name
            .into_iter()
            .map(|t| (t.lang, t.value))
            .collect::<BTreeMap<_, _>>(),
        territory: scheme.scheme_territory,
        sequence: scheme.sequence,
        issued: time(&scheme.list_issue_date_time)?,
        next_update: scheme.next_update.as_deref().map(time).transpose()?,
        location: published.or_else(described),
        entities,
        left: left(&given),
    })
}

fn left(given: &[(&str, bool)]) -> Vec<String> {
    given.iter().filter(|(_, given)| *given).map(|(name, _)| (*name).to_owned()).collect()
}

fn entity(entity: TrustedEntity) -> Result<Entity, Refused> {
    let information = entity.trusted_entity_information;
    let given = [
        ("TEAddress", !information.address.postal.is_empty()),
        ("TEInformationURI", !information.uri.is_empty()),
        ("TEInformationExtensions", information.extensions.is_some()),
    ];
    Ok(Entity {
        names: information.name.into_iter().map(|t| (t.lang, t.value)).collect(),
        registered: information.trade_name.into_iter().map(|t| t.value).collect(),
        country: information.address.postal.into_iter().map(|p| p.country).next(),
        services: entity.trusted_entity_services.into_iter().map(service).collect::<Result<_, _>>()?,
        left: left(&given),
    })
}

/// An extension of our own lists.
fn places(extension: &Value) -> Result<Vec<String>, Refused> {
    let places =
        Vec::<Jurisdiction>::deserialize(&extension["Jurisdictions"]).ok().filter(|list| !list.is_empty());
    let places = places.ok_or_else(|| Refused::form("`Jurisdictions` is no list of ISO 3166 codes"))?;
    Ok(places.into_iter().map(String::from).collect())
}

fn service(service: TrustedService) -> Result<Service, Refused> {
    let information = service.service_information;
    let mut valid_until = None;
    let (mut critical, mut extensions, mut jurisdictions) = (None, false, Vec::new());
    for extension in &information.service_information_extensions {
        let until = extension.get("ValidUntil");
        let until = until.map(|until| time(until.as_str().unwrap_or_default())).transpose()?;
        // Of two ends the first one.
        valid_until = [valid_until, until].into_iter().flatten().min();
        let placed = extension.get("Jurisdictions").is_some();
        if placed {
            jurisdictions = places(extension)?;
        }
        extensions |= until.is_none() && !placed;
        let is_critical = |name: &str| extension.get(name).and_then(Value::as_bool) == Some(true);
        if is_critical("critical") || is_critical("Critical") {
            critical = Some("ServiceInformationExtensions".to_owned());
        }
    }
    let identity = information.service_digital_identity;
    let given = [
        ("X509SubjectNames", identity.subjects.is_some()),
        ("PublicKeyValues", identity.keys.is_some()),
        ("X509SKIs", identity.skis.is_some()),
        ("X509Certificates", !identity.certificates.is_empty()),
        ("SchemeServiceDefinitionURI", information.scheme_definition.is_some()),
        ("ServiceSupplyPoints", information.service_supply_points.is_some()),
        ("ServiceDefinitionURI", information.definition.is_some()),
        ("ServiceInformationExtensions", extensions),
    ];
    let state = |kind: Option<String>, status: Option<String>, since: Option<&str>| {
        Ok::<_, Refused>(State { kind, status, since: since.map(time).transpose()? })
    };
    let mut states =
        vec![state(None, information.service_status, information.status_starting_time.as_deref())?];
    for past in service.service_history {
        states.push(state(
            past.service_type_identifier,
            past.service_status,
            past.status_starting_time.as_deref(),
        )?);
    }
    let der = |object: Object| {
        STANDARD.decode(object.val).map_err(|_| Refused::form("a certificate in the list is not base64"))
    };
    Ok(Service {
        kind: information.service_type_identifier,
        name: information.service_name.into_iter().map(|t| t.value).next(),
        others: identity.others,
        certificates: identity.certificates.into_iter().map(der).collect::<Result<_, _>>()?,
        states,
        valid_until,
        jurisdictions,
        critical,
        left: left(&given),
    })
}
