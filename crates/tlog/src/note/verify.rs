//! Verification of a note's signatures (C2SP signed-note, Signatures; C2SP tlog-cosignature, Ed25519 signed message).

use crate::{
    cosign,
    note::{Error, KeyKind, Note, SIGNATURE_BYTES, SignatureLine, Vkey},
};

/// A known key that signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub key: Vkey,
    /// When it signed, in seconds since 1970, if it is a cosignature.
    pub time_secs: Option<u64>,
}

impl Note {
    /// Who of the known keys signed, in the order of the lines. Lines by unknown keys are ignored; one by a known key
    /// must verify, and each known key may sign once. That none signed is an error.
    pub fn verify(&self, keys: &[Vkey]) -> Result<Vec<Verified>, Error> {
        check_distinct(keys)?;
        let mut found: Vec<Verified> = Vec::new();
        for line in self.signatures() {
            let Some(key) = keys.iter().find(|key| line.is_by(key)) else { continue };
            if found.iter().any(|verified| verified.key == *key) {
                return Err(Error::Twice(key.name().clone()));
            }
            found.push(self.verify_line(line, key)?);
        }
        if found.is_empty() { Err(Error::Unsigned) } else { Ok(found) }
    }

    fn verify_line(&self, line: &SignatureLine, key: &Vkey) -> Result<Verified, Error> {
        let verified = match key.kind() {
            KeyKind::Ed25519 => signed(self.text(), line, key).then_some(None),
            KeyKind::CosignatureV1 => cosign::signed(self.text(), line, key).map(Some),
        };
        let time_secs = verified.ok_or_else(|| Error::Signature(key.name().clone()))?;
        Ok(Verified { key: key.clone(), time_secs })
    }
}

fn signed(text: &str, line: &SignatureLine, key: &Vkey) -> bool {
    line.bytes().len() == SIGNATURE_BYTES && key.signed(text.as_bytes(), line.bytes())
}

/// Of two keys that a line cannot tell apart, one would go unheard.
fn check_distinct(keys: &[Vkey]) -> Result<(), Error> {
    for (at, key) in keys.iter().enumerate() {
        let same = |other: &&Vkey| other.name() == key.name() && other.key_id() == key.key_id();
        if keys[..at].iter().find(same).is_some_and(|other| other != key) {
            return Err(Error::Ambiguous(key.name().clone()));
        }
    }
    Ok(())
}
