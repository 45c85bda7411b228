//! Documents are signed again before they expire. Only what this registry's own key has signed before is signed
//! again, and only while what is recorded still says the same: new times, no new content.

use charter_domain::{Delegation, Timestamp};
use charter_proof::{AuthorityStatement, RecognitionStatement, SubordinateStatement};
use charter_store::{
    Error, Store,
    document::{Document, StatementSnapshot},
    renewal::{Cursor, Due, Filed, Replacement},
};

use super::document::{Issuing, internal};
use crate::hosted::Tenant;

/// What became of the documents that were due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Renewed {
    pub renewed: usize,
    /// What is on file was not signed by this registry's key, or says other things than what is recorded.
    pub refused: usize,
}

/// Renews one page of what expires before half of its life is left. Returns where the next page starts, if there
/// is one: what was refused stays due, and does not stand in the way of the rest.
pub async fn page(
    store: &Store,
    tenant: &Tenant,
    lifetime_secs: u64,
    batch: i64,
    after: Option<Cursor>,
) -> Result<(Renewed, Option<Cursor>), Error> {
    let issuing = Issuing::new(tenant, lifetime_secs);
    let now = store.now();
    let registry = tenant.registry.id;
    let kid = issuing.signer(now)?.key().kid().to_owned();
    let due = store.due(registry, (now.plus(issuing.lifetime() / 2), kid), after, batch).await?;
    let next = due.next.clone();
    let own = |filed| again(filed, issuing.configuration_again(&filed.jws, now));
    let configuration = due.configuration.as_ref().map(own);
    let work = tokio::task::spawn_blocking(move || sign(&issuing, due, now));
    let mut results = work.await.map_err(internal)?;
    results.extend(configuration);
    let found = results.len();
    let signed: Vec<Replacement> = results.into_iter().flatten().collect();
    let refused = found - signed.len();
    let renewed = if signed.is_empty() { 0 } else { store.replace_documents(registry, signed).await? };
    Ok((Renewed { renewed, refused }, next))
}

/// Takes up what was said of keys: reads them again, and states those, the log and the trust mark types that others may
/// meet now.
pub async fn keys(store: &Store, tenant: &Tenant, lifetime_secs: u64) -> Result<(), Error> {
    let _ = tenant.fresh_ring(store).await?;
    tenant.fresh_log(store).await?;
    tenant.fresh_above(store).await?;
    tenant.fresh_types(store).await?;
    let (issuing, now) = (Issuing::new(tenant, lifetime_secs), store.now());
    let registry = tenant.registry.id;
    let Some(was) = store.document(registry, "configuration").await? else { return Ok(()) };
    if issuing.is_current(&was, now) {
        return Ok(());
    }
    let document = issuing.configuration_again(&was, now)?;
    store.replace_documents(registry, vec![Replacement { was, document }]).await.map(drop)
}

/// Signing is arithmetic: it has a thread for itself, and so does not hold up the answers.
fn sign(issuing: &Issuing, due: Due, now: Timestamp) -> Vec<Option<Replacement>> {
    let statements = due
        .statements
        .into_iter()
        .map(|(filed, facts)| again(&filed, statement(issuing, &filed, facts, now)));
    let recognitions =
        due.recognitions.iter().map(|(filed, facts)| again(filed, recognition(issuing, filed, facts, now)));
    let delegations =
        due.delegations.iter().map(|(filed, facts)| again(filed, delegation(issuing, filed, facts, now)));
    statements.chain(recognitions).chain(delegations).collect()
}

fn again(filed: &Filed, signed: Result<Document, Error>) -> Option<Replacement> {
    match signed {
        Ok(document) => Some(Replacement { was: filed.jws.clone(), document }),
        Err(error) => {
            let why = error.source_text().unwrap_or("?");
            tracing::error!(document.target = %filed.target, error = why, "not signed again");
            None
        }
    }
}

/// A document is never dated before the one that it replaces, whatever the clock does.
fn iat(was: i64, now: Timestamp) -> Timestamp {
    now.max(Timestamp::from_secs(was))
}

fn changed() -> Error {
    internal("what is recorded is not what was signed")
}

fn statement(
    issuing: &Issuing,
    filed: &Filed,
    facts: StatementSnapshot,
    now: Timestamp,
) -> Result<Document, Error> {
    let was = AuthorityStatement::parse_verified(&filed.jws, &issuing.keys()?).map_err(internal)?;
    let iat = iat(was.iat, now);
    let exp = issuing.expiry(&filed.target, iat);
    let mut claims = issuing.statement(facts, Timestamp::from_secs(was.iat), Timestamp::from_secs(was.exp));
    if claims != was {
        return Err(changed());
    }
    (claims.iat, claims.exp) = (iat.secs(), exp.secs());
    issuing.signed(filed.target.clone(), (iat, exp), now, |signer| claims.sign(signer))
}

fn recognition(
    issuing: &Issuing,
    filed: &Filed,
    facts: &StatementSnapshot,
    now: Timestamp,
) -> Result<Document, Error> {
    let was = RecognitionStatement::parse_verified(&filed.jws, &issuing.keys()?).map_err(internal)?;
    let iat = iat(was.iat, now);
    let exp = issuing.expiry(&filed.target, iat);
    let times = (Timestamp::from_secs(was.iat), Timestamp::from_secs(was.exp));
    let mut claims = issuing.recognition(facts, times.0, times.1)?;
    if claims != was {
        return Err(changed());
    }
    (claims.iat, claims.exp) = (iat.secs(), exp.secs());
    issuing.signed(filed.target.clone(), (iat, exp), now, |signer| claims.sign(signer))
}

fn delegation(
    issuing: &Issuing,
    filed: &Filed,
    facts: &Delegation,
    now: Timestamp,
) -> Result<Document, Error> {
    let was = SubordinateStatement::parse_verified(&filed.jws, &issuing.keys()?).map_err(internal)?;
    let iat = iat(was.iat, now);
    let exp = issuing.expiry(&filed.target, iat);
    let mut claims = issuing.delegation(facts, iat, exp)?;
    // For people, and of the present: it follows from `valid`, which is compared.
    let status = std::mem::replace(
        &mut claims.metadata.trust_registry.status,
        was.metadata.trust_registry.status.clone(),
    );
    (claims.iat, claims.exp) = (was.iat, was.exp);
    if claims != was {
        return Err(changed());
    }
    (claims.iat, claims.exp) = (iat.secs(), exp.secs());
    claims.metadata.trust_registry.status = status;
    issuing.signed(filed.target.clone(), (iat, exp), now, |signer| claims.sign(signer))
}
