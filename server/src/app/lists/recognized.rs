//! W3C Recognized Entities v1.0, first public working draft of May 2026: one credential that names entities and what they
//! are recognized to do, as a VC-JWT. The draft is experimental and changes.

use charter_domain::{Interval, Timestamp};
use charter_store::entity::EntityView;
use serde_json::{Value, json};

use super::{
    Span,
    item::{About, part},
    service::Service,
};

/// `typ` of a credential that is a JWS (VC-JOSE-COSE, 3.1.1).
pub(super) const TYPE: &str = "vc+jwt";

/// UTC without fractions, as the draft asks.
fn time(at: Timestamp) -> String {
    Timestamp::from_secs(at.secs()).to_string()
}

/// Subjects are named by URLs: of an entity without a DID and without an https identifier nothing can be said.
fn is_url(identifier: &str) -> bool {
    identifier.starts_with("did:") || identifier.starts_with("https://")
}

/// A subject of the credential, if it is recognized for anything at `at`.
pub(super) fn entity(
    about: &About,
    entity: &EntityView,
    services: &[Service],
    at: Timestamp,
) -> Option<Value> {
    let mut urls = entity.identifiers.iter().map(|i| i.value.as_str()).filter(|id| is_url(id));
    let id = urls.next()?;
    let same: Vec<&str> = urls.collect();
    let running =
        services.iter().filter_map(|s| Some((s, s.running.filter(|running| running.contains(at))?)));
    let actions: Vec<Value> = running.map(|(service, running)| action(about, service, running)).collect();
    if actions.is_empty() {
        return None;
    }
    let mut subject = json!({
        "id": id,
        "type": "RecognizedEntity",
        "name": about.name_of(&entity.names),
        "url": about.record_of(entity),
    });
    if !same.is_empty() {
        subject["sameAs"] = json!(same);
    }
    subject["recognizedTo"] = json!(actions);
    Some(subject)
}

/// `outputValidation` says what may be issued: without it a reader would take the recognition to be for anything. Its type
/// is our own, so that who does not know it cannot find a credential valid by it.
fn action(about: &About, service: &Service, running: Interval) -> Value {
    let mut action = json!({
        "type": "RecognizedAction",
        "action": service.action,
        "recognizedBy": about.authority,
        "outputValidation": {
            "id": format!("{}/api/v1/credential-types/{}", about.url, part(&service.resource)),
            "type": "CharterCredentialType",
            "name": service.resource,
        },
    });
    if !service.jurisdictions.is_empty() {
        action["outputValidation"]["jurisdictions"] = json!(service.jurisdictions);
    }
    for (member, bound) in [("validFrom", running.from), ("validUntil", running.until)] {
        if let Some(bound) = bound {
            action[member] = json!(time(bound));
        }
    }
    action
}

/// The whole credential around its subjects.
pub(super) fn whole(about: &About, span: Span, items: &[u8]) -> Vec<u8> {
    let head = json!({
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://www.w3.org/ns/credentials/undefined-terms/v2",
        ],
        "id": format!("{}/lists/recognized-entities", about.url),
        "type": ["VerifiableCredential", "RecognizedEntityCredential"],
        "issuer": { "id": about.authority, "type": "RecognizedIssuer", "name": about.name, "url": about.url },
        "validFrom": time(span.issued),
        "validUntil": time(span.next),
    });
    let mut out = head.to_string().into_bytes();
    // In place of the brace that closes it.
    out.pop();
    out.reserve(items.len() + 32);
    out.extend_from_slice(b",\"credentialSubject\":[");
    out.extend_from_slice(items);
    out.extend_from_slice(b"]}");
    out
}
