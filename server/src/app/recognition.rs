//! Recognitions: who may be recognised as a peer, and what is shown of it.

use charter_domain::{
    AuthorityId, Delegation, Interval, Invalid, RegistryId, Timestamp,
    event::Renewed,
    recognition::{Peer, ends},
    record::Record,
    scope::Pattern,
    status::TargetKind,
};
use charter_federation::{LocalAuthority as _, Protocol as _, protocol::PeerEndpoint};
use charter_proof::{RecognitionStatement, verify_counter};
use charter_signing::JwkSet;

use crate::{App, Error, hosted::Tenant};

/// Most recognitions of one peer that are shown.
const MAX_SHOWN: i64 = 64;
/// How long the peer has to show its own.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(1);

/// Looks whether an authority can be a peer of this one, and writes its keys as the registry writes keys. A peer is
/// another authority, named by its DID, neither above nor below. A recognition of it has an end.
///
/// # Errors
/// Names the member at fault.
pub fn admit(
    tenant: &Tenant,
    delegations: &[Delegation],
    authority: &str,
    peer: &mut Peer,
    (valid, now): (&Interval, Timestamp),
) -> Result<(), Invalid> {
    let authority = AuthorityId::parse(authority).map_err(|e| e.at("entity_id"))?;
    if authority == tenant.registry.authority {
        return Err(Invalid::new("entity_id", "must be another authority: nobody recognises itself"));
    }
    let named = |why: &str| Err(Invalid::new("peer.entity_identifier", why));
    let entity = &peer.entity_identifier;
    if *entity == tenant.registry.entity_identifier {
        return named("must be another authority's");
    }
    if tenant.above().hints.contains(entity) {
        return named("must not be a superior: what it says counts already");
    }
    if delegations.iter().any(|d| d.subordinate == authority || d.entity_identifier == *entity) {
        return named("must not be a subordinate: delegate to it instead");
    }
    let fault = |e: &dyn std::fmt::Display| Invalid::new("peer.jwks_json", e.to_string());
    let keys = JwkSet::parse(peer.jwks.to_string().as_bytes()).map_err(|e| fault(&e))?;
    peer.jwks = serde_json::to_value(&keys).map_err(|e| fault(&e))?;
    ends(valid, now)
}

/// The same for all peers of records to be loaded.
pub fn admit_all(
    tenant: &Tenant,
    delegations: &[Delegation],
    record: &mut Record,
    now: Timestamp,
) -> Result<(), Invalid> {
    let authority = record.identifier().to_owned();
    let mut peers = record.authorizations.iter_mut().filter_map(|a| Some((a.peer.as_mut()?, &a.valid)));
    peers.try_for_each(|(peer, valid)| admit(tenant, delegations, &authority, peer, (valid, now)))
}

/// The recognition of a peer is renewed for as long as one may be made.
///
/// # Errors
/// Names `valid_until` where that is longer.
pub async fn renewed(app: &App, registry: RegistryId, r: &Renewed, now: Timestamp) -> Result<(), Error> {
    if r.target != TargetKind::Statement {
        return Ok(());
    }
    let number = r.target_id.parse().unwrap_or_default();
    if app.store.names_peer(registry, number).await? {
        ends(&Interval { from: None, until: Some(r.valid_until) }, now)?;
    }
    Ok(())
}

/// Whether any authorization of a record names a peer.
pub fn names_peers(record: &Record) -> bool {
    record.authorizations.iter().any(|a| a.peer.is_some())
}

/// What a registry says of a peer, and what the peer says in turn.
#[derive(Debug, Default)]
pub struct Shown {
    /// Compact JWS, `recognition-statement+jwt`, the latest first.
    pub statements: Vec<String>,
    /// The peer's own statements, verified with the keys that ours list.
    pub counter: Vec<String>,
    /// For everything that this registry recognises the peer for now, the peer recognises it in turn.
    pub mutual: bool,
    /// Why it is not mutual; empty where it is.
    pub detail: String,
}

/// Own statements alone: nobody else is asked.
pub async fn own(app: &App, registry: RegistryId, peer: &AuthorityId) -> Result<Vec<String>, Error> {
    Ok(app.store.recognitions_of(registry, peer.clone(), MAX_SHOWN).await?)
}

/// Own statements, and those of the peer in turn, fetched now.
pub async fn both(app: &App, registry: RegistryId, peer: &AuthorityId) -> Result<Shown, Error> {
    let statements = own(app, registry, peer).await?;
    let (keys, now) = (app.hosted.keys(registry).await?, app.clock.now());
    let read = |token: &String| RecognitionStatement::parse_verified(token, &keys).ok();
    let standing: Vec<_> = statements.iter().filter_map(read).filter(|s| in_force(s, now)).collect();
    let Some(first) = standing.first() else {
        let detail = format!("no recognition of {peer} is in force");
        return Ok(Shown { statements, detail, ..Shown::default() });
    };
    let view = app.hosted.view(registry).await?;
    let here = &view.registry.authority;
    let endpoint = PeerEndpoint { url: first.endpoint.clone(), pins: first.tls_spki_sha256.clone() };
    let shown = match app.protocol.recognitions(&endpoint, peer, here, WITHIN).await {
        Ok(shown) => shown,
        Err(failure) => {
            let detail = format!("whether {peer} recognises {here} in turn could not be had: it {failure}");
            return Ok(Shown { statements, detail, ..Shown::default() });
        }
    };
    let in_turn = |token: &str| standing.iter().any(|own| proves(token, own, now));
    let counter: Vec<String> = shown.into_iter().filter(|token| in_turn(token)).collect();
    let open = standing.iter().find(|own| !counter.iter().any(|token| proves(token, own, now)));
    let detail = open.map(|own| {
        let what: Vec<&str> = own.scope.0.iter().flat_map(|g| &g.resources).map(Pattern::as_str).collect();
        format!("one-sided: {peer} shows no recognition of {here} in force for {}", what.join(", "))
    });
    Ok(Shown { statements, counter, mutual: detail.is_none(), detail: detail.unwrap_or_default() })
}

fn proves(token: &str, own: &RecognitionStatement, now: Timestamp) -> bool {
    verify_counter(token, own, now, now).is_ok()
}

fn in_force(statement: &RecognitionStatement, now: Timestamp) -> bool {
    statement.valid.iter().any(|i| i.contains(now))
}
