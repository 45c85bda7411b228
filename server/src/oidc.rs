//! Staff authenticate with access tokens of an OIDC provider (RFC 9068, or a plain JWT). A token is verified here
//! and nowhere else; what its subject may do is not for this module to say.

mod claims;
mod fetch;
mod provider;

use std::sync::Arc;

use charter_domain::Timestamp;
use charter_signing::token::MAX_BYTES;

use self::provider::Provider;
use crate::{
    Error, config,
    error::{Code, STEP_UP},
};

/// Who a token speaks for. A subject means something only together with its issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub issuer: String,
    pub subject: String,
    /// The provider says that it authenticated them as `approve_acr` asks.
    pub stepped_up: bool,
    pub expires: Timestamp,
}

/// The providers that are configured, each with the keys kept of it.
pub struct Oidc {
    providers: Vec<Arc<Provider>>,
}

impl Oidc {
    /// Nothing is read or fetched until a token asks for it.
    pub fn new(configs: &[config::Oidc]) -> Self {
        let provider = |config: &config::Oidc| {
            let client = fetch::client(config);
            Arc::new(Provider::new(config.clone(), client))
        };
        Self { providers: configs.iter().map(provider).collect() }
    }

    /// RFC 9470, 3: the sign-in that would do, for who has another one.
    pub fn challenge(&self) -> String {
        let mut text = STEP_UP.to_owned();
        let all = self.providers.iter().flat_map(|p| &p.config.approve_acr);
        let values: std::collections::BTreeSet<&str> = all.map(String::as_str).collect();
        if !values.is_empty() {
            let values = values.into_iter().collect::<Vec<_>>().join(" ");
            text += &format!(", acr_values=\"{values}\"");
        }
        if let Some(age) = self.providers.iter().map(|p| p.config.step_up_max_age_secs).min() {
            text += &format!(", max_age=\"{age}\"");
        }
        text
    }

    /// Whose token this is, or why it is refused; no refusal repeats anything of the token.
    pub async fn authenticate(&self, token: &str, now: Timestamp) -> Result<Identity, Error> {
        if token.len() > MAX_BYTES {
            return Err(refused("the bearer token is too long; ask for one with fewer claims"));
        }
        // Unverified: it only says whose keys must verify the token, which then counts as theirs.
        let issuer = claims::unverified_issuer(token)?;
        let provider = self.providers.iter().find(|p| p.config.issuer == issuer).ok_or_else(|| {
            refused("the issuer of the bearer token is not known here; use a token of a configured provider")
        })?;
        let payload = provider.verify(token, now).await?;
        claims::identity(&payload, &provider.config, now)
    }
}

fn refused(detail: impl Into<String>) -> Error {
    Error::new(Code::Unauthenticated, detail)
}
