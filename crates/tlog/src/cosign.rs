//! Cosignatures of witnesses, type `cosignature/v1` (C2SP tlog-cosignature).

use crate::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    note::{self, KeyKind, KeyName, NoteSigner, SignError, SignatureLine, Vkey},
};

/// Latest time of a cosignature, in seconds since 1970.
pub const MAX_TIME: u64 = i64::MAX as u64;

/// A witness that says: at this time, this was the largest consistent tree of the log that I had seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    pub name: KeyName,
    /// Seconds since 1970, by the witness's clock.
    pub time_secs: u64,
}

/// What a witness signs: a header, the time, and the text of the checkpoint.
fn message(time_secs: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time_secs}\n{text}")
}

/// The time of a cosignature over a note's text, if it is by this key.
pub(crate) fn signed(text: &str, line: &SignatureLine, key: &Vkey) -> Option<u64> {
    let (time, signature) = line.bytes().split_first_chunk()?;
    let time_secs = u64::from_be_bytes(*time);
    let whole = time_secs <= MAX_TIME && signature.len() == note::SIGNATURE_BYTES;
    (whole && key.signed(message(time_secs, text).as_bytes(), signature)).then_some(time_secs)
}

/// Cosigns a checkpoint at a time in seconds since 1970; the signer's key is of type 0x04.
pub fn cosign(
    checkpoint: &Checkpoint,
    time_secs: u64,
    signer: &NoteSigner<'_>,
) -> Result<SignatureLine, SignError> {
    signer.check_kind(KeyKind::CosignatureV1)?;
    if !(1..=MAX_TIME).contains(&time_secs) {
        return Err(SignError::Time);
    }
    let signature = signer.sign_bytes(message(time_secs, &checkpoint.to_string()).as_bytes())?;
    let bytes = [&time_secs.to_be_bytes()[..], &signature].concat();
    Ok(SignatureLine::new(signer.vkey(), bytes))
}

/// The cosignatures by known witnesses, in the order of the lines; none is an error, as is one that does not verify.
pub fn verify(checkpoint: &SignedCheckpoint, witnesses: &[Vkey]) -> Result<Vec<Cosigned>, note::Error> {
    checkpoint.note().verify(witnesses).map(times)
}

/// Those of verified signatures that are cosignatures.
pub(crate) fn times(verified: Vec<note::Verified>) -> Vec<Cosigned> {
    let cosigned = |v: note::Verified| Some(Cosigned { time_secs: v.time_secs?, name: v.key.name().clone() });
    verified.into_iter().filter_map(cosigned).collect()
}

impl SignedCheckpoint {
    /// With these signatures added: the log's own stay first, the others are sorted by name and key ID. One by a key
    /// that is there already takes the place of the former. They are not verified here.
    pub fn with_signatures(&self, added: &[SignatureLine]) -> Result<Self, note::Error> {
        let own = |line: &&SignatureLine| line.name().as_str() == self.checkpoint().origin();
        let (mut all, others): (Vec<_>, Vec<_>) = self.note().signatures().iter().partition(own);
        let mut sorted = std::collections::BTreeMap::new();
        for line in others.into_iter().chain(added.iter().filter(|line| !own(line))) {
            sorted.insert((line.name(), line.key_id()), line);
        }
        all.extend(sorted.into_values());
        self.with_lines(all.into_iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests;
