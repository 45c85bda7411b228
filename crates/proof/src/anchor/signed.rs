//! A version of the anchor set, signed by offline keys as a TUF root is (TUF 1.0.33, 4.3 and 5.3).
//!
//! The file is JSON in canonical form (RFC 8785): `signed`, and `signatures` over its canonical bytes, each a compact
//! JWS whose payload is left out (RFC 7515, appendix F).

use std::collections::HashSet;

use charter_domain::Timestamp;
use charter_signing::{JwkSet, MAX_KEYS, Signer, jws};
use serde::{Deserialize, Serialize};

use super::{Anchor, Fingerprint, check_anchors};
use crate::{Error, detached, strict};

/// What `signed.format` is; 1 is the list without signatures.
pub const FORMAT: u8 = 2;
/// Type of the signatures: what was signed for another purpose is none (RFC 8725, 3.11).
pub const TYP: &str = "trust-anchors+jws";
/// Longest file in bytes; four authorities with two keys each have 5 KiB.
pub const MAX_BYTES: usize = 128 * 1024;
/// The keys of a version and those of the version before.
const MAX_SIGNATURES: usize = 2 * MAX_KEYS;

/// What a version says: the keys that sign it, and the authorities that it lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    pub format: u8,
    /// Counted from 1, without a gap.
    pub version: u32,
    /// Fingerprint of the version before; absent in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Fingerprint>,
    pub issued: Timestamp,
    /// From then on verifiers refuse the set.
    pub expires: Timestamp,
    /// How many of `jwks` must sign this version, and how many of them the next.
    pub threshold: u8,
    /// The offline keys. They sign nothing but versions of this set.
    pub jwks: JwkSet,
    pub anchors: Vec<Anchor>,
}

impl Terms {
    fn check(&self) -> Result<(), Error> {
        let refused = |why: &str| Err(Error::AnchorSet(why.to_owned()));
        if self.format != FORMAT {
            return refused("its format is not 2; newer sets need a newer program");
        }
        if self.version == 0 || (self.version == 1) != self.previous.is_none() {
            return refused("versions count from 1, and each but the first names the one before");
        }
        // One spelling for each instant.
        if [self.issued, self.expires]
            .iter()
            .any(|at| at.micros() != Timestamp::from_secs(at.secs()).micros())
        {
            return refused("its times must be whole seconds");
        }
        if self.expires <= self.issued {
            return refused("it must expire later than it is issued");
        }
        if self.threshold == 0 || usize::from(self.threshold) > self.jwks.keys.len() {
            return refused("the threshold must be at least 1 and at most the number of keys");
        }
        check_anchors(&self.anchors)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    signed: Terms,
    signatures: Vec<String>,
}

/// A version with the signatures that it has, which are not verified here: [`super::Believed`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedSet {
    terms: Terms,
    /// `header..signature`.
    signatures: Vec<String>,
    /// What is signed.
    canonical: Vec<u8>,
    file: Vec<u8>,
}

fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json_canonicalizer::to_vec(value).map_err(|e| Error::AnchorSet(e.to_string()))
}

impl SignedSet {
    /// A version that nobody has signed yet.
    pub fn new(terms: Terms) -> Result<Self, Error> {
        Self::build(terms, Vec::new())
    }

    /// INVARIANT: `parse(x)` succeeds only if `to_bytes` gives `x` again, so no byte of a file is ignored.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        let refused = |why: String| Error::AnchorSet(why);
        if file.len() > MAX_BYTES {
            return Err(refused(format!("it is longer than {MAX_BYTES} bytes")));
        }
        let File { signed, signatures } = strict::parse(file).map_err(refused)?;
        let set = Self::build(signed, signatures)?;
        if set.file == file {
            Ok(set)
        } else {
            let why = "it is not in canonical form (RFC 8785): no white space, no line end, members in order; take the \
                       file as it was published";
            Err(refused(why.to_owned()))
        }
    }

    fn build(terms: Terms, signatures: Vec<String>) -> Result<Self, Error> {
        terms.check()?;
        let refused = |why: &str| Err(Error::AnchorSet(why.to_owned()));
        if signatures.len() > MAX_SIGNATURES {
            return refused("it has more signatures than there can be keys");
        }
        let canonical_terms = canonical(&terms)?;
        let file = File { signed: terms, signatures };
        let bytes = canonical(&file)?;
        if bytes.len() > MAX_BYTES {
            return refused("it is longer than 128 KiB: list fewer authorities");
        }
        let File { signed: terms, signatures } = file;
        let set = Self { terms, signatures, canonical: canonical_terms, file: bytes };
        let mut seen = HashSet::new();
        if set.signed_by()?.into_iter().all(|kid| seen.insert(kid)) {
            Ok(set)
        } else {
            refused("one key signed it twice")
        }
    }

    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    pub fn version(&self) -> u32 {
        self.terms.version
    }

    /// Of what it says, whoever has signed it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.canonical)
    }

    pub fn to_bytes(&self) -> &[u8] {
        &self.file
    }

    /// Thumbprints of the keys that the signatures name, **unverified**.
    pub fn signed_by(&self) -> Result<Vec<String>, Error> {
        self.signatures.iter().map(|one| Ok(jws::kid(&self.attached(one)?)?)).collect()
    }

    /// The set with the signature of one more key.
    pub fn sign(self, signer: &dyn Signer) -> Result<Self, Error> {
        let token = signer.sign(TYP, &self.canonical)?;
        let signed = [self.signatures, vec![detached::without_payload(&token)]].concat();
        Self::build(self.terms, signed)
    }

    /// The set with the signatures of another copy of the same version besides; of one key, one is kept.
    pub fn merge(self, other: &Self) -> Result<Self, Error> {
        if other.canonical != self.canonical {
            let (one, two) = (self.fingerprint(), other.fingerprint());
            return Err(Error::AnchorSet(format!("the copies do not say the same: {one} and {two}")));
        }
        let held = self.signed_by()?;
        let mut signatures = self.signatures;
        for (kid, signature) in other.signed_by()?.iter().zip(&other.signatures) {
            if !held.contains(kid) {
                signatures.push(signature.clone());
            }
        }
        Self::build(self.terms, signatures)
    }

    /// The signatures as whole tokens.
    pub(super) fn tokens(&self) -> impl Iterator<Item = Result<String, Error>> {
        self.signatures.iter().map(|one| self.attached(one))
    }

    fn attached(&self, signature: &str) -> Result<String, Error> {
        detached::with_payload(signature, &self.canonical).ok_or_else(|| {
            Error::AnchorSet("a signature must be a compact JWS without its payload".to_owned())
        })
    }
}

/// Whether the JSON is of the form with signatures at all.
pub(super) fn has_signatures(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        signed: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Probe>(json).is_ok_and(|probe| probe.signed.is_some())
}
