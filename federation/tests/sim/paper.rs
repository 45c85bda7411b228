//! Parties with keys, and the documents that they sign.

use std::sync::LazyLock;

use charter_domain::{
    AuthorityId, HttpsId, Interval, Query, Reason, Scope, SpkiPins, Timestamp,
    scope::{Conditions, Grant, Jurisdiction, Pattern},
};
use charter_proof::{
    Anchor, AnchorSet, AuthorityStatement, Denial, EntityConfiguration, RecognitionStatement,
    SubordinateStatement,
    document::{Asked, Constraints, Delegated, DelegatedMetadata, FederationEntity, Metadata, TrustRegistry},
};
use charter_signing::{Algorithm, JwkSet, Signer as _, SoftwareSigner};

use crate::{recognition::Recognition, world::NODES};

/// Seconds that a document is good for; signed again when it is read after half of them.
pub const LIFETIME: i64 = 1_200;
/// Seconds that a liar's denial is good for.
const DENIED: i64 = 600;
/// Where all delegations and all honest statements hold.
pub const PLACE: &str = "FI";
/// A key that nobody was delegated with.
pub const STRANGE: usize = NODES;

/// Made once a process: which key a party has does not bear on what happens.
static KEYS: LazyLock<Vec<SoftwareSigner>> = LazyLock::new(|| {
    let key = |_| SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    (0..=NODES).map(key).collect()
});
static SETS: LazyLock<Vec<(JwkSet, String)>> = LazyLock::new(|| {
    let set = |signer: &SoftwareSigner| {
        let set = JwkSet::from(signer.key().clone());
        (set.clone(), set.to_json())
    };
    KEYS.iter().map(set).collect()
});

#[derive(Debug, Clone)]
pub struct Party {
    pub id: AuthorityId,
    pub https: HttpsId,
    /// Position among the keys.
    pub key: usize,
}

impl Party {
    pub fn new(name: &str, key: usize) -> Self {
        Self {
            id: AuthorityId::parse(&format!("did:web:{name}.example")).expect("a DID"),
            https: HttpsId::parse(&format!("https://{name}.example")).expect("an https id"),
            key,
        }
    }

    pub fn jwks(&self) -> &'static JwkSet {
        &SETS[self.key].0
    }
    pub fn jwks_json(&self) -> &'static str {
        &SETS[self.key].1
    }

    pub fn anchors(&self) -> AnchorSet {
        let (authority_id, entity_id) = (self.id.clone(), self.https.clone());
        let anchor = Anchor { authority_id, entity_id, jwks: self.jwks().clone() };
        AnchorSet::new(vec![anchor], None).expect("a set")
    }

    /// What it says of itself.
    pub fn configuration(&self, now: Timestamp) -> String {
        let trust_registry = TrustRegistry {
            authority_id: self.id.clone(),
            trqp_endpoint: "sim://".to_owned(),
            grpc_endpoint: "sim://".to_owned(),
            endpoints: Vec::new(),
            governance_framework: None,
            tls_spki_sha256: SpkiPins::default(),
            log: None,
            emergency_officers: Vec::new(),
        };
        let federation_entity =
            FederationEntity { organization_name: self.id.to_string(), ..FederationEntity::default() };
        let document = EntityConfiguration {
            iss: self.https.clone(),
            sub: self.https.clone(),
            iat: now.secs(),
            exp: now.secs() + LIFETIME,
            jwks: self.jwks().clone(),
            authority_hints: None,
            trust_mark_issuers: Default::default(),
            metadata: Metadata { federation_entity, trust_registry },
        };
        document.sign(&KEYS[self.key]).expect("signs")
    }

    /// Its statement that the answer to `query` is yes, while `valid`, in `place`.
    pub fn states(
        &self,
        query: &Query,
        seq: i64,
        valid: Vec<Interval>,
        place: &str,
        now: Timestamp,
    ) -> String {
        let document = AuthorityStatement {
            iss: self.https.clone(),
            authority_id: self.id.clone(),
            sub: query.entity.clone(),
            iat: now.secs(),
            exp: now.secs() + LIFETIME,
            kind: query.kind,
            action: query.action.clone(),
            resource: query.resource.clone(),
            jurisdictions: vec![Jurisdiction::parse(place).expect("a code")],
            conditions: Conditions::new(),
            valid,
            accreditation: None,
            seq,
        };
        document.sign(&KEYS[self.key]).expect("signs")
    }

    /// Its no to `query`, as it was put to it.
    pub fn denial(&self, query: &Query, reason: Reason, now: Timestamp) -> Denial {
        let exp = now.secs() + DENIED;
        Denial {
            iss: self.https.clone(),
            authority_id: self.id.clone(),
            iat: now.secs(),
            exp,
            asked: Asked { authority: self.id.clone(), ..Asked::from(query) },
            reason,
            as_of: now,
            valid_until: Timestamp::from_secs(exp),
            epoch: 1,
            published_size: 0,
        }
    }

    /// A denial, signed.
    pub fn denies(&self, denial: &Denial) -> String {
        denial.sign(&KEYS[self.key]).expect("signs")
    }

    /// Its statement about a subordinate.
    pub fn delegates(
        &self,
        to: &Self,
        scope: Scope,
        path: Option<u8>,
        valid: Vec<Interval>,
        now: Timestamp,
    ) -> String {
        let delegated = Delegated {
            authority_id: to.id.clone(),
            scope,
            valid,
            status: "as its intervals say".to_owned(),
            tls_spki_sha256: SpkiPins::default(),
        };
        let document = SubordinateStatement {
            iss: self.https.clone(),
            sub: to.https.clone(),
            iat: now.secs(),
            exp: now.secs() + LIFETIME,
            jwks: to.jwks().clone(),
            constraints: Constraints { max_path_length: path, naming_constraints: None },
            metadata: DelegatedMetadata { trust_registry: delegated },
        };
        document.sign(&KEYS[self.key]).expect("signs")
    }

    /// Its statement about a peer, which answers at `endpoint`.
    pub fn recognises(
        &self,
        peer: &Self,
        endpoint: String,
        recognition: &Recognition,
        now: Timestamp,
    ) -> String {
        let document = RecognitionStatement {
            iss: self.https.clone(),
            sub: peer.https.clone(),
            iat: now.secs(),
            exp: now.secs() + LIFETIME,
            authority_id: self.id.clone(),
            peer_id: peer.id.clone(),
            jwks: peer.jwks().clone(),
            endpoint,
            scope: scope(recognition.families.iter().copied(), false),
            may_follow: recognition.may_follow,
            one_sided: recognition.one_sided,
            valid: recognition.valid(),
            tls_spki_sha256: SpkiPins::default(),
            seq: recognition.seq,
        };
        document.sign(&KEYS[self.key]).expect("signs")
    }
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("a pattern")
}

/// A grant of each family of resources.
pub fn scope(families: impl IntoIterator<Item = usize>, may_delegate: bool) -> Scope {
    let grant = |family| Grant {
        actions: vec![pattern("issue")],
        resources: vec![pattern(&format!("f{family}:*"))],
        jurisdictions: vec![Jurisdiction::parse(PLACE).expect("a code")],
        conditions: Conditions::new(),
        may_delegate,
        until: None,
    };
    Scope(families.into_iter().map(grant).collect())
}

/// Everything, everywhere.
pub fn boundless() -> Scope {
    let grant = Grant {
        actions: vec![pattern("*")],
        resources: vec![pattern("*")],
        jurisdictions: Vec::new(),
        conditions: Conditions::new(),
        may_delegate: true,
        until: None,
    };
    Scope(vec![grant])
}
