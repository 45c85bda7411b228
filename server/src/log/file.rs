//! What was published, in a file outside the database: an older database that is restored does not make it forgotten.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use charter_tlog::{checkpoint::SignedCheckpoint, note::Vkey};

use crate::durable;

/// Longest file that is read, in bytes: a note, and more than one has.
const MAX_BYTES: usize = 256 * 1024;

/// Why a file is not believed, or not written.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("`{0}`: {1}")]
    Io(String, io::Error),
    /// It is not what this server wrote.
    #[error(
        "`{path}` is damaged ({why}): put back a copy of it, or remove it if it is known that `{origin}` published nothing newer than the database has"
    )]
    Damaged { path: String, why: String, origin: String },
    /// More was published than is to be written.
    #[error("`{path}` has {known} leaves, more than {new}: another process publishes this log")]
    Larger { path: String, known: u64, new: u64 },
}

/// Where the checkpoint of a registry's log is.
pub fn path(dir: &Path, slug: &str) -> PathBuf {
    dir.join(format!("{slug}.checkpoint"))
}

fn io_fault(path: &Path, error: io::Error) -> Fault {
    Fault::Io(path.display().to_string(), error)
}

/// The checkpoint in the file, signed by this key. None: there is no file, or it is of a log that ended with its key.
pub fn read(path: &Path, key: &Vkey) -> Result<Option<SignedCheckpoint>, Fault> {
    let origin = key.name().to_string();
    let damaged =
        |why: String| Fault::Damaged { path: path.display().to_string(), why, origin: origin.clone() };
    let Some(bytes) = durable::read(path).map_err(|e| io_fault(path, e))? else { return Ok(None) };
    if bytes.len() > MAX_BYTES {
        return Err(damaged("it is too long".to_owned()));
    }
    let found = SignedCheckpoint::parse(&bytes).map_err(|e| damaged(e.to_string()))?;
    if found.checkpoint().origin() != origin {
        return Ok(None);
    }
    found.verify_log(key).map_err(|e| damaged(e.to_string()))?;
    Ok(Some(found))
}

/// Replaces the file, on the disk when this returns; never by a smaller size. Processes that share the folder take
/// turns. Blocks.
pub fn write(path: &Path, key: &Vkey, checkpoint: &SignedCheckpoint) -> Result<(), Fault> {
    let describe = |error| io_fault(path, error);
    durable::folder(path.parent().unwrap_or(Path::new("."))).map_err(describe)?;
    // Held until the end of this function.
    let turn = File::create(path.with_extension("lock")).map_err(describe)?;
    turn.lock().map_err(describe)?;
    let (text, new) = (checkpoint.to_string(), checkpoint.checkpoint().size());
    if let Some(known) = read(path, key)? {
        let size = known.checkpoint().size();
        if size > new {
            return Err(Fault::Larger { path: path.display().to_string(), known: size, new });
        }
        if known.to_string() == text {
            return Ok(());
        }
    }
    durable::replace(path, text.as_bytes()).map_err(describe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use charter_signing::{Algorithm, Signer as _, SoftwareSigner};
    use charter_tlog::{
        Hash,
        checkpoint::Checkpoint,
        note::{KeyKind, NoteSigner, Sign, SignError},
    };

    struct Key(SoftwareSigner);

    impl Sign for Key {
        fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
            self.0.raw(message).map_err(|e| SignError::Key(e.to_string()))
        }
    }

    fn key(name: &str) -> (Key, Vkey) {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let signer = SoftwareSigner::generate(Algorithm::EdDsa).expect("a key");
        let x = signer.key().to_jwk()["x"].as_str().map(|x| URL_SAFE_NO_PAD.decode(x).expect("base64url"));
        let bytes = x.expect("its x").try_into().expect("32 bytes");
        (Key(signer), Vkey::new(name.parse().expect("a name"), KeyKind::Ed25519, bytes))
    }

    fn signed((key, vkey): &(Key, Vkey), size: u64) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(vkey.name(), size, Hash::new([2; 32])).expect("a checkpoint");
        checkpoint.sign(&NoteSigner::new(vkey.clone(), key)).expect("signed")
    }

    #[test]
    fn what_was_published_is_found_again_and_never_gets_smaller() {
        let dir = tempfile::tempdir().expect("a directory");
        let (own, path) = (key("a.example/log"), path(&dir.path().join("new"), "a"));
        assert!(read(&path, &own.1).expect("nothing there").is_none());
        for size in [3, 3, 9] {
            write(&path, &own.1, &signed(&own, size)).expect("written");
            let found = read(&path, &own.1).expect("read").expect("there");
            assert_eq!(found, signed(&own, size));
        }
        assert!(matches!(
            write(&path, &own.1, &signed(&own, 8)),
            Err(Fault::Larger { known: 9, new: 8, .. })
        ));
        let next = key("a.example/log/2");
        assert!(read(&path, &next.1).expect("of another log").is_none());
        assert!(matches!(read(&path, &key("a.example/log").1), Err(Fault::Damaged { .. })), "another key");
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[20] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        assert!(read(&path, &own.1).is_err() || read(&path, &own.1).is_ok_and(|found| found.is_none()));
    }
}
