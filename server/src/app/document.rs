//! Signed documents: statements when they are written, all of them again before they expire.

use std::{sync::Arc, time::Duration};

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
    https: HttpsId,
    authority: AuthorityId,
    lifetime: Duration,
}

fn internal(e: impl std::fmt::Display) -> Error {
    Error::Internal(e.to_string())
}

impl Issuing {
    pub fn new(tenant: &Tenant, lifetime_secs: u64) -> Self {
        Self {
            signer: Arc::clone(&tenant.signer),
            https: tenant.registry.entity_identifier.clone(),
            authority: tenant.registry.authority.clone(),
            lifetime: Duration::from_secs(lifetime_secs),
        }
    }

    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    fn times(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        (now, now.plus(self.lifetime))
    }

    fn statement(&self, s: StatementSnapshot, now: Timestamp) -> Result<Document, Error> {
        let (iat, exp) = self.times(now);
        let ground = s.accreditation.as_ref().map(charter_store::document::AccreditationSnapshot::valid);
        let base = ground.map_or(Some(s.valid()), |g| s.valid().intersect(&g));
        let valid = base.map(|b| in_force(b, &s.statuses())).unwrap_or_default();
        let kind = if s.is_recognition() { Kind::Recognition } else { Kind::Authorization };
        let statement = AuthorityStatement {
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
        };
        let jws = statement.sign(self.signer.as_ref()).map_err(internal)?;
        Ok(Document { target: format!("statement:{}", s.id), jws, iat, exp })
    }

    fn delegation(&self, d: &Delegation, now: Timestamp) -> Result<Document, Error> {
        let (iat, exp) = self.times(now);
        let status = match state_at(&d.statuses, now) {
            State::Active if d.valid.is_before(now) => "EXPIRED",
            state => state.code(),
        };
        let statement = SubordinateStatement {
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
        };
        let jws = statement.sign(self.signer.as_ref()).map_err(internal)?;
        Ok(Document { target: format!("delegation:{}", d.id), jws, iat, exp })
    }

    /// Signs these statements and puts them on file, in the transaction that changed them.
    pub fn sign(&self, tx: &mut Tx<'_>, which: &Which) -> Result<usize, Error> {
        let now = tx.now;
        let snapshots = tx.statements(which)?;
        let signed = snapshots.into_iter().map(|s| self.statement(s, now)).collect::<Result<Vec<_>, _>>()?;
        tx.put_documents(&signed)?;
        Ok(signed.len())
    }

    /// Signs the statements about these subordinates (all of them when empty).
    pub fn sign_delegations(&self, tx: &mut Tx<'_>, only: &[i64]) -> Result<usize, Error> {
        let now = tx.now;
        let list = tx.delegations()?;
        let chosen = list.iter().filter(|d| only.is_empty() || only.contains(&d.id));
        let signed = chosen.map(|d| self.delegation(d, now)).collect::<Result<Vec<_>, _>>()?;
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
    let parsed = filed.and_then(|jws| EntityConfiguration::parse_verified(jws, &tenant.keys).ok());
    let half = i64::try_from(lifetime_secs / 2).unwrap_or(i64::MAX);
    parsed.is_some_and(|filed| {
        let wanted = EntityConfiguration { iat: filed.iat, exp: filed.exp, ..claims(tenant, now, now) };
        filed.exp - now.secs() > half && filed == wanted
    })
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

/// Renews what expires before half of its life is left, oldest first, at most `batch` at once. Only the times
/// move: nothing is recorded. Returns how many were renewed.
pub async fn renew(store: &Store, tenant: &Tenant, lifetime_secs: u64, batch: i64) -> Result<usize, Error> {
    let issuing = Issuing::new(tenant, lifetime_secs);
    let now = store.now();
    let own = configuration(tenant, issuing.lifetime(), now)?;
    let renewed = store
        .write("document.renew", tenant.registry.id, move |tx| {
            let due = tx.due(now.plus(issuing.lifetime() / 2), batch)?;
            let ids = |prefix: &str| -> Vec<i64> {
                due.iter().filter_map(|t| t.strip_prefix(prefix)?.parse().ok()).collect()
            };
            let (statements, delegations) = (ids("statement:"), ids("delegation:"));
            if !statements.is_empty() {
                issuing.sign(tx, &Which::These(statements))?;
            }
            if !delegations.is_empty() {
                issuing.sign_delegations(tx, &delegations)?;
            }
            if due.iter().any(|t| t == "configuration") {
                tx.put_documents(std::slice::from_ref(&own))?;
            }
            Ok(due.len())
        })
        .await?;
    Ok(renewed.value)
}
