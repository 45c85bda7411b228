//! The key-encryption key: one secret per site, in a file that only its owner can read.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use crate::{
    Error,
    base64url::{decode_exact, encode},
    secret::{self, OWNER_ONLY},
};

/// 32 bytes, as A256KW takes them.
const BYTES: usize = 32;

#[derive(Clone)]
pub struct Kek([u8; BYTES]);

impl Kek {
    /// A new one from the operating system's randomness.
    pub fn generate() -> Self {
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(&josekit::util::random_bytes(BYTES));
        Self(bytes)
    }

    /// Seals another secret of this site, for keeping.
    pub fn seal(&self, secret: &[u8]) -> Result<String, Error> {
        crate::sealed::seal(secret, self)
    }

    pub fn open(&self, sealed: &str) -> Result<Vec<u8>, Error> {
        crate::sealed::open(sealed, self)
    }

    /// Reads the file: base64url of 32 bytes, a line end is allowed; mode 0600 or stricter.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::parse(&secret::read(path, 128)?).map_err(|why| Error::io(path, &why))
    }

    /// From what such a file holds, without the line's end.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let form = "must hold one secret of 32 bytes in base64url without padding (43 characters)";
        decode_exact(text).map(Self).ok_or_else(|| Error::Key(form.to_owned()))
    }

    /// As `load`; where there is no file, makes one. Two processes that start at once end up with one key.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        match path.symlink_metadata() {
            Ok(_) => Self::load(path),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                Self::generate().create(path)?;
                Self::load(path)
            }
            Err(e) => Err(Error::io(path, &e)),
        }
    }

    /// Writes a temporary file beside the path and links it there: the link appears whole or not at all, and
    /// never replaces a key that somebody else made meanwhile.
    fn create(&self, path: &Path) -> Result<(), Error> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", encode(josekit::util::random_bytes(9))));
        let temporary = path.with_file_name(name);
        let written = self.write(&temporary).and_then(|()| match fs::hard_link(&temporary, path) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
            _ => Ok(()),
        });
        let removed = fs::remove_file(&temporary);
        written.map_err(|e| Error::io(path, &e))?;
        removed.map_err(|e| Error::io(&temporary, &e))?;
        // The name must survive a power cut too: keys sealed under a lost one are lost.
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent).and_then(|d| d.sync_all()).map_err(|e| Error::io(parent, &e))
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
        file.write_all(format!("{}\n", encode(self.0)).as_bytes())?;
        file.sync_all()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests;
