//! Parties with real keys, and the documents they sign, for this crate's own tests.

use charter_domain::{
    Action, AuthorityId, Context, EntityId, HttpsId, Interval, Kind, Query, Reason, Resource, Scope,
    SpkiPins, Timestamp,
    scope::{Conditions, Grant, Jurisdiction, Pattern},
};
use charter_signing::{Algorithm, JwkSet, Signer as _, SoftwareSigner};

use crate::{
    Anchor, AnchorSet, AuthorityStatement, Chain, Denial, EntityConfiguration, SubordinateStatement,
    document::{Asked, Constraints, Delegated, DelegatedMetadata, FederationEntity, Metadata, TrustRegistry},
};

/// 2026-11-20T12:00:00Z.
pub const NOW: i64 = 1_795_176_000;
pub const DAY: i64 = 86_400;

pub fn now() -> Timestamp {
    Timestamp::from_secs(NOW)
}

pub struct Party {
    pub signer: SoftwareSigner,
    pub entity_id: HttpsId,
    pub authority_id: AuthorityId,
}

impl Party {
    pub fn new(name: &str) -> Self {
        Self::with(name, Algorithm::Es256)
    }

    pub fn with(name: &str, algorithm: Algorithm) -> Self {
        Self {
            signer: SoftwareSigner::generate(algorithm).expect("a key"),
            entity_id: HttpsId::parse(&format!("https://{name}.example")).expect("an https id"),
            authority_id: AuthorityId::parse(&format!("did:web:{name}.example")).expect("a DID"),
        }
    }

    pub fn jwks(&self) -> JwkSet {
        self.signer.key().clone().into()
    }

    pub fn anchor(&self) -> Anchor {
        Anchor {
            authority_id: self.authority_id.clone(),
            entity_id: self.entity_id.clone(),
            jwks: self.jwks(),
        }
    }

    pub fn anchors(&self) -> AnchorSet {
        AnchorSet::new(vec![self.anchor()], None).expect("a set")
    }

    pub fn configuration(&self) -> EntityConfiguration {
        EntityConfiguration {
            iss: self.entity_id.clone(),
            sub: self.entity_id.clone(),
            iat: NOW - 600,
            exp: NOW + DAY,
            jwks: self.jwks(),
            authority_hints: None,
            trust_mark_issuers: Default::default(),
            metadata: Metadata {
                federation_entity: FederationEntity {
                    organization_name: "Root of Finland".to_owned(),
                    ..FederationEntity::default()
                },
                trust_registry: TrustRegistry {
                    authority_id: self.authority_id.clone(),
                    trqp_endpoint: "http://127.0.0.1:7100".to_owned(),
                    grpc_endpoint: "http://127.0.0.1:7100".to_owned(),
                    endpoints: Vec::new(),
                    governance_framework: None,
                    tls_spki_sha256: SpkiPins::default(),
                    log: None,
                    emergency_officers: Vec::new(),
                },
            },
        }
    }

    pub fn delegates(&self, to: &Self, scope: Scope) -> SubordinateStatement {
        SubordinateStatement {
            iss: self.entity_id.clone(),
            sub: to.entity_id.clone(),
            iat: NOW - 300,
            exp: NOW + DAY,
            jwks: to.jwks(),
            constraints: Constraints::default(),
            metadata: DelegatedMetadata {
                trust_registry: Delegated {
                    authority_id: to.authority_id.clone(),
                    scope,
                    valid: vec![years(2020, Some(2030))],
                    status: "active".to_owned(),
                    tls_spki_sha256: SpkiPins::default(),
                },
            },
        }
    }

    pub fn states(&self, entity: &str, action: &str, resource: &str) -> AuthorityStatement {
        AuthorityStatement {
            iss: self.entity_id.clone(),
            authority_id: self.authority_id.clone(),
            sub: EntityId::parse(entity).expect("an entity"),
            iat: NOW - 60,
            exp: NOW + DAY,
            kind: Kind::Authorization,
            action: Action::parse(action).expect("an action"),
            resource: Resource::parse(resource).expect("a resource"),
            jurisdictions: vec![jurisdiction("FI")],
            conditions: Conditions::new(),
            valid: vec![years(2022, Some(2028))],
            accreditation: None,
            seq: 7,
        }
    }

    /// Its no to `query`, which was put to it under its own name.
    pub fn denies(&self, query: &Query, reason: Reason) -> Denial {
        Denial {
            iss: self.entity_id.clone(),
            authority_id: self.authority_id.clone(),
            iat: NOW - 10,
            exp: NOW + 590,
            asked: Asked { authority: self.authority_id.clone(), ..Asked::from(query) },
            reason,
            as_of: Timestamp::from_secs(NOW - 10),
            valid_until: Timestamp::from_secs(NOW + 590),
            epoch: 9,
            published_size: 8,
        }
    }
}

pub fn years(from: i32, until: Option<i32>) -> Interval {
    let start = |y: i32| Timestamp::parse(&format!("{y}-01-01T00:00:00Z")).expect("a time");
    Interval { from: Some(start(from)), until: until.map(start) }
}

pub fn jurisdiction(code: &str) -> Jurisdiction {
    Jurisdiction::parse(code).expect("a code")
}

pub fn grant(action: &str, resource: &str, place: &str, may_delegate: bool) -> Grant {
    Grant {
        actions: vec![Pattern::parse(action).expect("a pattern")],
        resources: vec![Pattern::parse(resource).expect("a pattern")],
        jurisdictions: vec![jurisdiction(place)],
        conditions: Conditions::new(),
        may_delegate,
        until: None,
    }
}

pub fn query(authority: &Party, entity: &str, action: &str, resource: &str) -> Query {
    let terms = (authority.authority_id.as_str(), entity, action, resource);
    Query::parse(Kind::Authorization, terms, Context::default()).expect("a query")
}

/// Root, ministry, agency, and what they sign about a university. A test changes a document, then builds.
pub struct Federation {
    pub root: Party,
    pub ministry: Party,
    pub agency: Party,
    pub configuration: EntityConfiguration,
    pub to_ministry: SubordinateStatement,
    pub to_agency: SubordinateStatement,
    pub leaf: AuthorityStatement,
    pub query: Query,
}

pub const UNIVERSITY: &str = "did:web:uni.example";
pub const DIPLOMA: &str = "https://schemas.example/diploma/master";

impl Federation {
    pub fn new() -> Self {
        let (root, ministry) = (Party::new("root"), Party::with("ministry", Algorithm::EdDsa));
        let agency = Party::new("agency");
        let wide = grant("*", "https://schemas.example/*", "FI", true);
        let narrow = grant("issue", "https://schemas.example/diploma/*", "FI", false);
        Self {
            configuration: root.configuration(),
            to_ministry: root.delegates(&ministry, Scope(vec![wide])),
            to_agency: ministry.delegates(&agency, Scope(vec![narrow])),
            leaf: agency.states(UNIVERSITY, "issue", DIPLOMA),
            query: query(&root, UNIVERSITY, "issue", DIPLOMA),
            root,
            ministry,
            agency,
        }
    }

    pub fn links(&self) -> Vec<String> {
        vec![
            self.leaf.sign(&self.agency.signer).expect("signs"),
            self.to_agency.sign(&self.ministry.signer).expect("signs"),
            self.to_ministry.sign(&self.root.signer).expect("signs"),
            self.configuration.sign(&self.root.signer).expect("signs"),
        ]
    }

    /// The links of a yes with another leaf, signed by the agency.
    pub fn denied(&self, denial: &Denial) -> Chain {
        let mut links = self.links();
        links[0] = denial.sign(&self.agency.signer).expect("signs");
        Chain::new(links).expect("a chain")
    }

    pub fn chain(&self) -> Chain {
        Chain::new(self.links()).expect("a chain")
    }
}
