//! Rehoming: a registry moves from one deployment to another, with history, log and keys.

use std::time::Duration;

use crate::Invalid;

/// How long after its approval a registry may be exported.
pub const ALLOWED_FOR: Duration = Duration::from_secs(14 * 86_400);

/// Characters of a SHA-256 in base64url without padding.
const THUMBPRINT: usize = 43;

/// The thumbprint of a receiving site's key.
///
/// # Errors
/// `INVALID` where it has not the form of one.
pub fn recipient(text: &str) -> Result<String, Invalid> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if text.len() == THUMBPRINT && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    let reason =
        "must be the thumbprint of a receiving site's key, 43 characters; `charterd rehome key` prints it";
    Err(Invalid::new("recipient", reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_a_thumbprint() {
        let good = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(recipient(good).as_deref(), Ok(good));
        for bad in ["", &good[1..], "NzbLsXh8uDCcd-6MNwXF4W/7noWXFZAfHkxZsRGC9Xs", &format!("{good}A")] {
            assert!(recipient(bad).is_err(), "{bad}");
        }
    }
}
