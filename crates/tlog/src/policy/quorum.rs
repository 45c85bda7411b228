//! Whether a checkpoint is believed: signed by a known log, cosigned by a quorum (C2SP tlog-policy).

use crate::{
    checkpoint::SignedCheckpoint,
    cosign::{self, Cosigned},
    note::{self, KeyName, Vkey},
    policy::{Member, Name, Policy},
};

/// A quorum that is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// All known witnesses that cosigned, in the order of the lines.
    pub witnesses: Vec<Cosigned>,
}

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    #[error("the policy knows no log `{origin}`")]
    UnknownLog { origin: String },
    /// A known key's signature does not verify, or no known key of the log signed.
    #[error(transparent)]
    Note(#[from] note::Error),
    #[error("the quorum `{quorum}` is not met: {} cosigned, {} did not", list(.found), list(.absent))]
    Missing { quorum: Name, found: Vec<KeyName>, absent: Vec<KeyName> },
}

fn list(names: &[KeyName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Policy {
    /// Verifies that one of the policy's logs signed, and that the quorum cosigned.
    pub fn verify(&self, signed: &SignedCheckpoint) -> Result<Met, Unmet> {
        let origin = signed.checkpoint().origin();
        let named = self.logs().iter().filter(|log| log.vkey.name().as_str() == origin);
        let keys: Vec<Vkey> = named.map(|log| log.vkey.clone()).collect();
        if keys.is_empty() {
            return Err(Unmet::UnknownLog { origin: origin.to_owned() });
        }
        signed.note().verify(&keys)?;
        self.quorum_met(signed)
    }

    /// Verifies that the quorum cosigned. Who signed for the log is not looked at: [`Policy::verify`] does both.
    pub fn quorum_met(&self, signed: &SignedCheckpoint) -> Result<Met, Unmet> {
        let keys: Vec<Vkey> = self.witnesses().iter().map(|witness| witness.vkey.clone()).collect();
        let verified = match signed.note().verify(&keys) {
            Err(note::Error::Unsigned) => Vec::new(),
            verified => verified?,
        };
        let cosigned: Vec<bool> = keys.iter().map(|key| verified.iter().any(|v| v.key == *key)).collect();
        match self.quorum().filter(|quorum| !self.has_cosigned(*quorum, &cosigned)) {
            None => Ok(Met { witnesses: cosign::times(verified) }),
            Some(quorum) => Err(self.missing(quorum, &cosigned)),
        }
    }

    /// Whether a witness or group did, by which witnesses did.
    pub(super) fn has_cosigned(&self, quorum: Member, witnesses: &[bool]) -> bool {
        let mut groups: Vec<bool> = Vec::new();
        let did = |groups: &[bool], member: &Member| match member {
            Member::Witness(at) => witnesses[*at],
            Member::Group(at) => groups[*at],
        };
        for group in self.groups() {
            let count = group.members.iter().filter(|member| did(&groups, member)).count();
            groups.push(count >= group.threshold);
        }
        did(&groups, &quorum)
    }

    fn missing(&self, quorum: Member, cosigned: &[bool]) -> Unmet {
        let names = |which: bool| {
            let some = self.witnesses().iter().zip(cosigned).filter(|(_, did)| **did == which);
            some.map(|(witness, _)| witness.vkey.name().clone()).collect()
        };
        Unmet::Missing { quorum: self.name(quorum).clone(), found: names(true), absent: names(false) }
    }
}
