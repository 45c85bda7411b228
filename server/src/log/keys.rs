//! The keys of a registry's notes: one signs its checkpoints, one cosigns those of others, and one those whose entries
//! are kept here. They are Ed25519 keys of the vault, made when the registry is opened.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use charter_domain::{HttpsId, Registry, Timestamp};
use charter_signing::{Algorithm, KeyStore, PublicKey, Signer};
use charter_store::{
    Store,
    log_key::{LogKey, LogPurpose},
};
use charter_tlog::note::{KeyKind, KeyName, NoteSigner, Sign, SignError, Vkey};

/// One key in use.
pub struct NoteKey {
    pub vkey: Vkey,
    /// From 1; a log's key that was retired is followed by the next.
    pub generation: i32,
    pub signer: Arc<dyn Signer>,
}

impl NoteKey {
    /// What signs with it. Blocks where the key is in a token.
    pub fn signer(&self) -> NoteSigner<'_> {
        NoteSigner::new(self.vkey.clone(), self)
    }
}

impl Sign for NoteKey {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.signer.raw(message).map_err(|e| SignError::Key(e.to_string()))
    }
}

/// The keys of a registry that are in use.
pub struct LogKeys {
    log: Arc<NoteKey>,
    witness: Arc<NoteKey>,
    mirror: Option<Arc<NoteKey>>,
}

impl LogKeys {
    /// Signs the registry's checkpoints.
    pub fn log(&self) -> &Arc<NoteKey> {
        &self.log
    }

    /// Cosigns checkpoints of others.
    pub fn witness(&self) -> &Arc<NoteKey> {
        &self.witness
    }

    /// Cosigns what is mirrored; none where nothing is.
    pub fn mirror(&self) -> Option<&Arc<NoteKey>> {
        self.mirror.as_ref()
    }
}

/// Name of a key: the entity identifier without its scheme, and what the key is for. A log's is its origin too (C2SP
/// tlog-checkpoint); a log that begins anew has another.
pub fn name_of(entity: &HttpsId, purpose: LogPurpose, generation: i32) -> Result<KeyName, String> {
    let entity = entity.as_str();
    let bare = entity.strip_prefix("https://").unwrap_or(entity).trim_end_matches('/');
    let name = match (purpose, generation) {
        (_, 1) => format!("{bare}/{}", purpose.code()),
        _ => format!("{bare}/{}/{generation}", purpose.code()),
    };
    name.parse().map_err(|e| format!("entity_identifier: {e}"))
}

/// The 32 bytes of an Ed25519 public key (RFC 8037).
fn bytes_of(key: &PublicKey) -> Result<[u8; 32], String> {
    let jwk = key.to_jwk();
    let x = jwk["x"].as_str().and_then(|x| URL_SAFE_NO_PAD.decode(x).ok());
    x.filter(|_| key.algorithm() == Algorithm::EdDsa)
        .and_then(|x| x.try_into().ok())
        .ok_or_else(|| "a key of the log must be of Ed25519".to_owned())
}

/// A new key, as it is kept. It signs nothing before it is.
pub fn make(
    vault: &dyn KeyStore,
    entity: &HttpsId,
    (purpose, generation): (LogPurpose, i32),
    now: Timestamp,
) -> Result<LogKey, String> {
    let kind = match purpose {
        LogPurpose::Log => KeyKind::Ed25519,
        LogPurpose::Witness | LogPurpose::Mirror => KeyKind::CosignatureV1,
    };
    let name = name_of(entity, purpose, generation)?;
    let made = vault.generate(Algorithm::EdDsa).map_err(|e| format!("no key of the log was made: {e}"))?;
    let public = made.signer.key();
    let vkey = Vkey::new(name.clone(), kind, bytes_of(public)?);
    Ok(LogKey {
        purpose,
        generation,
        name: name.to_string(),
        vkey: vkey.to_string(),
        jwk: public.to_jwk(),
        kept: made.kept,
        made_at: now,
        retired_at: None,
    })
}

fn text(e: &charter_store::Error) -> String {
    e.source_text().map_or_else(|| e.to_string(), str::to_owned)
}

/// The keys of a registry, retired ones too, from those that are kept already: the first of each is made where there is none. Where
/// another server was first, its key is taken. A registry that mirrors no log needs no key for it.
pub async fn ensure(
    store: &Store,
    registry: &Registry,
    (mut known, mirrors): (Vec<LogKey>, bool),
    vault: &dyn KeyStore,
    now: Timestamp,
) -> Result<Vec<LogKey>, String> {
    let mirror = mirrors.then_some(LogPurpose::Mirror);
    for purpose in [LogPurpose::Log, LogPurpose::Witness].into_iter().chain(mirror) {
        if known.iter().any(|key| key.purpose == purpose) {
            continue;
        }
        let key = make(vault, &registry.entity_identifier, (purpose, 1), now)?;
        let kept = key.kept.clone();
        if !store.add_log_key(registry.id, key).await.map_err(|e| text(&e))? {
            vault.discard(&kept).map_err(|e| e.to_string())?;
        }
        known = store.log_keys(registry.id).await.map_err(|e| text(&e))?;
    }
    Ok(known)
}

/// Opens the keys in use.
pub fn open(known: &[LogKey], vault: &dyn KeyStore) -> Result<LogKeys, String> {
    let used = |purpose| known.iter().find(|key| key.purpose == purpose && key.retired_at.is_none());
    let one = |purpose| open_one(used(purpose).ok_or("a key of the log is missing")?, vault).map(Arc::new);
    let mirror = used(LogPurpose::Mirror).map(|key| open_one(key, vault).map(Arc::new)).transpose()?;
    Ok(LogKeys { log: one(LogPurpose::Log)?, witness: one(LogPurpose::Witness)?, mirror })
}

fn open_one(key: &LogKey, vault: &dyn KeyStore) -> Result<NoteKey, String> {
    let vkey: Vkey =
        key.vkey.parse().map_err(|e| format!("the key `{}` is recorded wrongly: {e}", key.name))?;
    let public = PublicKey::from_jwk(&key.jwk).map_err(|e| e.to_string())?;
    if bytes_of(&public)? != *vkey.key() || vkey.name().as_str() != key.name {
        return Err(format!("the key `{}` is recorded wrongly: its parts are of two keys", key.name));
    }
    let signer = vault.open(&public, &key.kept).map_err(|e| {
        format!(
            "the key `{}` cannot be opened: {e}; are the settings under [keys] those it was made with?",
            key.name
        )
    })?;
    Ok(NoteKey { vkey, generation: key.generation, signer })
}

#[cfg(test)]
mod tests {
    use super::*;
    use charter_signing::{Kek, Vault};
    use charter_tlog::{Hash, checkpoint::Checkpoint};

    #[test]
    fn a_log_is_named_after_its_entity_and_begins_anew_under_another_name() {
        let entity = HttpsId::parse("https://registry.example/fi").expect("an id");
        let name = |purpose, generation| name_of(&entity, purpose, generation).expect("a name").to_string();
        assert_eq!(name(LogPurpose::Log, 1), "registry.example/fi/log");
        assert_eq!(name(LogPurpose::Log, 2), "registry.example/fi/log/2");
        assert_eq!(name(LogPurpose::Witness, 1), "registry.example/fi/witness");
    }

    #[test]
    fn what_is_made_is_opened_again_and_signs_checkpoints() {
        let (vault, now) = (Vault::new(Kek::generate()), Timestamp::from_secs(1_800_000_000));
        let entity = HttpsId::parse("https://registry.example").expect("an id");
        let made = [LogPurpose::Log, LogPurpose::Witness]
            .map(|purpose| make(&vault, &entity, (purpose, 1), now).expect("made"));
        let keys = open(&made, &vault).expect("opened");
        let key = keys.log();
        let checkpoint = Checkpoint::new(key.vkey.name(), 1, Hash::new([7; 32])).expect("a checkpoint");
        let signed = checkpoint.sign(&key.signer()).expect("signed");
        signed.verify_log(&key.vkey).expect("verifies");
        let [mut log, witness] = made;
        log.jwk = witness.jwk.clone();
        let said = open(&[log, witness], &vault).err().expect("two keys in one row");
        assert!(said.contains("two keys"), "{said}");
    }
}
