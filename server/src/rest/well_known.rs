//! Well-known documents: the entity configuration, the DID document.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderName, header},
};
use charter_federation::LocalAuthority;
use serde_json::{Value, json};

use crate::{App, Error, door::Here};

type Typed = ([(HeaderName, &'static str); 2], String);

fn typed(media: &'static str, body: String) -> Typed {
    ([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-cache")], body)
}

/// OpenID Federation 1.0, section 9.
pub async fn configuration(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
) -> Result<Typed, Error> {
    let view = app.hosted.view(here.registry).await?;
    Ok(typed("application/entity-statement+jwt", view.configuration.clone()))
}

/// The authority's DID document: keys, other names, and the services that TRQP's discovery looks for.
pub async fn did(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
) -> Result<Json<Value>, Error> {
    let tenant = app.tenant(here.registry)?;
    let id = tenant.registry.authority.as_str();
    let keys = app.hosted.keys(here.registry).await?;
    let methods: Vec<Value> = keys
        .keys
        .iter()
        .map(|key| {
            json!({
                "id": format!("{id}#{}", key.kid()), "type": "JsonWebKey", "controller": id,
                "publicKeyJwk": key.to_jwk(),
            })
        })
        .collect();
    let named: Vec<String> = keys.keys.iter().map(|k| format!("{id}#{}", k.kid())).collect();
    let url = &tenant.config.public_url;
    let mut services = vec![
        json!({ "id": format!("{id}#trqp"), "type": "TRQP", "serviceEndpoint": url }),
        json!({ "id": format!("{id}#charter"), "type": "CharterGrpc", "serviceEndpoint": url }),
    ];
    if let Some(framework) = &tenant.config.governance_framework {
        let id = format!("{id}#governance");
        services.push(json!({ "id": id, "type": "GovernanceFramework", "serviceEndpoint": framework }));
    }
    Ok(Json(json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"],
        "id": id,
        "alsoKnownAs": [tenant.registry.entity_identifier],
        "verificationMethod": methods,
        "assertionMethod": named,
        "service": services,
    })))
}
