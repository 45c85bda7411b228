//! Emergency denials: what two security officers sign with offline keys where nothing else works any more. They turn a
//! yes about one entity into a no for a day at most, and do nothing else.
//!
//! The file is JSON in canonical form (RFC 8785): `denial`, and `signatures` over its canonical bytes, each a compact
//! JWS whose payload is left out (RFC 7515, appendix F). Whose officers count is for the caller to know.

use std::{collections::HashSet, time::Duration};

use charter_domain::{AuthorityId, EntityId, Timestamp};
use charter_signing::{JwkSet, MAX_KEYS, Signer, jws};
use serde::{Deserialize, Serialize};

use crate::{Error, detached, strict};

/// `typ` of the signatures: what was signed for another purpose is none (RFC 8725, 3.11).
pub const TYP: &str = "charter-emergency-denial+jwt";
/// Longest file in bytes.
pub const MAX_BYTES: usize = 16 * 1024;
/// Longest life, from `iat` to `until`.
pub const MAX_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// How far the clock of whoever signed may be ahead.
pub const SKEW: Duration = Duration::from_secs(60);
/// Officers that must have signed.
pub const THRESHOLD: usize = 2;
/// Most identifiers of the entity.
const MAX_IDS: usize = 8;

/// What is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Under whom: answers of this authority, and those that rest on it.
    pub authority_id: AuthorityId,
    /// Identifiers of one entity, by which it is asked about.
    pub entity_ids: Vec<EntityId>,
    /// A code in `UPPER_SNAKE`, at most 64 characters.
    pub reason: String,
    /// When it was signed, in seconds since 1970.
    pub iat: i64,
    /// When it is over, in seconds since 1970; at most 24 hours after `iat`.
    pub until: i64,
    /// A UUID, in lower case: a denial counts once, however often it arrives.
    pub jti: String,
}

impl Terms {
    fn check(&self) -> Result<(), Error> {
        let refused = |why: &str| Err(Error::Document(why.to_owned()));
        if self.entity_ids.is_empty() || self.entity_ids.len() > MAX_IDS {
            return refused("entity_ids must have 1 to 8 members, all of one entity");
        }
        if !is_code(&self.reason) {
            return refused("reason must be a code in UPPER_SNAKE of at most 64 characters");
        }
        if !is_uuid(&self.jti) {
            return refused("jti must be a UUID in lower case");
        }
        if self.until <= self.iat {
            return refused("until must be later than iat");
        }
        if self.ends().since(self.begins()) > MAX_LIFE || self.iat < 0 {
            return refused("until must be at most 24 hours later than iat");
        }
        Ok(())
    }

    pub fn begins(&self) -> Timestamp {
        Timestamp::from_secs(self.iat)
    }

    /// Not included.
    pub fn ends(&self) -> Timestamp {
        Timestamp::from_secs(self.until)
    }
}

fn is_code(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

fn is_uuid(text: &str) -> bool {
    let fits = |(place, b): (usize, u8)| match place {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    denial: Terms,
    signatures: Vec<String>,
}

/// Why a denial does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("it is over since {0}; sign a new one")]
    Over(Timestamp),
    #[error("it was signed at {0}, which is later than now; check the clocks")]
    Early(Timestamp),
    #[error(
        "it has signatures of {0} of the authority's security officers and needs those of 2; have another one sign it"
    )]
    Unsigned(usize),
    #[error("a signature does not hold: {0}")]
    Signature(String),
}

/// A denial with the signatures that it has, which `verify` looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmergencyDenial {
    terms: Terms,
    /// `header..signature`.
    signatures: Vec<String>,
    /// What is signed.
    canonical: Vec<u8>,
    file: Vec<u8>,
}

fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json_canonicalizer::to_vec(value).map_err(|e| Error::Document(e.to_string()))
}

impl EmergencyDenial {
    /// One that nobody has signed yet.
    pub fn new(terms: Terms) -> Result<Self, Error> {
        Self::build(terms, Vec::new())
    }

    /// INVARIANT: `parse(x)` succeeds only if `to_bytes` gives `x` again, so no byte of a file is ignored.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        let refused = |why: String| Error::Document(why);
        if file.len() > MAX_BYTES {
            return Err(refused(format!("it is longer than {MAX_BYTES} bytes")));
        }
        let File { denial, signatures } = strict::parse(file).map_err(refused)?;
        let read = Self::build(denial, signatures)?;
        if read.file == file {
            return Ok(read);
        }
        let why = "it is not in canonical form (RFC 8785): no white space, no line end, members in order; take the file \
                   as `charterd emergency deny` wrote it";
        Err(refused(why.to_owned()))
    }

    fn build(terms: Terms, signatures: Vec<String>) -> Result<Self, Error> {
        terms.check()?;
        if signatures.len() > MAX_KEYS {
            return Err(Error::Document("it has more signatures than there can be officers".to_owned()));
        }
        let signed = canonical(&terms)?;
        let file = File { denial: terms, signatures };
        let bytes = canonical(&file)?;
        if bytes.len() > MAX_BYTES {
            return Err(Error::Document(format!(
                "it is longer than {MAX_BYTES} bytes: name fewer entity_ids"
            )));
        }
        let File { denial: terms, signatures } = file;
        let built = Self { terms, signatures, canonical: signed, file: bytes };
        let mut seen = HashSet::new();
        if built.signed_by()?.into_iter().all(|kid| seen.insert(kid)) {
            Ok(built)
        } else {
            Err(Error::Document("one key signed it twice".to_owned()))
        }
    }

    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    pub fn to_bytes(&self) -> &[u8] {
        &self.file
    }

    /// Both say the same, whoever has signed them.
    pub fn says_what(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }

    /// Thumbprints of the keys that the signatures name, **unverified**.
    pub fn signed_by(&self) -> Result<Vec<String>, Error> {
        self.signatures.iter().map(|one| Ok(jws::kid(&self.attached(one)?)?)).collect()
    }

    /// With the signature of one more key.
    pub fn sign(self, signer: &dyn Signer) -> Result<Self, Error> {
        let token = signer.sign(TYP, &self.canonical)?;
        let signatures = [self.signatures, vec![detached::without_payload(&token)]].concat();
        Self::build(self.terms, signatures)
    }

    /// That two different officers signed it, and that it holds at `now`. Signatures of others do not count; that of an
    /// officer which does not hold refuses the whole.
    pub fn verify(&self, officers: &JwkSet, now: Timestamp) -> Result<(), Refused> {
        self.is_signed(officers)?;
        let terms = &self.terms;
        if terms.ends() <= now {
            return Err(Refused::Over(terms.ends()));
        }
        if terms.begins().minus(SKEW) > now {
            return Err(Refused::Early(terms.begins()));
        }
        Ok(())
    }

    /// The same, whenever it holds or held.
    pub fn is_signed(&self, officers: &JwkSet) -> Result<(), Refused> {
        let bad = |why: Error| Refused::Signature(why.to_string());
        // INVARIANT: no key stands here twice, see `build`.
        let mut counted = 0;
        for (kid, signature) in self.signed_by().map_err(bad)?.iter().zip(&self.signatures) {
            if officers.find(kid).is_some() {
                let token = self.attached(signature).map_err(bad)?;
                jws::verify(&token, TYP, officers).map_err(|e| bad(e.into()))?;
                counted += 1;
            }
        }
        if counted < THRESHOLD { Err(Refused::Unsigned(counted)) } else { Ok(()) }
    }

    fn attached(&self, signature: &str) -> Result<String, Error> {
        detached::with_payload(signature, &self.canonical).ok_or_else(|| {
            Error::Document("a signature must be a compact JWS without its payload".to_owned())
        })
    }
}

#[cfg(test)]
mod tests;
