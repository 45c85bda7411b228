//! did:key and did:jwk: the document follows from the DID.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use charter_domain::json;
use futures::FutureExt as _;
use ssi::dids::{DIDJWK, DIDKey, DIDMethodResolver, resolution};

use crate::{Did, Document, Fault, Key};

/// Multibase and multicodec of the kinds of keys that are read here: a DID that begins so must be one.
const KNOWN: [&str; 2] = ["z6Mk", "zDn"];

/// did:key method v0.7. Keys of other kinds are shown in the document, unread.
pub(crate) fn key(did: &Did) -> Result<Document, Fault> {
    let id = did.specific();
    if KNOWN.iter().any(|known| id.starts_with(known)) && Key::from_multibase(id).is_none() {
        return Err(Fault::InvalidDid("must have a key that is one"));
    }
    let output = DIDKey.resolve_method_representation(id, resolution::Options::default()).now_or_never();
    made(did, output)
}

/// did:jwk: the JWK is read strictly before the library reads it.
pub(crate) fn jwk(did: &Did) -> Result<Document, Fault> {
    let id = did.specific();
    let invalid = Fault::InvalidDid("must be a public JWK in base64url, without padding");
    let bytes = URL_SAFE_NO_PAD.decode(id).map_err(|_| invalid)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| invalid)?;
    let jwk = json::parse_strict(text).map_err(|_| invalid)?;
    let ours = jwk["kty"] == "OKP" && jwk["crv"] == "Ed25519" || jwk["kty"] == "EC" && jwk["crv"] == "P-256";
    if ours && Key::from_jwk(&jwk).is_none() {
        return Err(Fault::InvalidDid("must have a key that is one"));
    }
    let mut options = resolution::Options::default();
    options.parameters.public_key_format = Some("JsonWebKey2020".to_owned());
    made(did, DIDJWK.resolve_method_representation(id, options).now_or_never())
}

/// Nothing is awaited in these methods, so there is an output at once.
fn made(
    did: &Did,
    output: Option<Result<resolution::Output<Vec<u8>>, resolution::Error>>,
) -> Result<Document, Fault> {
    let output = output.and_then(Result::ok).ok_or(Fault::InvalidDid("must have a public key"))?;
    Document::parse(did.as_str(), &output.document)
}
