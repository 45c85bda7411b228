//! Trust mark types: one for each credential type that somebody is authorized here to issue, named by the registry's https
//! id, which stays when the registry moves.

use std::collections::BTreeMap;

use charter_domain::{HttpsId, RegistryId, Resource};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{App, Error};

/// The action that a mark speaks of.
pub const ACTION: &str = "issue";
/// Between the registry's https id and the resource.
const SEGMENT: &str = "/oidf/trust-marks/";
/// Unreserved characters stay (RFC 3986, 2.3), so that a type has one spelling.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The type of a resource's marks.
pub fn named(issuer: &HttpsId, resource: &str) -> String {
    let base = issuer.as_str().trim_end_matches('/');
    format!("{base}{SEGMENT}{}", utf8_percent_encode(resource, ENCODED))
}

/// The resource that a type of this issuer is about; `None` for any other text.
pub fn resource(issuer: &HttpsId, name: &str) -> Option<Resource> {
    let base = issuer.as_str().trim_end_matches('/');
    let encoded = name.strip_prefix(base)?.strip_prefix(SEGMENT)?;
    let decoded = percent_decode_str(encoded).decode_utf8().ok()?;
    let resource = Resource::parse(&decoded).ok()?;
    (named(issuer, resource.as_str()) == name).then_some(resource)
}

/// The same, where the resource is called so itself: what stands for another has no type of its own.
pub async fn known(app: &App, registry: RegistryId, name: &str) -> Result<Option<Resource>, Error> {
    let issuer = &app.tenant(registry)?.registry.entity_identifier;
    let Some(resource) = resource(issuer, name) else { return Ok(None) };
    let stands_for = app.store.stands_for(registry, resource.to_string()).await?;
    Ok(stands_for.is_none().then_some(resource))
}

/// `trust_mark_issuers` of an anchor: each type of its own, issued by itself.
pub fn issuers(issuer: &HttpsId, resources: &[String]) -> BTreeMap<String, Vec<HttpsId>> {
    resources.iter().map(|resource| (named(issuer, resource), vec![issuer.clone()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> HttpsId {
        HttpsId::parse(text).expect("an https id")
    }

    #[test]
    fn a_type_names_one_resource_in_one_spelling() {
        let issuer = id("https://edu.example/fi");
        for text in ["Degree", "https://a.example/b#c", "urn:x:%C3%A4", "a/b"] {
            let name = named(&issuer, text);
            assert!(HttpsId::parse(&name).is_ok(), "{name} is an https URL");
            assert_eq!(resource(&issuer, &name).expect("the resource").as_str(), text);
        }
        assert_eq!(named(&issuer, "a/b"), "https://edu.example/fi/oidf/trust-marks/a%2Fb");
    }

    #[test]
    fn other_spellings_and_other_issuers_are_no_types() {
        let issuer = id("https://edu.example");
        for text in [
            "",
            "Degree",
            "https://edu.example/oidf/trust-marks/",
            "https://edu.example/oidf/trust-marks/%44egree",
            "https://edu.example/oidf/trust-marks/a/b",
            "https://edu.example/oidf/trust-marks/a%2fb",
            "https://edu.example/oidf/trust-marks/%ff",
            "https://edu.example/oidf/trust-marks/Degree?x",
            "https://edu.example.evil/oidf/trust-marks/Degree",
            "https://other.example/oidf/trust-marks/Degree",
        ] {
            assert_eq!(resource(&issuer, text), None, "{text}");
        }
    }
}
