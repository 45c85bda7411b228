//! Judging one accreditation, and one under another. Pure: what was fetched comes in, a fault or nothing comes out.

use charter_domain::{AuthorityId, Timestamp};
use charter_signing::credential;
use sha2::{Digest, Sha256};

use super::{
    Registry,
    credential::{Accreditation, Kind},
    fault::{Broken, Clause, broken, shown},
    wire::{Attribute, AttributeAnswer, Document, Role, attribute_id, read},
};

/// Where attributes are below the base of any version: grounds of older credentials name older versions.
const TIR: &str = "/trusted-issuers-registry/";
const VERSIONS: [&str; 4] = ["v3", "v4", "v5", "v6"];

/// An entry of the registry with the accreditation in it.
#[derive(Debug)]
pub struct Entry {
    pub attribute: Attribute,
    pub stated: Accreditation,
}

impl Entry {
    /// Reads what the registry gave about an attribute of `subject`: that the body is the one that was registered, is about
    /// `subject`, and that registry and credential agree on who accredited.
    pub fn read(bytes: &[u8], subject: &AuthorityId) -> Result<Self, Broken> {
        let answer: AttributeAnswer = read(bytes, "the attribute")?;
        let attribute = answer.of(subject)?;
        let hash: String =
            Sha256::digest(attribute.body.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        if hash != attribute.hash {
            return broken(Clause::Hash, "`hash` is not the SHA-256 of `body`");
        }
        let stated = Accreditation::parse(&attribute.body)?;
        if stated.subject != *subject {
            let detail = format!("its credential is about `{}`", shown(stated.subject.as_str()));
            return broken(Clause::Parties, detail);
        }
        // A root is its own TAO in the registry, whoever has signed that it starts a chain.
        let starts = attribute.role == Role::RootTao && attribute.tao == subject.as_str();
        if !attribute.tao.is_empty() && attribute.tao != stated.issuer.as_str() && !starts {
            let detail =
                format!("`tao` is `{}`, its credential is by `{}`", shown(&attribute.tao), stated.issuer);
            return broken(Clause::Parties, detail);
        }
        Ok(Self { attribute, stated })
    }

    /// It counts at `at` by itself, under a root.
    pub fn stands(&self, root: &AuthorityId, at: Timestamp) -> Result<(), Broken> {
        if self.attribute.role == Role::Revoked {
            return broken(Clause::Role, "the registry says that it is revoked");
        }
        if !self.stated.valid.contains(at) {
            return broken(Clause::Validity, format!("it is not valid at {at}"));
        }
        let named = &self.attribute.root_tao;
        if !named.is_empty() && named != root.as_str() {
            return broken(Clause::Root, format!("it stands under `{}`, not under `{root}`", shown(named)));
        }
        Ok(())
    }

    /// It is the root's own, where the chain ends.
    pub fn is_top(&self, root: &AuthorityId) -> bool {
        self.stated.subject == *root && self.attribute.role == Role::RootTao
    }

    /// Its holder may accredit others.
    pub fn may_accredit(&self) -> bool {
        let role = matches!(self.attribute.role, Role::RootTao | Role::Tao);
        role && matches!(self.stated.kind, Kind::ToAccredit | Kind::TrustChain)
    }

    /// Its holder was entitled to accredit `child`.
    pub fn entitles(&self, child: &Self) -> Result<(), Broken> {
        if !self.may_accredit() {
            let role = self.attribute.role.name();
            return broken(Clause::Role, format!("its holder ({role}) may not accredit by it"));
        }
        self.stated.rights.contains(&child.stated.rights)
    }

    /// The key that the `kid` names stood in its accreditor's document when it was issued, and made the signature.
    pub fn signed_by(&self, document: &Document) -> Result<(), Broken> {
        let Accreditation { kid, issuer, signed_at, .. } = &self.stated;
        let own = kid.split_once('#').is_some_and(|(did, _)| did == issuer.as_str());
        let key = document.key(kid).filter(|_| own).ok_or_else(|| {
            let detail =
                format!("`{issuer}` had no ES256 key `{}` for assertions at {signed_at}", shown(kid));
            (Clause::Signature, detail)
        })?;
        credential::verify(&self.attribute.body, key).map_err(|e| (Clause::Signature, e.to_string()))
    }

    /// Ids of its accreditor's accreditations that it names as its ground; none where it names none.
    pub fn grounds(&self, registry: &Registry) -> Result<Vec<String>, Broken> {
        let mut ids = Vec::new();
        for url in &self.stated.grounds {
            let id = ground(url, registry, &self.stated.issuer)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}

/// `<base>/trusted-issuers-registry/v5/issuers/<issuer>/attributes/<id>`: of this registry, and of whoever accredited.
fn ground(url: &str, registry: &Registry, issuer: &AuthorityId) -> Result<String, Broken> {
    let elsewhere = || (Clause::TermsOfUse, format!("`{}` is not in the configured registry", shown(url)));
    let path = url
        .strip_prefix(registry.base.as_str())
        .and_then(|rest| rest.strip_prefix(TIR))
        .ok_or_else(elsewhere)?;
    let mut parts = path.split('/');
    let version = parts.next().is_some_and(|v| VERSIONS.contains(&v));
    match (version, parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (true, Some("issuers"), Some(did), Some("attributes"), Some(id), None) => {
            if did != issuer.as_str() && did != super::walk::segment(issuer) && !is_encoded(did, issuer) {
                let detail =
                    format!("it is grounded on an accreditation of `{}`, not of `{issuer}`", shown(did));
                return broken(Clause::TermsOfUse, detail);
            }
            attribute_id(id)
        }
        _ => Err(elsewhere()),
    }
}

/// `did%3Aebsi%3Az..` is the same DID.
fn is_encoded(text: &str, did: &AuthorityId) -> bool {
    text.replace("%3A", ":").replace("%3a", ":") == did.as_str()
}
