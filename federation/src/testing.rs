//! Parties with real keys, and what they sign, for this crate's own tests.

use charter_domain::{
    AuthorityId, Context, Delegation, HttpsId, Interval, Kind, NamingConstraints, Query, Registry,
    RegistryId, Scope, SpkiPins, Timestamp, registry::Phase,
};
use charter_proof::{
    AuthorityStatement, SubordinateStatement,
    document::{Constraints, Delegated, DelegatedMetadata},
};
use charter_signing::{Algorithm, JwkSet, Signer as _, SoftwareSigner};

use crate::local::RegistryView;

pub const NOW: i64 = 1_795_176_000;
pub const HOUR: i64 = 3_600;
pub const ENTITY: &str = "did:web:uni.example";
const SCOPE: &str = r#"[{"actions":["issue"],"resources":["Degree"],"may_delegate":true}]"#;

pub struct Party {
    pub id: AuthorityId,
    pub https: HttpsId,
    pub signer: SoftwareSigner,
}

pub fn party(name: &str) -> Party {
    Party {
        id: AuthorityId::parse(&format!("did:web:{name}.example")).expect("a DID"),
        https: HttpsId::parse(&format!("https://{name}.example")).expect("an https id"),
        signer: SoftwareSigner::generate(Algorithm::EdDsa).expect("a key"),
    }
}

pub fn scope() -> Scope {
    serde_json::from_str(SCOPE).expect("a scope")
}

pub fn query(asked: &Party) -> Query {
    let terms = (asked.id.as_str(), ENTITY, "issue", "Degree");
    Query::parse(Kind::Authorization, terms, Context::default()).expect("a question")
}

impl Party {
    pub fn keys(&self) -> JwkSet {
        self.signer.key().clone().into()
    }

    /// A yes to `query`.
    pub fn states(&self, query: &Query, iat: i64) -> AuthorityStatement {
        AuthorityStatement {
            iss: self.https.clone(),
            authority_id: self.id.clone(),
            sub: query.entity.clone(),
            iat,
            exp: NOW + HOUR,
            kind: query.kind,
            action: query.action.clone(),
            resource: query.resource.clone(),
            jurisdictions: Vec::new(),
            conditions: [].into(),
            valid: vec![Interval::ALWAYS],
            accreditation: None,
            seq: 7,
        }
    }

    /// What it says of a subordinate, signed.
    pub fn delegates(&self, to: &Self) -> String {
        self.delegates_for(to, scope(), NOW)
    }

    /// The same for a scope, issued at `iat`.
    pub fn delegates_for(&self, to: &Self, scope: Scope, iat: i64) -> String {
        let trust_registry = Delegated {
            authority_id: to.id.clone(),
            scope,
            valid: vec![Interval::ALWAYS],
            status: "ACTIVE".to_owned(),
            tls_spki_sha256: SpkiPins::default(),
        };
        let document = SubordinateStatement {
            iss: self.https.clone(),
            sub: to.https.clone(),
            iat,
            exp: NOW + HOUR,
            jwks: to.keys(),
            constraints: Constraints::default(),
            metadata: DelegatedMetadata { trust_registry },
        };
        document.sign(&self.signer).expect("signs")
    }

    /// The same as it is recorded.
    pub fn delegation(&self, to: &Self) -> Delegation {
        Delegation {
            id: 1,
            subordinate: to.id.clone(),
            entity_identifier: to.https.clone(),
            jwks: to.keys().to_json(),
            endpoint: String::new(),
            tls_spki_sha256: SpkiPins::default(),
            scope: scope(),
            max_path_length: None,
            naming_constraints: NamingConstraints::default(),
            answers_as_own: true,
            valid: Interval::ALWAYS,
            statuses: Vec::new(),
            document: Some(self.delegates(to)),
        }
    }

    pub fn view(&self, delegations: Vec<Delegation>) -> RegistryView {
        RegistryView {
            registry: Registry {
                id: RegistryId(1),
                authority: self.id.clone(),
                entity_identifier: self.https.clone(),
                slug: "here".to_owned(),
                name: "Here".to_owned(),
                jurisdiction: "FI".to_owned(),
                phase: Phase::Governed,
                history_since: Timestamp::BEGINNING,
            },
            epoch: 1,
            delegations,
            keys: self.keys(),
            configuration: String::new(),
        }
    }
}
