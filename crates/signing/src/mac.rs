//! Message authentication codes under a key of the site: what stands for somebody without naming them.

use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};

use crate::{Error, Kek};

/// A key for one purpose, derived from the key-encryption key: HMAC-SHA256 of the purpose.
#[derive(Clone)]
pub struct MacKey([u8; 32]);

fn hmac<'a>(key: &[u8], parts: impl IntoIterator<Item = &'a [u8]>) -> Result<[u8; 32], Error> {
    let fault = |e: openssl::error::ErrorStack| Error::mac(&e);
    let key = PKey::hmac(key).map_err(fault)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key).map_err(fault)?;
    for part in parts {
        // Length first: no two lists of parts are the same bytes.
        signer.update(&(part.len() as u64).to_be_bytes()).map_err(fault)?;
        signer.update(part).map_err(fault)?;
    }
    let mut mac = [0; 32];
    signer.sign(&mut mac).map_err(fault)?;
    Ok(mac)
}

impl Kek {
    pub fn mac_key(&self, purpose: &str) -> Result<MacKey, Error> {
        hmac(self.bytes(), [purpose.as_bytes()]).map(MacKey)
    }
}

impl MacKey {
    /// The derived key itself, for another purpose than codes.
    pub(crate) fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Of texts in order, lower-case hex.
    pub fn hex(&self, parts: &[&str]) -> Result<String, Error> {
        let mac = hmac(&self.0, parts.iter().map(|p| p.as_bytes()))?;
        Ok(mac.iter().map(|b| format!("{b:02x}")).collect())
    }
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_depends_on_key_purpose_and_each_part() {
        let kek = Kek::generate();
        let key = kek.mac_key("one").expect("a key");
        let code = key.hex(&["ab", "c"]).expect("a code");
        assert_eq!(code.len(), 64);
        assert_eq!(kek.mac_key("one").expect("a key").hex(&["ab", "c"]).expect("a code"), code);
        assert_ne!(key.hex(&["a", "bc"]).expect("a code"), code);
        assert_ne!(kek.mac_key("two").expect("a key").hex(&["ab", "c"]).expect("a code"), code);
        assert_ne!(Kek::generate().mac_key("one").expect("a key").hex(&["ab", "c"]).expect("a code"), code);
    }
}
