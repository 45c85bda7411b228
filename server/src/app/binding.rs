//! Whether a key is somebody's, by what one registry has recorded: of itself, of its subordinates, of its entities.

use charter_domain::{
    Delegation, EntityId, Reason, RegistryId, Timestamp,
    key::{self, Claim, Key, Verdict},
};
use charter_federation::LocalAuthority;
use charter_signing::{JwkSet, PublicKey};
use charter_store::entity::EntityView;
use serde_json::Value;

use super::entity;
use crate::{App, Error, error::Code};

mod metadata;
mod role;

pub use self::{
    metadata::{Metadata, metadata},
    role::{MAX_TYPES, Role, Wanted, role},
};

/// A key as somebody shows it.
#[derive(Debug, Clone)]
pub enum Shown {
    Signing(PublicKey),
    /// Of a kind that is never recorded here.
    Other,
}

/// Whom the asked registry knows by a name.
#[derive(Debug)]
pub enum Party {
    /// Itself.
    Registry,
    Subordinate(Box<Delegation>),
    Entity(Box<EntityView>),
}

impl Party {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Subordinate(_) => "subordinate",
            Self::Entity(_) => "entity",
        }
    }

    /// Whether it stands at all, whatever its keys.
    fn standing(&self, now: Timestamp) -> Reason {
        match self {
            Self::Registry => Reason::Active,
            Self::Subordinate(delegation) => delegation.standing(now).err().unwrap_or(Reason::Active),
            Self::Entity(entity) => entity::status_of(entity, now).0.reason(),
        }
    }
}

/// What is known of a name, and of the key that was shown with it.
#[derive(Debug)]
pub struct Bound {
    pub party: Party,
    /// `ACTIVE`, or why nothing is said in favour of this party.
    pub standing: Reason,
    /// Of the key; none was shown where this is none.
    pub verdict: Option<Verdict>,
    pub at: Timestamp,
}

impl Bound {
    /// The party stands, and the key, if one was shown, is one that it signs with now.
    pub fn holds(&self) -> bool {
        self.standing == Reason::Active && self.verdict.is_none_or(|verdict| verdict == Verdict::Accepted)
    }
}

/// What the registry knows of a name, with the key that was shown for it; none where the name is nobody's. Of several
/// parties of that name, one for which it holds.
///
/// # Errors
/// Where the records cannot be read, or the log of a subordinate showed two histories: nothing is then said of the key.
pub async fn of(
    app: &App,
    registry: RegistryId,
    name: &EntityId,
    shown: Option<&Shown>,
) -> Result<Option<Bound>, Error> {
    let at = app.clock.now();
    let mut first = None;
    for party in parties(app, registry, name, at).await? {
        let standing = party.standing(at);
        let verdict = match shown {
            None => None,
            Some(Shown::Other) => Some(Verdict::UnknownKey),
            Some(Shown::Signing(key)) => Some(judged(app, registry, (&party, key), at).await?),
        };
        let bound = Bound { party, standing, verdict, at };
        if bound.holds() {
            return believed(app, registry, bound).map(Some);
        }
        first = first.or(Some(bound));
    }
    Ok(first)
}

/// Nothing good is believed of a subordinate whose log is in quarantine.
fn believed(app: &App, registry: RegistryId, bound: Bound) -> Result<Bound, Error> {
    match &bound.party {
        Party::Subordinate(delegation) if app.hosted.doubts(registry, &delegation.entity_identifier) => {
            Err(Error::new(Code::Unverifiable, Reason::Unverifiable.text()))
        }
        _ => Ok(bound),
    }
}

async fn parties(
    app: &App,
    registry: RegistryId,
    name: &EntityId,
    at: Timestamp,
) -> Result<Vec<Party>, Error> {
    let view = app.hosted.view(registry).await?;
    let (own, name) = (&view.registry, name.as_str());
    let mut found = Vec::new();
    if name == own.authority.as_str() || name == own.entity_identifier.as_str() {
        found.push(Party::Registry);
    }
    let named = |d: &&Delegation| d.subordinate.as_str() == name || d.entity_identifier.as_str() == name;
    let subordinate = view.delegations.iter().find(named).map(|d| &d.subordinate);
    if let Some(delegation) = subordinate.and_then(|s| Delegation::current(&view.delegations, s, at)) {
        found.push(Party::Subordinate(Box::new(delegation.clone())));
    }
    let entity = app.store.entity(registry, name).await?;
    found.extend(entity.map(|entity| Party::Entity(Box::new(entity))));
    Ok(found)
}

/// What is recorded of the key under this party.
async fn judged(
    app: &App,
    registry: RegistryId,
    (party, shown): (&Party, &PublicKey),
    at: Timestamp,
) -> Result<Verdict, Error> {
    let (registry, owner) = match party {
        Party::Registry => (registry, None),
        Party::Entity(entity) => (registry, Some(entity.entity_id)),
        Party::Subordinate(delegation) => {
            let stated = JwkSet::parse(delegation.jwks.as_bytes());
            if !stated.is_ok_and(|keys| keys.keys.contains(shown)) {
                return Ok(Verdict::UnknownKey);
            }
            // What is stated of it counts, unless its own records are here and know better.
            let Some(below) = app.hosted.hosted(&delegation.subordinate) else {
                return Ok(Verdict::Accepted);
            };
            // Of one whose records are incomplete nothing is said.
            app.hosted.view(below).await?;
            (below, None)
        }
    };
    Ok(among(&app.store.keys(registry, owner).await?, shown, at))
}

/// Whether two JWKs have the same key, whatever else they say of it.
pub fn is_same_key(one: &Value, other: &Value) -> bool {
    ["kty", "crv", "x", "y"].iter().all(|name| one.get(name) == other.get(name))
}

/// One key may have been recorded under several names: once revoked, it is under all.
fn among(history: &[Key], shown: &PublicKey, at: Timestamp) -> Verdict {
    let jwk = shown.to_jwk();
    let known: Vec<&Key> = history.iter().filter(|key| is_same_key(&key.jwk, &jwk)).collect();
    let verdict = |key: &&Key| key::verdict(history, &key.kid, Claim::default(), at);
    if let Some(revoked) = known.iter().find(|key| key.revoked.is_some()) {
        return verdict(revoked);
    }
    let mut verdicts = known.iter().map(verdict);
    let first = verdicts.next().unwrap_or(Verdict::UnknownKey);
    if verdicts.any(|verdict| verdict == Verdict::Accepted) { Verdict::Accepted } else { first }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use charter_domain::key::{Revocation, RevocationReason};
    use charter_signing::{Algorithm, Signer as _, SoftwareSigner};

    use super::*;

    fn key(kid: &str, public: &PublicKey, revoked: bool) -> Key {
        let from = Timestamp::from_secs(1_000);
        let revocation =
            Revocation { at: from, reason: RevocationReason::Superseded, compromised_since: None };
        Key {
            kid: kid.to_owned(),
            jwk: public.to_jwk(),
            added_at: from,
            from,
            until: None,
            revoked: revoked.then_some(revocation),
        }
    }

    #[test]
    fn a_key_that_was_revoked_under_one_name_is_good_under_none() {
        let made = || SoftwareSigner::generate(Algorithm::Es256).expect("a key").key().clone();
        let (one, other) = (made(), made());
        let now = Timestamp::from_secs(2_000);
        let good = [key("a", &other, false), key("b", &one, false)];
        assert_eq!(among(&good, &one, now), Verdict::Accepted);
        assert_eq!(among(&good[..1], &one, now), Verdict::UnknownKey);
        assert_eq!(among(&good, &one, Timestamp::from_secs(1)), Verdict::NotYetValid);
        for history in
            [[key("a", &one, true), key("b", &one, false)], [key("b", &one, false), key("a", &one, true)]]
        {
            assert_eq!(among(&history, &one, now), Verdict::Revoked);
        }
        let again = Key { until: Some(now.minus(Duration::from_secs(9))), ..key("a", &one, false) };
        assert_eq!(among(&[again, key("b", &one, false)], &one, now), Verdict::Accepted);
    }
}
