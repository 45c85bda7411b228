//! The key set of a provider by discovery (OpenID Connect Discovery 1.0, 4): over https, or over plain HTTP on
//! loopback.

use std::time::Duration;

use bytes::Bytes;
use charter_signing::token::TokenKeys;
use http::{StatusCode, Uri};
use rustls::RootCertStore;
use serde::Deserialize;

use crate::{
    config::{self, oidc::MAX_BODY},
    https::{self, Bounds},
    tls,
};

/// For both documents together: a request waits for it.
const DEADLINE: Duration = Duration::from_secs(2);
/// Without a pool: a fetch in minutes would find kept connections closed.
const BOUNDS: Bounds = Bounds { deadline: DEADLINE, max_answer: MAX_BODY, idle: 0 };

pub(super) fn client(config: &config::Oidc) -> Result<https::Client, String> {
    let asks = config.jwks_file.is_none() && config.issuer.starts_with("https://");
    let trusted = match asks {
        true => tls::client(config.ca_file.as_deref())?,
        false => tls::trusting(RootCertStore::empty())?,
    };
    Ok(https::Client::new(trusted, BOUNDS))
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// The provider's keys now; the error is for our log.
pub(super) async fn keys(client: &https::Client, issuer: &str) -> Result<TokenKeys, String> {
    let late = |_| format!("no answer within {} s", DEADLINE.as_secs());
    tokio::time::timeout(DEADLINE, discover(client, issuer)).await.map_err(late)?
}

async fn discover(client: &https::Client, issuer: &str) -> Result<TokenKeys, String> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let found: Discovery = serde_json::from_slice(&get(client, &url).await?)
        .map_err(|_| "its discovery document is not JSON with issuer and jwks_uri".to_owned())?;
    // Discovery, 4.3: exactly the URL that the document was found under.
    if found.issuer != issuer {
        return Err("its discovery document is of another issuer".to_owned());
    }
    // Its keys are as safe on their way as it is itself.
    let scheme = |url: &str| url.split(':').next().map(str::to_owned);
    if scheme(&found.jwks_uri) != scheme(issuer) {
        return Err("its jwks_uri has another scheme than its issuer".to_owned());
    }
    TokenKeys::parse(&get(client, &found.jwks_uri).await?).map_err(|e| e.to_string())
}

async fn get(client: &https::Client, url: &str) -> Result<Bytes, String> {
    let uri: Uri = url.parse().map_err(|_| "an address is not a URL".to_owned())?;
    let path = uri.path();
    match client.get(url).await.map_err(|e| format!("`{path}`: {e}"))? {
        (StatusCode::OK, body) => Ok(body),
        (other, _) => Err(format!("`{path}` was answered with status {other}")),
    }
}
