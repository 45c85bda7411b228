//! Which version of the anchor set is believed, and which may follow it (TUF 1.0.33, 5.3).

use charter_domain::Timestamp;
use charter_signing::{JwkSet, jws};

use super::{AnchorSet, Fingerprint, Refusal, SignedSet};

/// A version that is believed: by its fingerprint, or because it follows one that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed(SignedSet);

impl Believed {
    /// The first that a verifier believes. `pin` came by a way that is trusted, such as print.
    pub fn pinned(set: SignedSet, pin: &Fingerprint) -> Result<Self, Refusal> {
        let found = set.fingerprint();
        if found != *pin {
            return Err(Refusal::Pin { expected: *pin, found });
        }
        Self::kept(set)
    }

    /// One that was believed before, or that is trusted because it is this verifier's own file.
    pub fn kept(set: SignedSet) -> Result<Self, Refusal> {
        let own = &set.terms().jwks;
        // Later versions carry signatures of keys that are not in them: those were verified when they were new.
        let first = set.version() == 1;
        count(&set, &[own], first)?;
        Ok(Self(set))
    }

    /// The next version: carries a threshold of the signatures of this one's keys and of its own (5.3.4), names this
    /// one, and has the next number (5.3.5). The same version again changes nothing. Its expiry is not looked at
    /// (5.3.10 asks for that of the last alone): see [`Self::anchors`].
    pub fn follow(&self, next: SignedSet) -> Result<Self, Refusal> {
        let (held, offered) = (self.0.version(), next.version());
        if offered < held {
            return Err(Refusal::Rollback { held, offered });
        }
        let (mine, its) = (self.0.fingerprint(), next.fingerprint());
        if offered == held {
            let fork = Refusal::Fork { version: held, held: mine, offered: its };
            return if mine == its { Ok(self.clone()) } else { Err(fork) };
        }
        if offered != held.saturating_add(1) {
            return Err(Refusal::Skipped { held, offered });
        }
        let (old, own) = (&self.0.terms().jwks, &next.terms().jwks);
        let counted = count(&next, &[own, old], true)?;
        enough(offered, held, (counted.get(1), self.0.terms().threshold))?;
        match next.terms().previous {
            Some(named) if named == mine => {}
            named => return Err(Refusal::Fork { version: held, held: mine, offered: named.unwrap_or(its) }),
        }
        if next.terms().issued < self.0.terms().issued {
            return Err(Refusal::Backdated { version: offered });
        }
        Ok(Self(next))
    }

    /// What a chain is verified against; refused once it has expired.
    pub fn anchors(&self, now: Timestamp) -> Result<AnchorSet, Refusal> {
        let terms = self.0.terms();
        if terms.expires <= now {
            return Err(Refusal::Expired { version: terms.version, at: terms.expires });
        }
        Ok(AnchorSet::of_terms(terms))
    }

    pub fn set(&self) -> &SignedSet {
        &self.0
    }
}

/// How many keys of each list signed; the first is the set's own and must reach the set's threshold. Every signature
/// must hold; with `all`, every one must be of a key in the lists.
fn count(set: &SignedSet, lists: &[&JwkSet], all: bool) -> Result<Vec<usize>, Refusal> {
    let version = set.version();
    let bad = |why: String| Refusal::Signature { version, why };
    let mut counted = vec![0; lists.len()];
    for token in set.tokens() {
        let token = token.map_err(|e| bad(e.to_string()))?;
        let kid = jws::kid(&token).map_err(|e| bad(e.to_string()))?;
        let mut known = false;
        for (list, counted) in lists.iter().zip(&mut counted).filter(|(list, _)| list.find(&kid).is_some()) {
            jws::verify(&token, super::signed::TYP, list).map_err(|e| bad(format!("key `{kid}`: {e}")))?;
            *counted += 1;
            known = true;
        }
        if all && !known {
            return Err(bad(format!("key `{kid}` is of neither version")));
        }
    }
    enough(version, version, (counted.first(), set.terms().threshold))?;
    Ok(counted)
}

fn enough(version: u32, of: u32, (has, needs): (Option<&usize>, u8)) -> Result<(), Refusal> {
    let has = has.copied().unwrap_or(0);
    if has >= usize::from(needs) { Ok(()) } else { Err(Refusal::Threshold { version, of, has, needs }) }
}
