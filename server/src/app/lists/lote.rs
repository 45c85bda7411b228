//! ETSI TS 119 602 V1.1.1 in JSON: a list of trusted entities of an explicit scheme. Shape: `schemas/lote.schema.json`.

use charter_domain::Timestamp;
use charter_store::entity::EntityView;
use serde_json::{Map, Value, json};

use super::{
    Span,
    item::{About, part},
    service::Service,
};

/// Members of LoTE that no record has: the standard asks for a street.
const NO_STREET: &str = "not recorded";
/// 6.3.12: nothing is ever removed.
const FOR_EVER: u32 = 65_535;
/// Sequence numbers count from here (2020-01-01), so that they stay within 31 bits for readers that have no more.
const COUNTED_FROM: i64 = 1_577_836_800;
/// Said of every list: what a reader must know before using it.
const NOTICE: &str = "Says what the registry had recorded when the list was issued. Authorizations under conditions or \
                      in part of the territory are not listed: ask the registry.";

fn text(language: &str, value: &str) -> Value {
    json!({ "lang": language, "value": value })
}

fn link(language: &str, uri: &str) -> Value {
    json!({ "lang": language, "uriValue": uri })
}

/// A time in UTC, in whole seconds (6.1.3).
fn time(at: Timestamp) -> String {
    Timestamp::from_secs(at.secs()).to_string()
}

/// What a service does, by a URN that a registry of ours reads back: `urn:charter:service:<action>:<resource>`.
fn service_type(service: &Service) -> String {
    format!("urn:charter:service:{}:{}", part(&service.action), part(&service.resource))
}

/// An entry of `TrustedEntitiesList`, if the entity has any service.
pub(super) fn entity(about: &About, entity: &EntityView, services: &[Service]) -> Option<Value> {
    if services.is_empty() {
        return None;
    }
    let names: Vec<Value> = entity.names.iter().map(|(language, name)| text(language, name)).collect();
    let record = about.record_of(entity);
    let identifiers: Vec<&str> = entity.identifiers.iter().map(|i| i.value.as_str()).collect();
    let registered: Vec<Value> = identifiers.iter().map(|id| text("en", id)).collect();
    let services: Vec<Value> = services.iter().map(|s| service(about, s, &identifiers)).collect();
    Some(json!({
        "TrustedEntityInformation": {
            "TEName": names,
            "TETradeName": registered,
            "TEAddress": {
                "TEPostalAddress": [address(about, &entity.country)],
                "TEElectronicAddress": [link(&about.language, &record)],
            },
            "TEInformationURI": [link(&about.language, &record)],
        },
        "TrustedEntityServices": services,
    }))
}

fn address(about: &About, country: &str) -> Value {
    json!({ "lang": about.language, "StreetAddress": NO_STREET, "Country": country })
}

fn service(about: &About, service: &Service, identifiers: &[&str]) -> Value {
    let mut states = service.states.iter().rev();
    let state = |(code, since): &(&str, Timestamp)| {
        let mut information = Map::new();
        information.insert("ServiceTypeIdentifier".to_owned(), json!(service_type(service)));
        let name = format!("{} {}", service.action, service.resource);
        information.insert("ServiceName".to_owned(), json!([text(&about.language, &name)]));
        information.insert("ServiceDigitalIdentity".to_owned(), json!({ "OtherIds": identifiers }));
        information.insert("ServiceStatus".to_owned(), json!(format!("urn:charter:status:{code}")));
        information.insert("StatusStartingTime".to_owned(), json!(time(*since)));
        information
    };
    let mut information = states.next().map(state).unwrap_or_default();
    let mut extensions = Vec::new();
    // No list is believed beyond it (`NextUpdate`), nor outside its territory; who takes the entry over needs to know.
    if let Some(until) = service.running.and_then(|running| running.until) {
        extensions.push(json!({ "ValidUntil": time(until) }));
    }
    if !service.jurisdictions.is_empty() {
        extensions.push(json!({ "Jurisdictions": service.jurisdictions }));
    }
    if !extensions.is_empty() {
        information.insert("ServiceInformationExtensions".to_owned(), json!(extensions));
    }
    let mut whole = json!({ "ServiceInformation": information });
    let history: Vec<Map<String, Value>> = states.map(state).collect();
    if !history.is_empty() {
        whole["ServiceHistory"] = json!(history);
    }
    whole
}

/// The whole payload around the entries.
pub(super) fn whole(about: &About, span: Span, items: &[u8]) -> Vec<u8> {
    let head = scheme(about, span).to_string();
    let mut out = Vec::with_capacity(head.len() + items.len() + 96);
    out.extend_from_slice(b"{\"LoTE\":{\"ListAndSchemeInformation\":");
    out.extend_from_slice(head.as_bytes());
    // A list of nobody has no such member.
    if !items.is_empty() {
        out.extend_from_slice(b",\"TrustedEntitiesList\":[");
        out.extend_from_slice(items);
        out.push(b']');
    }
    out.extend_from_slice(b"}}");
    out
}

/// `ListAndSchemeInformation` (6.3).
fn scheme(about: &About, span: Span) -> Value {
    let (url, language) = (&about.url, &about.language);
    let framework = about.framework.clone().unwrap_or_else(|| format!("{url}/federation"));
    let notice = match &about.framework {
        Some(framework) => json!({ "LoTEPolicy": link(language, framework) }),
        None => json!({ "LoTELegalNotice": NOTICE }),
    };
    json!({
        "LoTEVersionIdentifier": 1,
        // Grows with every change of the records and with every time that the list is issued.
        "LoTESequenceNumber": span.epoch + (span.issued.secs() - COUNTED_FROM).max(1),
        "LoTEType": format!("{url}/lists/lote/type"),
        "SchemeOperatorName": [text(language, &about.name)],
        "SchemeOperatorAddress": {
            "SchemeOperatorPostalAddress": [address(about, &about.territory)],
            "SchemeOperatorElectronicAddress": [link(language, url)],
        },
        "SchemeName": [text("en", &format!("{}:{}", about.territory, about.name))],
        "SchemeInformationURI": [link(language, &framework)],
        "StatusDeterminationApproach": "urn:charter:status-determination:registry",
        "SchemeTypeCommunityRules": [link(language, &framework)],
        "SchemeTerritory": about.territory,
        "PolicyOrLegalNotice": [notice],
        "HistoricalInformationPeriod": FOR_EVER,
        "ListIssueDateTime": time(span.issued),
        "NextUpdate": time(span.next),
        "DistributionPoints": [format!("{url}/lists/lote")],
    })
}

#[cfg(test)]
mod tests {
    use charter_domain::Interval;

    use super::*;
    use crate::app::lists::service::ACTIVE;

    fn about() -> About {
        About {
            url: "https://registry.example".to_owned(),
            authority: "did:web:registry.example".to_owned(),
            name: "Registry".to_owned(),
            language: "en".to_owned(),
            territory: "FI".to_owned(),
            jurisdiction: None,
            framework: None,
        }
    }

    #[test]
    fn the_newest_state_is_that_of_the_service_and_the_others_are_its_history() {
        let at = Timestamp::from_secs;
        let running = Interval { from: Some(at(30)), until: Some(at(40)) };
        let one = Service {
            action: "issue".to_owned(),
            resource: "Degree of A/B".to_owned(),
            jurisdictions: vec!["FI".to_owned()],
            states: vec![(ACTIVE, at(10)), ("suspended", at(20)), (ACTIVE, at(30))],
            running: Some(running),
        };
        let listed = service(&about(), &one, &["did:web:a.example"]);
        let information = &listed["ServiceInformation"];
        assert_eq!(information["ServiceStatus"], "urn:charter:status:active");
        assert_eq!(information["ServiceTypeIdentifier"], "urn:charter:service:issue:Degree%20of%20A%2FB");
        assert_eq!(information["StatusStartingTime"], "1970-01-01T00:00:30Z");
        assert_eq!(information["ServiceInformationExtensions"][0]["ValidUntil"], "1970-01-01T00:00:40Z");
        assert_eq!(information["ServiceInformationExtensions"][1]["Jurisdictions"], json!(["FI"]));
        let history = listed["ServiceHistory"].as_array().expect("a history");
        let since: Vec<_> = history.iter().map(|h| h["StatusStartingTime"].as_str()).collect();
        assert_eq!(since, [Some("1970-01-01T00:00:20Z"), Some("1970-01-01T00:00:10Z")]);
        assert_eq!(history[0]["ServiceStatus"], "urn:charter:status:suspended");
    }

    #[test]
    fn a_list_of_nobody_has_no_entities_and_a_later_one_a_greater_number() {
        let at = Timestamp::from_secs;
        let span =
            Span { epoch: 7, issued: at(1_700_000_000), next: at(1_700_086_400), until: at(1_700_043_200) };
        let list: Value = serde_json::from_slice(&whole(&about(), span, b"")).expect("JSON");
        assert_eq!(list["LoTE"].get("TrustedEntitiesList"), None);
        let number = |span| {
            let list: Value = serde_json::from_slice(&whole(&about(), span, b"{}")).expect("JSON");
            list["LoTE"]["ListAndSchemeInformation"]["LoTESequenceNumber"].as_i64().expect("a number")
        };
        assert!(number(Span { epoch: 8, ..span }) > number(span));
        assert!(number(Span { issued: at(1_700_000_001), ..span }) > number(span));
        assert!(number(span) < i64::from(i32::MAX));
    }
}
