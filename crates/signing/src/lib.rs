//! Keys and compact JWS: one algorithm per key, fixed by the key and never by the token (RFC 8725, 3.1).
//!
//! In scope: public keys and sets of them, signing, verifying, a certificate that a key signs for itself, sealing a
//! private key under a key-encryption key, and the file that holds the latter.
//! Out of scope: what the payload means, its times, and who may speak (see `charter-proof`).
//! This is the only crate that knows josekit, and cryptoki (feature `pkcs11`: keys in a token, for servers).

pub mod certificate;
pub mod credential;
pub mod jades;
pub mod jws;
pub mod token;

mod algorithm;
mod base64url;
mod error;
mod kek;
mod key;
mod mac;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod recent;
mod sealed;
pub mod secret;
mod set;
mod signer;
mod store;
mod transport;

#[cfg(feature = "pkcs11")]
pub use crate::pkcs11::{TokenSettings, TokenStore};
pub use crate::{
    algorithm::Algorithm,
    error::Error,
    kek::Kek,
    key::PublicKey,
    mac::MacKey,
    set::{JwkSet, MAX_KEYS},
    signer::{Signer, SoftwareSigner},
    store::{IN_TOKEN, KeyStore, Made, SealedStore, Vault},
    transport::{Chunks, Recipient, TransportKey},
};
