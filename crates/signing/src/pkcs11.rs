//! Private keys in a PKCS#11 token: made there, never out of it, signing there. P-256, and Ed25519.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use cryptoki::{
    context::{CInitializeArgs, Pkcs11},
    error::{Error as Fault, RvError},
    mechanism::{
        Mechanism, MechanismType,
        eddsa::{EddsaParams, EddsaSignatureScheme},
    },
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    slot::Slot,
    types::AuthPin,
};
use openssl::sha::sha256;
use serde_json::json;

use crate::{
    Algorithm, Error, KeyStore, Made, PublicKey, Signer,
    algorithm::SIGNATURE_BYTES,
    base64url::{decode_exact, encode},
    jws, secret, signer,
};

/// Before the key's id, in what is kept of it: the form of RFC 7512.
const PREFIX: &str = "pkcs11:object=";
/// Sessions held open for the next who signs.
const IDLE: usize = 8;
/// The object identifier of P-256, in DER (RFC 5480, 2.1.1.1).
const P256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// The object identifier of Ed25519, in DER (RFC 8410, 3).
const ED25519: [u8; 5] = [0x06, 0x03, 0x2B, 0x65, 0x70];
const MAX_PIN: u64 = 256;

/// Where the token is, and how it is opened.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The library that its maker gives.
    pub module: PathBuf,
    /// What the token is called.
    pub label: String,
    /// Holds the user's PIN; mode 0600.
    pub pin_file: PathBuf,
}

/// Keys in one token.
pub struct TokenStore(Arc<Token>);

struct Token {
    context: Pkcs11,
    slot: Slot,
    pin: AuthPin,
    /// The token stays signed in to while one of them is open.
    idle: Mutex<Vec<Seat>>,
}

/// A session, and where it found the keys.
struct Seat {
    session: Session,
    handles: HashMap<String, ObjectHandle>,
}

fn refused(fault: impl fmt::Display) -> Error {
    Error::Token(fault.to_string())
}

impl TokenStore {
    /// Loads the module, finds the token by its label and signs in, once: a wrong PIN is not tried again.
    pub fn open(settings: &TokenSettings) -> Result<Self, Error> {
        let pin = secret::read(&settings.pin_file, MAX_PIN)?;
        let context = module(&settings.module)?;
        let slot = find(&context, &settings.label)?;
        let token = Token { context, slot, pin: AuthPin::new(pin), idle: Mutex::default() };
        let seat = token.seat()?;
        token.put_back(seat);
        Ok(Self(Arc::new(token)))
    }
}

/// Modules are initialized once in a process, and whoever opens one again shares it (PKCS#11, 5.4: `C_Finalize` would end it
/// for everybody).
static MODULES: Mutex<Vec<(PathBuf, Pkcs11)>> = Mutex::new(Vec::new());

fn module(path: &Path) -> Result<Pkcs11, Error> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = modules.iter().find(|(known, _)| known == path) {
        return Ok(known.clone());
    }
    let context =
        Pkcs11::new(path).map_err(|e| refused(format!("`{}` is not its module: {e}", path.display())))?;
    context.initialize(CInitializeArgs::OsThreads).map_err(refused)?;
    modules.push((path.to_owned(), context.clone()));
    Ok(context)
}

fn find(context: &Pkcs11, label: &str) -> Result<Slot, Error> {
    let slots = context.get_slots_with_initialized_token().map_err(refused)?;
    let mut labels = Vec::new();
    for slot in &slots {
        labels.push(context.get_token_info(*slot).map_err(refused)?.label().to_owned());
    }
    let mut found = slots.iter().zip(&labels).filter(|(_, known)| *known == label);
    match (found.next(), found.next()) {
        (Some((slot, _)), None) => Ok(*slot),
        (Some(_), Some(_)) => Err(refused(format!("two tokens are called `{label}`"))),
        (None, _) => Err(refused(format!("no token is called `{label}`; there are {labels:?}"))),
    }
}

impl Token {
    fn session(&self, writes: bool) -> Result<Session, Error> {
        let opened = if writes {
            self.context.open_rw_session(self.slot)
        } else {
            self.context.open_ro_session(self.slot)
        };
        let session = opened.map_err(refused)?;
        match session.login(UserType::User, Some(&self.pin)) {
            // Whoever signs in signs in for all sessions of the process.
            Ok(()) | Err(Fault::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(e) => Err(refused(format!("its PIN is not taken: {e}"))),
        }
    }

    fn seat(&self) -> Result<Seat, Error> {
        Ok(Seat { session: self.session(false)?, handles: HashMap::new() })
    }

    fn put_back(&self, seat: Seat) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(seat);
        }
    }

    /// A session may have ended with the token's last restart: it is tried in a new one too.
    fn with<T>(&self, work: impl Fn(&mut Seat) -> Result<T, Error>) -> Result<T, Error> {
        let held = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut seat) = held {
            if let Ok(done) = work(&mut seat) {
                self.put_back(seat);
                return Ok(done);
            }
            drop(seat);
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        let mut seat = self.seat()?;
        let done = work(&mut seat)?;
        self.put_back(seat);
        Ok(done)
    }

    fn sign(&self, key: &PublicKey, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.with(|seat| {
            let private = seat.private(key.kid())?;
            let signed = match key.algorithm() {
                Algorithm::Es256 => seat.session.sign(&Mechanism::Ecdsa, private, &sha256(message)),
                Algorithm::EdDsa => {
                    let pure = EddsaParams::new(EddsaSignatureScheme::Pure);
                    seat.session.sign(&Mechanism::Eddsa(pure), private, message)
                }
            };
            let signature = signed.map_err(refused)?;
            if signature.len() == SIGNATURE_BYTES {
                Ok(signature)
            } else {
                Err(refused("its signature has not 64 bytes"))
            }
        })
    }
}

impl Seat {
    fn private(&mut self, kid: &str) -> Result<ObjectHandle, Error> {
        if let Some(known) = self.handles.get(kid) {
            return Ok(*known);
        }
        let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), label(kid)];
        match self.session.find_objects(&template).map_err(refused)?[..] {
            [found] => {
                only_inside(&self.session, found)?;
                self.handles.insert(kid.to_owned(), found);
                Ok(found)
            }
            [] => Err(refused(format!("it holds no private key `{kid}`"))),
            _ => Err(refused(format!("it holds more than one private key `{kid}`"))),
        }
    }
}

fn label(kid: &str) -> Attribute {
    Attribute::Label(kid.as_bytes().to_vec())
}

/// A key that could be read out of the token is none that is kept in it.
fn only_inside(session: &Session, key: ObjectHandle) -> Result<(), Error> {
    let asked = [AttributeType::Sensitive, AttributeType::Extractable];
    let said = session.get_attributes(key, &asked).map_err(refused)?;
    if said.contains(&Attribute::Sensitive(true)) && said.contains(&Attribute::Extractable(false)) {
        Ok(())
    } else {
        Err(refused("it would give the private key away: it must be sensitive and not extractable"))
    }
}

/// The public key of a pair that was just made.
fn public(session: &Session, key: ObjectHandle, algorithm: Algorithm) -> Result<PublicKey, Error> {
    let said = session.get_attributes(key, &[AttributeType::EcPoint]).map_err(refused)?;
    let Some(Attribute::EcPoint(bytes)) = said.first() else {
        return Err(refused("it does not tell the public key"));
    };
    let jwk = match algorithm {
        Algorithm::Es256 => {
            let point =
                point(bytes).ok_or_else(|| refused("its public key is no uncompressed point of P-256"));
            let (x, y) = point?;
            json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
        }
        Algorithm::EdDsa => {
            let x = edwards(bytes).ok_or_else(|| refused("its public key is none of Ed25519"))?;
            json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(x) })
        }
    };
    PublicKey::from_jwk(&jwk)
}

/// A public key of Ed25519, in an OCTET STRING (PKCS#11 3.0, 2.3.5) or bare.
fn edwards(bytes: &[u8]) -> Option<&[u8]> {
    let bare = bytes.strip_prefix(&[0x04, 0x20]).filter(|rest| rest.len() == 32).unwrap_or(bytes);
    (bare.len() == 32).then_some(bare)
}

/// An uncompressed point, in an OCTET STRING (PKCS#11 2.40, 2.3.3); some modules give it bare.
fn point(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let bare = bytes.strip_prefix(&[0x04, 0x41]).filter(|rest| rest.len() == 65).unwrap_or(bytes);
    let coordinates = bare.strip_prefix(&[0x04]).filter(|rest| rest.len() == 64)?;
    Some(coordinates.split_at(32))
}

/// Gives both halves the key's id as their name, by which they are found again.
fn name(session: &Session, halves: [ObjectHandle; 2], algorithm: Algorithm) -> Result<PublicKey, Error> {
    only_inside(session, halves[1])?;
    let key = public(session, halves[0], algorithm)?;
    let id = decode_exact::<32>(key.kid()).ok_or_else(|| refused("its key has no thumbprint"))?;
    for half in halves {
        let names = [label(key.kid()), Attribute::Id(id.to_vec())];
        session.update_attributes(half, &names).map_err(refused)?;
    }
    Ok(key)
}

/// Whether these mechanisms make keys of an algorithm and sign with them.
fn suffice(mechanisms: &[MechanismType], algorithm: Algorithm) -> bool {
    let needed = match algorithm {
        Algorithm::Es256 => [MechanismType::ECC_KEY_PAIR_GEN, MechanismType::ECDSA],
        Algorithm::EdDsa => [MechanismType::ECC_EDWARDS_KEY_PAIR_GEN, MechanismType::EDDSA],
    };
    needed.iter().all(|one| mechanisms.contains(one))
}

impl KeyStore for TokenStore {
    fn makes(&self, algorithm: Algorithm) -> Result<bool, Error> {
        let mechanisms = self.0.context.get_mechanism_list(self.0.slot).map_err(refused)?;
        Ok(suffice(&mechanisms, algorithm))
    }

    fn generate(&self, algorithm: Algorithm) -> Result<Made, Error> {
        let (kind, curve, mechanism) = match algorithm {
            Algorithm::Es256 => (KeyType::EC, P256.to_vec(), Mechanism::EccKeyPairGen),
            Algorithm::EdDsa => (KeyType::EC_EDWARDS, ED25519.to_vec(), Mechanism::EccEdwardsKeyPairGen),
        };
        let session = self.0.session(true)?;
        let public = [
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::KeyType(kind),
            Attribute::EcParams(curve),
            Attribute::Verify(true),
        ];
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
        ];
        let made = session.generate_key_pair(&mechanism, &public, &private);
        let (public, private) = made.map_err(|e| refused(format!("it makes no key of {algorithm}: {e}")))?;
        let named = name(&session, [public, private], algorithm);
        if named.is_err() {
            for half in [public, private] {
                // What went wrong before is what matters.
                let _ = session.destroy_object(half);
            }
        }
        let key = named?;
        let kept = format!("{PREFIX}{}", key.kid());
        let signer = self.open(&key, &kept)?;
        Ok(Made { signer, kept })
    }

    fn open(&self, key: &PublicKey, kept: &str) -> Result<Arc<dyn Signer>, Error> {
        if kept.strip_prefix(PREFIX) != Some(key.kid()) {
            return Err(refused("what is kept names another key"));
        }
        let signer = TokenSigner { key: key.clone(), token: Arc::clone(&self.0) };
        let probe = b"charter key check";
        if signer.key.verifies(probe, &signer.token.sign(key, probe)?) {
            Ok(Arc::new(signer))
        } else {
            Err(refused(format!("its private key `{}` is of another public key", key.kid())))
        }
    }

    fn discard(&self, kept: &str) -> Result<(), Error> {
        let kid = kept.strip_prefix(PREFIX).ok_or_else(|| refused("what is kept names no key in it"))?;
        let session = self.0.session(true)?;
        for half in session.find_objects(&[label(kid)]).map_err(refused)? {
            session.destroy_object(half).map_err(refused)?;
        }
        Ok(())
    }
}

/// A private key that this process can use and not see.
struct TokenSigner {
    key: PublicKey,
    token: Arc<Token>,
}

impl Signer for TokenSigner {
    fn key(&self) -> &PublicKey {
        &self.key
    }

    fn sign(&self, typ: &str, payload: &[u8]) -> Result<String, Error> {
        let header = (self.key.algorithm().as_str(), self.key.kid(), typ);
        jws::assemble(header, payload, |signed| self.token.sign(&self.key, signed))
    }

    fn raw(&self, message: &[u8]) -> Result<[u8; 64], Error> {
        signer::whole(&self.token.sign(&self.key, message)?)
    }
}

#[cfg(test)]
mod tests;
