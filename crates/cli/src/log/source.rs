//! Where the files of a log or an anchor set come from: an address, or a directory that holds a copy in the same layout.

use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt as _;

use super::http::Http;
use crate::{
    args::Connection,
    exit::{Exit, Failure},
};

/// Bundles that are read at the same time, each with its tile; questions that are asked at the same time.
pub const AT_ONCE: usize = 8;

/// Why a file of a log could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Unreachable(String),
    /// The file, and how many bytes it may have.
    TooLong(String, usize),
    /// The log does not have what its checkpoint says that it has.
    Missing(String),
    /// The file, and what is wrong with it.
    Malformed(String, String),
    /// The checkpoint does not have the cosignatures that the policy asks for.
    Unwitnessed(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(why) => f.write_str(why),
            Self::TooLong(what, limit) => write!(f, "`{what}` is longer than {limit} bytes"),
            Self::Missing(what) => write!(f, "the log does not have `{what}`"),
            Self::Unwitnessed(why) => write!(f, "the checkpoint is not witnessed as the policy asks: {why}"),
            Self::Malformed(what, why) => write!(f, "`{what}`: {why}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(Exit::CannotVerify, fault.to_string())
    }
}

/// The files of one log (`checkpoint`, `tile/..`), or the versions of an anchor set.
pub enum Source {
    Address(Http),
    Directory(PathBuf),
}

impl Source {
    pub fn at(to: &Connection, prefix: &str) -> Result<Self, Failure> {
        Http::new(to, prefix).map(Self::Address)
    }

    pub fn in_directory(dir: &Path) -> Self {
        Self::Directory(dir.to_owned())
    }

    /// The bytes of a file, `limit` at most; `None` if there is no such file.
    pub async fn get(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        match self {
            Self::Address(http) => http.get(path, limit).await,
            Self::Directory(dir) => read(&dir.join(path), limit).await,
        }
    }
}

async fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
    let unreadable =
        |error: std::io::Error| Fault::Unreachable(format!("cannot read `{}`: {error}", path.display()));
    let file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    // One byte more than allowed tells a file that is too long.
    let more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(more).read_to_end(&mut bytes).await.map_err(unreadable)?;
    if bytes.len() > limit {
        return Err(Fault::TooLong(path.display().to_string(), limit));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("checkpoint"), "12345").expect("written");
        let source = Source::in_directory(dir.path());
        assert_eq!(source.get("checkpoint", 5).await, Ok(Some(b"12345".to_vec())));
        assert!(matches!(source.get("checkpoint", 4).await, Err(Fault::TooLong(_, 4))));
        assert_eq!(source.get("tile/0/000", 5).await, Ok(None));
        assert!(matches!(source.get("checkpoint/x", 5).await, Err(Fault::Unreachable(_))));
    }
}
