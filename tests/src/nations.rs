//! A national registry for each country, its education registry below it, and how they are delegated to.

use anyhow::Context;
use charter_proto::charter::registry::v1::{Grant, PutDelegationRequest};
use charter_server::demo::ask;

pub fn nation(country: &str) -> String {
    format!("did:web:trust.{}.example", country.to_lowercase())
}

pub fn education(country: &str) -> String {
    format!("did:web:education.trust.{}.example", country.to_lowercase())
}

/// As OpenID Federation names an authority that is a `did:web`.
pub fn https(authority: &str) -> String {
    authority.replacen("did:web:", "https://", 1)
}

/// A registry that is to speak for another.
#[derive(Debug, Clone, Copy)]
pub struct Child<'a> {
    pub authority: &'a str,
    /// Where its process answers, and under which name there.
    pub url: &'a str,
    pub slug: &'a str,
    pub resources: &'a [&'a str],
    /// None: all.
    pub jurisdictions: &'a [&'a str],
    /// How many registries may follow below it.
    pub levels: u32,
}

impl Child<'_> {
    /// What its superior is to record, with the keys that it shows.
    pub async fn under(&self, superior: &str) -> anyhow::Result<PutDelegationRequest> {
        let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        let grant = Grant {
            actions: strings(&["issue"]),
            resources: strings(self.resources),
            jurisdictions: strings(self.jurisdictions),
            may_delegate: self.levels > 0,
            ..Grant::default()
        };
        Ok(PutDelegationRequest {
            registry_id: superior.to_owned(),
            subordinate_id: self.authority.to_owned(),
            entity_identifier: https(self.authority),
            jwks_json: keys(self.url, self.slug).await?,
            endpoint: self.url.to_owned(),
            scope: vec![grant],
            max_path_length: Some(self.levels),
            answers_as_own: true,
            ..PutDelegationRequest::default()
        })
    }
}

/// The keys of a registry as its DID document shows them, a JWK set. In earnest they come with a proof.
async fn keys(url: &str, slug: &str) -> anyhow::Result<String> {
    let document = ask::get(&format!("{url}/r/{slug}/.well-known/did.json")).await?.json()?;
    let methods = document["verificationMethod"].as_array().context("a DID document without keys")?;
    let keys: Vec<_> = methods.iter().map(|m| m["publicKeyJwk"].clone()).collect();
    Ok(serde_json::json!({ "keys": keys }).to_string())
}
