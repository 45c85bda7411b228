//! Signed documents: statements when they are written, the registry's own configuration when it opens.

use std::{
    collections::BTreeMap,
    fmt::Display,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use charter_domain::{
    AuthorityId, Delegation, HttpsId, Interval, Kind, Timestamp,
    status::{State, in_force, state_at},
};
use charter_proof::{
    AuthorityStatement, EntityConfiguration, RecognitionStatement, SubordinateStatement,
    document::{Accreditation, Constraints, Delegated, DelegatedMetadata, Log, Metadata, TrustRegistry},
};
use charter_signing::{JwkSet, KeyStore, Signer};
use charter_store::{
    Error, Tx,
    document::{Document, StatementSnapshot, Which},
};

use crate::{
    app::oidf,
    config::RegistryConfig,
    hosted::{Above, Tenant},
    keyring::Keyring,
};

mod announced;
mod recognition;
mod snapshot;

pub use self::announced::announced;

/// Statements signed at once where all of them are.
const PART: i64 = 2_000;
/// Where keys that are used no longer are published.
pub const HISTORICAL_KEYS: &str = "/.well-known/openid-federation-historical-keys";

/// What signing needs of a registry; moves into transactions.
#[derive(Clone)]
pub struct Issuing {
    ring: Arc<Keyring>,
    vault: Arc<dyn KeyStore>,
    https: HttpsId,
    authority: AuthorityId,
    name: String,
    config: RegistryConfig,
    /// Whom the entity configuration names.
    superiors: Vec<HttpsId>,
    log: Option<Log>,
    /// Security officers two of whom may deny in an emergency.
    officers: Option<JwkSet>,
    /// Credential types that somebody is authorized here to issue.
    types: Arc<Vec<String>>,
    lifetime: Duration,
}

pub fn internal(e: impl Display) -> Error {
    Error::Internal(e.to_string())
}

/// When a statement is in force: its own time, inside that of its ground, suspensions cut out.
pub(super) fn valid(s: &StatementSnapshot) -> Vec<Interval> {
    let ground = s.accreditation.as_ref().map(charter_store::document::AccreditationSnapshot::valid);
    let base = ground.map_or(Some(s.valid()), |g| s.valid().intersect(&g));
    base.map(|b| in_force(b, &s.statuses())).unwrap_or_default()
}

impl Issuing {
    pub fn new(tenant: &Tenant, lifetime_secs: u64) -> Self {
        Self {
            ring: tenant.ring(),
            vault: Arc::clone(&tenant.vault),
            https: tenant.registry.entity_identifier.clone(),
            authority: tenant.registry.authority.clone(),
            name: tenant.registry.name.clone(),
            config: tenant.config.clone(),
            superiors: tenant.above().hints.clone(),
            log: tenant.log(),
            officers: tenant.officers.clone(),
            types: tenant.types(),
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

    /// Keys whose signature on a document of our own counts.
    pub fn keys(&self) -> Result<JwkSet, Error> {
        self.ring.own().map_err(internal)
    }

    pub fn signer(&self, now: Timestamp) -> Result<&dyn Signer, Error> {
        self.ring.signer(now).map_err(internal)
    }

    /// The same with the keys as they are recorded in this transaction: nobody signs with one that was revoked a
    /// moment ago.
    fn current(&self, tx: &mut Tx<'_>) -> Result<Self, Error> {
        if tx.keys_seq()? == self.ring.seq {
            return Ok(self.clone());
        }
        let ring = Keyring::load(&tx.opening()?, self.vault.as_ref(), Some(&self.ring), tx.now);
        Ok(Self { ring: Arc::new(ring.map_err(internal)?), ..self.clone() })
    }

    pub fn statement(&self, s: StatementSnapshot, iat: Timestamp, exp: Timestamp) -> AuthorityStatement {
        let valid = valid(&s);
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

    /// The same statement for those who follow it: with the peer's keys and endpoint.
    pub fn recognition(
        &self,
        s: &StatementSnapshot,
        iat: Timestamp,
        exp: Timestamp,
    ) -> Result<RecognitionStatement, Error> {
        recognition::of((&self.https, &self.authority), s, (iat, exp))
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
            constraints: Constraints {
                max_path_length: d.max_path_length,
                naming_constraints: Some(d.naming_constraints.clone()).filter(|names| !names.is_empty()),
            },
            metadata: DelegatedMetadata {
                trust_registry: Delegated {
                    authority_id: d.subordinate.clone(),
                    scope: d.scope.clone(),
                    valid: in_force(d.valid, &d.statuses),
                    status: status.to_owned(),
                    tls_spki_sha256: d.tls_spki_sha256.clone(),
                },
            },
        })
    }

    fn signed_statement(&self, s: StatementSnapshot, now: Timestamp) -> Result<Document, Error> {
        let target = format!("statement:{}", s.id);
        let exp = self.expiry(&target, now);
        let claims = self.statement(s, now, exp);
        self.signed(target, (now, exp), now, |signer| claims.sign(signer))
    }

    fn signed_recognition(&self, s: &StatementSnapshot, now: Timestamp) -> Result<Document, Error> {
        let target = format!("recognition:{}", s.id);
        let exp = self.expiry(&target, now);
        let claims = self.recognition(s, now, exp)?;
        self.signed(target, (now, exp), now, |signer| claims.sign(signer))
    }

    fn signed_delegation(&self, d: &Delegation, now: Timestamp) -> Result<Document, Error> {
        let target = format!("delegation:{}", d.id);
        let exp = self.expiry(&target, now);
        let claims = self.delegation(d, now, exp)?;
        self.signed(target, (now, exp), now, |signer| claims.sign(signer))
    }

    /// A document to keep, signed with the key that is in use at `now`.
    pub fn signed<E: Display>(
        &self,
        target: String,
        (iat, exp): (Timestamp, Timestamp),
        now: Timestamp,
        sign: impl FnOnce(&dyn Signer) -> Result<String, E>,
    ) -> Result<Document, Error> {
        let signer = self.signer(now)?;
        let (jws, kid) = (sign(signer).map_err(internal)?, signer.key().kid().to_owned());
        Ok(Document { target, jws, kid, iat, exp })
    }

    /// Signs these statements and puts them on file, in the transaction that changed them.
    pub fn sign(&self, tx: &mut Tx<'_>, which: &Which) -> Result<usize, Error> {
        let (now, with) = (tx.now, self.current(tx)?);
        let snapshots = tx.statements(which)?;
        let mut signed = Vec::with_capacity(snapshots.len());
        for s in snapshots {
            if s.peer.is_some() {
                signed.push(with.signed_recognition(&s, now)?);
            }
            signed.push(with.signed_statement(s, now)?);
        }
        tx.put_documents(&signed)?;
        Ok(signed.len())
    }

    /// Signs the statements about these subordinates (all of them when empty).
    pub fn sign_delegations(&self, tx: &mut Tx<'_>, only: &[i64]) -> Result<usize, Error> {
        let (now, with) = (tx.now, self.current(tx)?);
        let list = tx.delegations()?;
        let chosen = list.iter().filter(|d| only.is_empty() || only.contains(&d.id));
        let signed = chosen.map(|d| with.signed_delegation(d, now)).collect::<Result<Vec<_>, _>>()?;
        tx.put_documents(&signed)?;
        Ok(signed.len())
    }

    /// The registry's statement about itself.
    pub fn sign_configuration(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let superiors = Above::of(&self.config, &tx.superiors()?).hints;
        let document = Self { superiors, ..self.current(tx)? }.configuration(tx.now)?;
        tx.put_documents(std::slice::from_ref(&document))
    }

    /// Everything, because a key that signed some of it counts no longer.
    pub fn sign_everything(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        self.sign_configuration(tx)?;
        self.sign_delegations(tx, &[])?;
        let mut ids = tx.statement_ids(0, PART)?;
        while let Some(last) = ids.last().copied() {
            self.sign(tx, &Which::These(ids))?;
            ids = tx.statement_ids(last, PART)?;
        }
        Ok(())
    }

    /// The statement on file says what would be signed now, and has more than half of its life left.
    pub fn configuration_holds(&self, filed: Option<&str>, now: Timestamp) -> bool {
        let half = i64::try_from(self.lifetime.as_secs() / 2).unwrap_or(i64::MAX);
        let fresh = |jws| self.unchanged(jws).is_ok_and(|(filed, _)| filed.exp - now.secs() > half);
        filed.is_some_and(|jws| fresh(jws) && self.is_current(jws, now))
    }

    /// It lists the keys, the log and the trust mark types that others may meet now, and is signed by the key known longest.
    pub fn is_current(&self, filed: &str, now: Timestamp) -> bool {
        let listed = self.ring.listed(now).ok();
        let voucher = self.ring.voucher(now).ok();
        self.unchanged(filed).is_ok_and(|(document, kid)| {
            document.metadata.trust_registry.log == self.log
                && document.trust_mark_issuers == self.trust_mark_issuers()
                && Some(&document.jwks) == listed.as_ref()
                && voucher.is_some_and(|v| v.key().kid() == kid)
        })
    }

    /// What is on file, if only times, keys, the log and trust mark types would differ now; and the key that signed it.
    fn unchanged(&self, jws: &str) -> Result<(EntityConfiguration, String), Error> {
        let keys = self.keys()?;
        let filed = EntityConfiguration::parse_verified(jws, &keys).map_err(internal)?;
        let times = (Timestamp::from_secs(filed.iat), Timestamp::from_secs(filed.exp));
        let mut claims = self.claims(times, filed.jwks.clone());
        claims.metadata.trust_registry.log.clone_from(&filed.metadata.trust_registry.log);
        claims.trust_mark_issuers.clone_from(&filed.trust_mark_issuers);
        if filed != claims {
            return Err(internal("the configuration on file is not this one"));
        }
        let kid = charter_signing::jws::kid(jws).map_err(internal)?;
        Ok((filed, kid))
    }

    /// The registry's statement about itself, with new times, its present keys and its present log.
    pub fn configuration_again(&self, jws: &str, now: Timestamp) -> Result<Document, Error> {
        let (filed, _) = self.unchanged(jws)?;
        self.configuration(now.max(Timestamp::from_secs(filed.iat)))
    }

    fn configuration(&self, now: Timestamp) -> Result<Document, Error> {
        let exp = now.plus(self.lifetime);
        let signer = self.ring.voucher(now).map_err(internal)?;
        let claims = self.claims((now, exp), self.ring.listed(now).map_err(internal)?);
        let (jws, kid) = (claims.sign(signer).map_err(internal)?, signer.key().kid().to_owned());
        Ok(Document { target: "configuration".to_owned(), jws, kid, iat: now, exp })
    }

    /// Only an anchor says who issues which marks (OpenID Federation 1.0, 3.1.2).
    fn trust_mark_issuers(&self) -> BTreeMap<String, Vec<HttpsId>> {
        let types: &[String] = if self.superiors.is_empty() { &self.types } else { &[] };
        oidf::types::issuers(&self.https, types)
    }

    fn claims(&self, (iat, exp): (Timestamp, Timestamp), jwks: JwkSet) -> EntityConfiguration {
        let url = &self.config.public_url;
        EntityConfiguration {
            iss: self.https.clone(),
            sub: self.https.clone(),
            iat: iat.secs(),
            exp: exp.secs(),
            jwks,
            authority_hints: Some(self.superiors.clone()).filter(|s| !s.is_empty()),
            trust_mark_issuers: self.trust_mark_issuers(),
            metadata: Metadata {
                federation_entity: oidf::described(&self.name, url),
                trust_registry: TrustRegistry {
                    authority_id: self.authority.clone(),
                    trqp_endpoint: url.clone(),
                    grpc_endpoint: url.clone(),
                    endpoints: self.config.sites.clone(),
                    governance_framework: self.config.governance_framework.clone(),
                    tls_spki_sha256: self.config.tls_spki_sha256.clone(),
                    log: self.log.clone(),
                    emergency_officers: self.officers.iter().flat_map(|set| set.keys.clone()).collect(),
                },
            },
        }
    }
}
