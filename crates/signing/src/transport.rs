//! Secrets on their way from one site, or person, to another: sealed to a key pair of who receives them (RFC 7518, 4.6:
//! ECDH-ES+A256KW over P-256), and chunks of which none can be changed, left out, doubled or moved (AES-256-GCM).

use std::path::Path;

use josekit::{
    jwe::{self, ECDH_ES_A256KW, JweHeader},
    jwk::{
        Jwk, KeyPair as _,
        alg::ec::{EcCurve, EcKeyPair},
    },
};
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Algorithm, Error, Kek, PublicKey, base64url::decode, sealed, secret};

/// As of [`sealed`]: a key of 32 bytes in five parts is far below it.
const MAX_BYTES: usize = 4 * 1024;
const TAG: usize = 16;
const NONCE: usize = 12;
/// Public members of a key on P-256 (RFC 7518, 6.2.1).
const MEMBERS: [&str; 4] = ["crv", "kty", "x", "y"];

fn refused(why: &str) -> Error {
    Error::Sealed(why.to_owned())
}

/// The receiving site, as others know it.
#[derive(Debug, Clone)]
pub struct Recipient(PublicKey);

impl Recipient {
    /// From a public JWK on P-256, in JSON.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let jwk: Value =
            serde_json::from_slice(json).map_err(|_| Error::Key("it is not a JWK in JSON".to_owned()))?;
        let key = PublicKey::from_jwk(&jwk)?;
        match key.algorithm() {
            Algorithm::Es256 => Ok(Self(key)),
            Algorithm::EdDsa => Err(Error::Key("a receiving site has a key on P-256".to_owned())),
        }
    }

    /// The public JWK: nothing in it is secret.
    pub fn to_json(&self) -> String {
        Value::Object(self.members()).to_string()
    }

    /// RFC 7638 SHA-256 thumbprint, base64url: what people compare and approve.
    pub fn thumbprint(&self) -> &str {
        self.0.thumbprint()
    }

    /// A key-encryption key that only this site can open.
    pub fn seal(&self, kek: &Kek) -> Result<String, Error> {
        self.seal_bytes(kek.bytes())
    }

    /// What is sealed to another recipient already, sealed to this one too: it takes both to open it.
    pub fn seal_over(&self, token: &str) -> Result<String, Error> {
        self.seal_bytes(token.as_bytes())
    }

    fn seal_bytes(&self, content: &[u8]) -> Result<String, Error> {
        let failed = |_| refused("it could not be sealed");
        let jwk = Jwk::from_map(self.members()).map_err(failed)?;
        let encrypter = ECDH_ES_A256KW.encrypter_from_jwk(&jwk).map_err(failed)?;
        let mut header = JweHeader::new();
        header.set_content_encryption("A256GCM");
        jwe::serialize_compact(content, &header, &encrypter).map_err(failed)
    }

    /// Without what says that it signs: the library takes no such key for this.
    fn members(&self) -> Map<String, Value> {
        let jwk = self.0.to_jwk();
        let member = |name: &str| (name.to_owned(), jwk[name].clone());
        MEMBERS.map(member).into_iter().collect()
    }
}

/// The receiving site's own half.
pub struct TransportKey {
    private: Map<String, Value>,
    recipient: Recipient,
}

impl TransportKey {
    /// A new one from the operating system's randomness.
    pub fn generate() -> Result<Self, Error> {
        let failed = |_| Error::Key("a new key could not be made".to_owned());
        let made = EcKeyPair::generate(EcCurve::P256).map_err(failed)?;
        Self::from_members(&made.to_jwk_key_pair().into())
    }

    /// As it is kept: ciphertext under the site's own key-encryption key.
    pub fn to_sealed(&self, kek: &Kek) -> Result<String, Error> {
        sealed::seal(Value::Object(self.private.clone()).to_string().as_bytes(), kek)
    }

    pub fn from_sealed(text: &str, kek: &Kek) -> Result<Self, Error> {
        let opened = sealed::open(text, kek)?;
        let members = serde_json::from_slice(&opened).map_err(|_| refused("it is no transport key"))?;
        Self::from_members(&members)
    }

    /// As somebody keeps it offline: the private JWK, in JSON.
    pub fn to_secret_json(&self) -> String {
        Value::Object(self.private.clone()).to_string()
    }

    /// Reads such a file, of mode 0600 or stricter.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = secret::read(path, MAX_BYTES as u64)?;
        let members =
            serde_json::from_str(&text).map_err(|_| Error::io(path, &"is no private JWK in JSON"))?;
        Self::from_members(&members).map_err(|e| Error::io(path, &e))
    }

    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// What was sealed to [`Self::recipient`].
    pub fn open(&self, token: &str) -> Result<Kek, Error> {
        Kek::from_bytes(&self.open_bytes(token)?).ok_or_else(|| refused("it does not hold a key of 32 bytes"))
    }

    /// What was sealed over another seal ([`Recipient::seal_over`]): the inner one.
    pub fn open_over(&self, token: &str) -> Result<String, Error> {
        String::from_utf8(self.open_bytes(token)?).map_err(|_| refused("it does not hold a seal"))
    }

    fn open_bytes(&self, token: &str) -> Result<Vec<u8>, Error> {
        check_form(token)?;
        let wrong = |_| refused("it is sealed to another site, or was changed");
        let jwk = Jwk::from_map(self.private.clone()).map_err(wrong)?;
        let decrypter = ECDH_ES_A256KW.decrypter_from_jwk(&jwk).map_err(wrong)?;
        jwe::deserialize_compact(token, &decrypter).map(|(content, _)| content).map_err(wrong)
    }

    fn from_members(members: &Map<String, Value>) -> Result<Self, Error> {
        let public: Map<String, Value> = members
            .iter()
            .filter(|(name, _)| MEMBERS.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let recipient = Recipient::parse(Value::Object(public.clone()).to_string().as_bytes())?;
        let d =
            members.get("d").cloned().ok_or_else(|| Error::Key("it has no private part `d`".to_owned()))?;
        let mut private = public;
        private.insert("d".to_owned(), d);
        Ok(Self { private, recipient })
    }
}

impl std::fmt::Debug for TransportKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransportKey").field("recipient", &self.recipient).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    enc: String,
    #[serde(rename = "epk")]
    _ephemeral: Map<String, Value>,
}

/// One form only: the library follows `zip` and other algorithms by itself.
fn check_form(token: &str) -> Result<(), Error> {
    if token.len() > MAX_BYTES {
        return Err(refused("it is too long"));
    }
    let header = token.split('.').next().and_then(decode).unwrap_or_default();
    match serde_json::from_slice::<Header>(&header) {
        Ok(h) if h.alg == "ECDH-ES+A256KW" && h.enc == "A256GCM" => Ok(()),
        _ => Err(refused("its header must be exactly alg `ECDH-ES+A256KW`, enc `A256GCM` and epk")),
    }
}

/// Chunks of one stream under one key, which is used for no other stream.
pub struct Chunks {
    key: [u8; 32],
    context: Vec<u8>,
    next: u64,
}

impl Chunks {
    /// `context` is authenticated with each chunk: a chunk of another stream does not open.
    pub fn new(kek: &Kek, context: &[u8]) -> Result<Self, Error> {
        let key = kek.mac_key("chunks of a stream")?.bytes();
        Ok(Self { key, context: context.to_vec(), next: 0 })
    }

    /// The next chunk; after the last there is none.
    pub fn seal(&mut self, chunk: &[u8], last: bool) -> Result<Vec<u8>, Error> {
        let nonce = self.nonce(last);
        let mut tag = [0; TAG];
        let cipher = Cipher::aes_256_gcm();
        let sealed = encrypt_aead(cipher, &self.key, Some(&nonce), &self.context, chunk, &mut tag);
        let mut sealed = sealed.map_err(|_| refused("a chunk could not be sealed"))?;
        sealed.extend_from_slice(&tag);
        self.next += 1;
        Ok(sealed)
    }

    /// The next chunk as it was sealed, and only where it was the last there too.
    pub fn open(&mut self, sealed: &[u8], last: bool) -> Result<Vec<u8>, Error> {
        let wrong = || refused("a chunk was changed, is missing or stands elsewhere");
        let end = sealed.len().checked_sub(TAG).ok_or_else(wrong)?;
        let (chunk, tag) = sealed.split_at(end);
        let nonce = self.nonce(last);
        let opened = decrypt_aead(Cipher::aes_256_gcm(), &self.key, Some(&nonce), &self.context, chunk, tag);
        self.next += 1;
        opened.map_err(|_| wrong())
    }

    /// The number of the chunk, and whether it is the last: each nonce is used once under this key.
    fn nonce(&self, last: bool) -> [u8; NONCE] {
        let mut nonce = [0; NONCE];
        nonce[..8].copy_from_slice(&self.next.to_be_bytes());
        nonce[NONCE - 1] = u8::from(last);
        nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_site_it_is_sealed_to_opens_it() {
        let (kek, own) = (Kek::generate(), Kek::generate());
        let site = TransportKey::generate().expect("a key");
        let token = site.recipient().seal(&kek).expect("sealed");
        let kept = TransportKey::from_sealed(&site.to_sealed(&own).expect("kept"), &own).expect("found");
        assert_eq!(kept.open(&token).expect("opens").bytes(), kek.bytes());
        assert!(TransportKey::generate().expect("a key").open(&token).is_err(), "another site");
        let known = Recipient::parse(site.recipient().to_json().as_bytes()).expect("a recipient");
        assert_eq!(known.thumbprint(), site.recipient().thumbprint());
        assert!(!site.recipient().to_json().contains("\"d\""));
        assert!(kept.open(&kek.seal(kek.bytes()).expect("sealed")).is_err(), "another algorithm");
    }

    #[test]
    fn what_is_sealed_twice_takes_both() {
        let kek = Kek::generate();
        let [one, two] = [(); 2].map(|()| TransportKey::generate().expect("a key"));
        let inner = one.recipient().seal(&kek).expect("sealed");
        let token = two.recipient().seal_over(&inner).expect("sealed");
        assert!(one.open(&token).is_err() && two.open(&token).is_err(), "neither alone");
        assert!(one.open_over(&token).is_err(), "in the wrong order");
        let opened = one.open(&two.open_over(&token).expect("opens")).expect("opens");
        assert_eq!(opened.bytes(), kek.bytes());
        assert!(token.len() < MAX_BYTES / 2, "{}", token.len());
    }

    #[test]
    fn a_key_that_is_kept_offline_is_found_again() {
        use std::os::unix::fs::PermissionsExt as _;
        let (kek, key) = (Kek::generate(), TransportKey::generate().expect("a key"));
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        let mode =
            |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        std::fs::write(&path, key.to_secret_json()).expect("written");
        mode(0o644);
        assert!(TransportKey::load(&path).is_err(), "others could read it");
        mode(0o600);
        let found = TransportKey::load(&path).expect("a key");
        let token = key.recipient().seal(&kek).expect("sealed");
        assert_eq!(found.open(&token).expect("opens").bytes(), kek.bytes());
        std::fs::write(&path, key.recipient().to_json()).expect("written");
        assert!(TransportKey::load(&path).is_err(), "the public half");
    }

    #[test]
    fn chunks_come_whole_and_in_order_or_not_at_all() {
        let kek = Kek::generate();
        let stream = || Chunks::new(&kek, b"one").expect("a stream");
        let mut writing = stream();
        let sealed = [writing.seal(b"a", false), writing.seal(b"b", true)].map(|c| c.expect("sealed"));
        let mut reading = stream();
        assert_eq!(reading.open(&sealed[0], false).expect("opens"), b"a");
        assert_eq!(reading.open(&sealed[1], true).expect("opens"), b"b");
        assert!(stream().open(&sealed[1], false).is_err(), "moved");
        assert!(stream().open(&sealed[0], true).is_err(), "cut short");
        assert!(Chunks::new(&kek, b"two").expect("a stream").open(&sealed[0], false).is_err(), "elsewhere");
        for at in 0..sealed[0].len() {
            let mut changed = sealed[0].clone();
            changed[at] ^= 1;
            assert!(stream().open(&changed, false).is_err(), "byte {at}");
        }
        assert!(stream().open(b"short", false).is_err());
    }
}
