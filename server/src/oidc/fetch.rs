//! The key set of a provider by discovery (OpenID Connect Discovery 1.0, 4): over https, or over plain HTTP on
//! loopback.

use charter_federation::protocol::native::is_loopback;
use std::time::Duration;

use bytes::Bytes;
use charter_signing::token::TokenKeys;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::RootCertStore;
use serde::Deserialize;

use crate::{
    config::{self, oidc::MAX_BODY},
    tls,
};

/// For both documents together: a request waits for it.
const DEADLINE: Duration = Duration::from_secs(2);

/// Follows no redirects and asks no proxy.
pub(super) type Http = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Without a pool: a fetch in minutes would find kept connections closed.
pub(super) fn client(config: &config::Oidc) -> Result<Http, String> {
    let asks = config.jwks_file.is_none() && config.issuer.starts_with("https://");
    let trusted = match asks {
        true => tls::client(config.ca_file.as_deref())?,
        false => tls::trusting(RootCertStore::empty())?,
    };
    let connector = HttpsConnectorBuilder::new().with_tls_config(trusted).https_or_http().enable_http1();
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector.build()))
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// The provider's keys now; the error is for our log.
pub(super) async fn keys(client: &Http, issuer: &str) -> Result<TokenKeys, String> {
    let late = |_| format!("no answer within {} s", DEADLINE.as_secs());
    tokio::time::timeout(DEADLINE, discover(client, issuer)).await.map_err(late)?
}

async fn discover(client: &Http, issuer: &str) -> Result<TokenKeys, String> {
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

/// Every address passes here, so nothing is asked in plaintext off this machine.
async fn get(client: &Http, url: &str) -> Result<Bytes, String> {
    let uri: Uri = url.parse().map_err(|_| "an address is not a URL".to_owned())?;
    if uri.scheme_str() != Some("https") && !is_loopback(&uri) {
        return Err("an address is neither https nor http on loopback".to_owned());
    }
    let path = uri.path().to_owned();
    let response = client.get(uri).await.map_err(|e| format!("`{path}`: {e:?}"))?;
    if response.status() != StatusCode::OK {
        return Err(format!("`{path}` was answered with status {}", response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
    Ok(body.map_err(|e| format!("`{path}`: {e}"))?.to_bytes())
}
