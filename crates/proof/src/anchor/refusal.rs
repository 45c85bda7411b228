//! Why a version of the anchor set is refused, and what to do about it.

use charter_domain::Timestamp;

use super::Fingerprint;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "ROLLBACK: version {offered} is older than version {held}, which is held; keep what you have, and tell whoever \
         gave you the older one"
    )]
    Rollback { held: u32, offered: u32 },
    #[error(
        "FORK: there are two different versions {version}, {held} (held) and {offered}; keep both files, rely on no \
         newer one, compare the fingerprints with the printed ones, and tell the holders of the keys"
    )]
    Fork { version: u32, held: Fingerprint, offered: Fingerprint },
    #[error(
        "SKIPPED: version {offered} does not follow version {held} directly; get the versions from {} on and give them in \
         order", .held.saturating_add(1)
    )]
    Skipped { held: u32, offered: u32 },
    #[error(
        "THRESHOLD: version {version} has {has} of the {needs} signatures that it needs by keys of version {of}; do not \
         rely on it, get the published file again"
    )]
    Threshold { version: u32, of: u32, has: usize, needs: u8 },
    #[error(
        "SIGNATURE: a signature of version {version} does not count ({why}); do not rely on it, get the published file \
         again"
    )]
    Signature { version: u32, why: String },
    #[error(
        "BACKDATED: version {version} says that it is older than the one before; do not rely on it, tell the holders of \
         the keys"
    )]
    Backdated { version: u32 },
    #[error(
        "EXPIRED: version {version} expired at {at}; get newer versions with `charter anchors update`, or from where \
         the set is published, and check this machine's clock"
    )]
    Expired { version: u32, at: Timestamp },
    #[error(
        "FINGERPRINT: it is {found}, not {expected}; do not rely on it, and compare again with what was printed"
    )]
    Pin { expected: Fingerprint, found: Fingerprint },
}
