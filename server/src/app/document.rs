//! Signed documents: statements when they are written, the registry's own configuration when it opens.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use charter_domain::{
    AuthorityId, Delegation, HttpsId, Kind, Timestamp,
    status::{State, in_force, state_at},
};
use charter_proof::{
    AuthorityStatement, EntityConfiguration, SubordinateStatement,
    document::{
        Accreditation, Constraints, Delegated, DelegatedMetadata, FederationEntity, Metadata, TrustRegistry,
    },
};
use charter_signing::{JwkSet, Signer};
use charter_store::{
    Error, Store, Tx,
    document::{Document, StatementSnapshot, Which},
};

use crate::hosted::Tenant;

/// What signing needs of a registry; moves into transactions.
#[derive(Clone)]
pub struct Issuing {
    signer: Arc<dyn Signer>,
    keys: JwkSet,
    https: HttpsId,
    authority: AuthorityId,
    lifetime: Duration,
}

pub fn internal(e: impl std::fmt::Display) -> Error {
    Error::Internal(e.to_string())
}

impl Issuing {
    pub fn new(tenant: &Tenant, lifetime_secs: u64) -> Self {
        Self {
            signer: Arc::clone(&tenant.signer),
            keys: tenant.keys.clone(),
            https: tenant.registry.entity_identifier.clone(),
            authority: tenant.registry.authority.clone(),
            lifetime: Duration::from_secs(lifetime_secs),
        }
    }

    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// When a document made now expires: up to an eighth early, by what it is about, so that what was loaded at
    /// once is not renewed at once.
    pub fn expiry(&self, target: &str, now: Timestamp) -> Timestamp {
        let mut hasher = DefaultHasher::new();
        target.hash(&mut hasher);
        let early = self.lifetime / 8 * u32::from(hasher.finish().to_le_bytes()[0]) / 256;
        now.plus(self.lifetime - early)
    }

    pub fn keys(&self) -> &JwkSet {
        &self.keys
    }

    pub fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }

    pub fn statement(&self, s: StatementSnapshot, iat: Timestamp, exp: Timestamp) -> AuthorityStatement {
        let ground = s.accreditation.as_ref().map(charter_store::document::AccreditationSnapshot::valid);
        let base = ground.map_or(Some(s.valid()), |g| s.valid().intersect(&g));
        let valid = base.map(|b| in_force(b, &s.statuses())).unwrap_or_default();
        let kind = if s.is_recognition() { Kind::Recognition } else { Kind::Authorization };
        AuthorityStatement {
            iss: self.https.clone(),
            authority_id: self.authority.clone(),
            iat: iat.secs(),
            exp: exp.secs(),
            kind,
            accreditation: s.accreditation.as_ref().map(|a| Accreditation {
                id: a.id.clone(),
                body: a.body.clone(),
                valid_until: a.valid().until,
            }),
            sub: s.entity,
            action: s.action,
            resource: s.resource,
            jurisdictions: s.jurisdictions,
            conditions: s.conditions,
            valid,
            seq: s.id,
        }
    }

    pub fn delegation(
        &self,
        d: &Delegation,
        iat: Timestamp,
        exp: Timestamp,
    ) -> Result<SubordinateStatement, Error> {
        let status = match state_at(&d.statuses, iat) {
            State::Active if d.valid.is_before(iat) => "EXPIRED",
            state => state.code(),
        };
        Ok(SubordinateStatement {
            iss: self.https.clone(),
            sub: d.entity_identifier.clone(),
            iat: iat.secs(),
            exp: exp.secs(),
            jwks: JwkSet::parse(d.jwks.as_bytes()).map_err(internal)?,
            constraints: Constraints { max_path_length: d.max_path_length, naming_constraints: None },
            metadata: DelegatedMetadata {
                trust_registry: Delegated {
                    authority_id: d.subordinate.clone(),
                    scope: d.scope.clone(),
                    valid: in_force(d.valid, &d.statuses),
                    status: status.to_owned(),
                },
            },
        })
    }

    fn signed_statement(&self, s: StatementSnapshot, now: Timestamp) -> Result<Document, Error> {
        let target = format!("statement:{}", s.id);
        let exp = self.expiry(&target, now);
        let jws = self.statement(s, now, exp).sign(self.signer()).map_err(internal)?;
        Ok(Document { target, jws, iat: now, exp })
    }

    fn signed_delegation(&self, d: &Delegation, now: Timestamp) -> Result<Document, Error> {
        let target = format!("delegation:{}", d.id);
        let exp = self.expiry(&target, now);
        let jws = self.delegation(d, now, exp)?.sign(self.signer()).map_err(internal)?;
        Ok(Document { target, jws, iat: now, exp })
    }

    /// Signs these statements and puts them on file, in the transaction that changed them.
    pub fn sign(&self, tx: &mut Tx<'_>, which: &Which) -> Result<usize, Error> {
        let now = tx.now;
        let snapshots = tx.statements(which)?;
        let signed =
            snapshots.into_iter().map(|s| self.signed_statement(s, now)).collect::<Result<Vec<_>, _>>()?;
        tx.put_documents(&signed)?;
        Ok(signed.len())
    }

    /// Signs the statements about these subordinates (all of them when empty).
    pub fn sign_delegations(&self, tx: &mut Tx<'_>, only: &[i64]) -> Result<usize, Error> {
        let now = tx.now;
        let list = tx.delegations()?;
        let chosen = list.iter().filter(|d| only.is_empty() || only.contains(&d.id));
        let signed = chosen.map(|d| self.signed_delegation(d, now)).collect::<Result<Vec<_>, _>>()?;
        tx.put_documents(&signed)?;
        Ok(signed.len())
    }
}

/// The registry's statement about itself.
pub async fn sign_configuration(
    store: &Store,
    tenant: &Tenant,
    lifetime_secs: u64,
    now: Timestamp,
) -> Result<(), Error> {
    let document = configuration(tenant, Duration::from_secs(lifetime_secs), now)?;
    let put = move |tx: &mut Tx<'_>| tx.put_documents(std::slice::from_ref(&document));
    store.write("document.configuration", tenant.registry.id, put).await.map(drop)
}

/// The statement on file says what would be signed now, and has more than half of its life left.
pub fn configuration_holds(filed: Option<&str>, tenant: &Tenant, lifetime_secs: u64, now: Timestamp) -> bool {
    let half = i64::try_from(lifetime_secs / 2).unwrap_or(i64::MAX);
    filed.and_then(|jws| unchanged(jws, tenant)).is_some_and(|filed| filed.exp - now.secs() > half)
}

fn unchanged(jws: &str, tenant: &Tenant) -> Option<EntityConfiguration> {
    let filed = EntityConfiguration::parse_verified(jws, &tenant.keys).ok()?;
    let wanted = claims(tenant, Timestamp::from_secs(filed.iat), Timestamp::from_secs(filed.exp));
    (filed == wanted).then_some(filed)
}

/// The registry's statement about itself, with new times.
pub fn configuration_again(
    jws: &str,
    tenant: &Tenant,
    lifetime: Duration,
    now: Timestamp,
) -> Result<Document, Error> {
    let filed =
        unchanged(jws, tenant).ok_or_else(|| internal("the configuration on file is not this one"))?;
    configuration(tenant, lifetime, now.max(Timestamp::from_secs(filed.iat)))
}

fn configuration(tenant: &Tenant, lifetime: Duration, now: Timestamp) -> Result<Document, Error> {
    let exp = now.plus(lifetime);
    let jws = claims(tenant, now, exp).sign(tenant.signer.as_ref()).map_err(internal)?;
    Ok(Document { target: "configuration".to_owned(), jws, iat: now, exp })
}

fn claims(tenant: &Tenant, iat: Timestamp, exp: Timestamp) -> EntityConfiguration {
    let https = tenant.registry.entity_identifier.clone();
    let config = &tenant.config;
    EntityConfiguration {
        iss: https.clone(),
        sub: https,
        iat: iat.secs(),
        exp: exp.secs(),
        jwks: tenant.keys.clone(),
        authority_hints: Some(config.superiors.clone()).filter(|s| !s.is_empty()),
        metadata: Metadata {
            federation_entity: FederationEntity {
                organization_name: tenant.registry.name.clone(),
                ..FederationEntity::default()
            },
            trust_registry: TrustRegistry {
                authority_id: tenant.registry.authority.clone(),
                trqp_endpoint: config.public_url.clone(),
                grpc_endpoint: config.public_url.clone(),
                governance_framework: config.governance_framework.clone(),
            },
        },
    }
}
