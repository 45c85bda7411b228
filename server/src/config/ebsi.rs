//! `ebsi_parents` of a registry: roots of EBSI that stand above authorities of this federation, and who those are.

use charter_domain::{AuthorityId, HttpsId, SpkiPins, scope::Pattern};
use charter_federation::protocol::{ebsi::rights::Mapping, native::is_loopback};
use serde::Deserialize;

use super::RegistryConfig;

/// Most roots of a registry, members of a root, and types that are mapped.
const MOST: usize = 32;

/// A Trusted Issuers Registry with its root, and whom this registry looks for in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EbsiParent {
    /// What `/trusted-issuers-registry` and `/did-registry` follow.
    pub base_url: String,
    /// The root that is trusted; questions name it as their authority.
    pub root: AuthorityId,
    /// Authorities (PEM) of the registry's certificate; none: those of the system.
    #[serde(default)]
    pub ca_file: Option<String>,
    pub members: Vec<EbsiMember>,
    /// What their types are called here; none: the same.
    #[serde(default)]
    pub types: Vec<EbsiType>,
}

/// An authority that is asked if the root accredits it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EbsiMember {
    /// Its name in the Trusted Issuers Registry.
    pub did: AuthorityId,
    /// Its name in this federation, where that is another.
    #[serde(default)]
    pub authority_id: Option<AuthorityId>,
    /// Default: the https form of a `did:web`.
    #[serde(default)]
    pub entity_identifier: Option<HttpsId>,
    /// Where it answers gRPC.
    pub endpoint: String,
    #[serde(default)]
    pub tls_spki_sha256: SpkiPins,
}

/// A type of credentials of theirs, and the resource that it is here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EbsiType {
    pub r#type: String,
    /// Only by this schema.
    #[serde(default)]
    pub schema: Option<String>,
    pub resource: String,
}

impl EbsiMember {
    pub fn authority(&self) -> &AuthorityId {
        self.authority_id.as_ref().unwrap_or(&self.did)
    }
    pub fn https_id(&self) -> Option<HttpsId> {
        self.entity_identifier.clone().or_else(|| self.authority().https())
    }
}

impl From<&EbsiType> for Mapping {
    fn from(t: &EbsiType) -> Self {
        Self { kind: t.r#type.clone(), schema: t.schema.clone(), resource: t.resource.clone() }
    }
}

pub(super) fn faults(registries: &[RegistryConfig]) -> Vec<String> {
    let mut faults = Vec::new();
    for registry in registries {
        let (name, parents) = (&registry.authority_id, &registry.ebsi_parents);
        let mut said: Vec<String> = parents.iter().flat_map(of_parent).collect();
        if parents.len() > MOST {
            said.push(format!("there may be at most {MOST}"));
        }
        for (i, parent) in parents.iter().enumerate() {
            if parent.root == *name || parents[..i].iter().any(|other| other.root == parent.root) {
                said.push(format!("root `{}` must be named once, and not be this registry", parent.root));
            }
        }
        faults.extend(said.into_iter().map(|text| format!("registry `{name}`: ebsi_parents: {text}")));
    }
    faults
}

fn of_parent(parent: &EbsiParent) -> Vec<String> {
    let mut faults = Vec::new();
    if !is_base(&parent.base_url) {
        let url = &parent.base_url;
        faults
            .push(format!("base_url `{url}` must be https, or http on loopback, without query or fragment"));
    }
    let (members, types) = (&parent.members, &parent.types);
    if !(1..=MOST).contains(&members.len()) || types.len() > MOST {
        faults
            .push(format!("root `{}` must have 1 to {MOST} members, and at most {MOST} types", parent.root));
    }
    for (i, member) in members.iter().enumerate() {
        let did = &member.did;
        if member.https_id().is_none() {
            faults.push(format!("member `{did}` needs an entity_identifier, since its id is no did:web"));
        }
        if let Err(fault) = charter_domain::delegation::endpoint(&member.endpoint) {
            faults.push(format!("member `{did}`: {fault}"));
        }
        if members[..i].iter().any(|other| other.did == *did || other.authority() == member.authority()) {
            faults.push(format!("member `{did}` is named twice"));
        }
    }
    for t in types {
        if t.resource.contains('*') || Pattern::parse(&t.resource).is_err() {
            faults.push(format!(
                "the resource `{}` of type `{}` must be one credential type",
                t.resource, t.r#type
            ));
        }
    }
    faults
}

/// An URL that paths can be put after.
pub fn is_base(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let safe = uri.scheme_str() == Some("https") || is_loopback(&uri);
    let named = uri.authority().is_some_and(|a| !a.as_str().contains('@'));
    safe && named && !url.contains(['?', '#'])
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn load(parent: &str) -> Result<Config, Vec<String>> {
        let text = format!(
            r#"
            [database]
            url = "host=/tmp dbname=x"
            [[registries]]
            authority_id = "did:web:a.example"
            slug = "a"
            name = "A"
            jurisdiction = "DE"
            public_url = "http://127.0.0.1:7100"
            [[registries.ebsi_parents]]
            {parent}
            [[listeners]]
            address = "127.0.0.1:7100"
            registry = "did:web:a.example"
            "#
        );
        Config::from_toml(&text).map_err(|faults| faults.0)
    }

    const GOOD: &str = r#"
        base_url = "https://api.example"
        root = "did:ebsi:zRoot"
        members = [ { did = "did:web:fi.example", endpoint = "https://fi.example:7443" } ]
        types = [ { type = "Diploma", resource = "urn:diploma" } ]
    "#;

    #[test]
    fn a_parent_loads_and_what_would_lead_elsewhere_does_not() {
        let loaded = load(GOOD).expect("valid");
        let parent = &loaded.registries[0].ebsi_parents[0];
        assert_eq!(parent.members[0].https_id().expect("an id").as_str(), "https://fi.example");
        for (from, to) in [
            ("https://api.example", "http://api.example"),
            ("https://api.example", "https://user@api.example"),
            ("https://api.example", "https://api.example?x=1"),
            ("https://api.example", "api.example"),
            ("did:ebsi:zRoot", "did:web:a.example"),
            ("did:web:fi.example", "did:ebsi:zMember"),
            ("endpoint = \"https://", "endpoint = \"ftp://"),
            ("urn:diploma", "urn:*"),
            ("{ did =", "{ surprise = 1, did ="),
        ] {
            assert!(load(&GOOD.replace(from, to)).is_err(), "{to}");
        }
        assert!(
            load(&GOOD.replace(
                "} ]\n        types",
                "}, { did = \"did:web:fi.example\", endpoint = \"https://b\" } ]\n types"
            ))
            .is_err()
        );
    }
}
