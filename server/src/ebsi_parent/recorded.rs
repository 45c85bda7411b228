//! Answers of EBSI's interfaces that were recorded before: a folder with a file for each path, `<path>.json`. Queries are
//! left out, so a list is one file, and a DID document is the one that was recorded.

use std::{io::ErrorKind, path::PathBuf};

use async_trait::async_trait;
use charter_federation::protocol::ebsi::{Fetch, Fetched, MAX_ANSWER};
use tokio::io::AsyncReadExt as _;

pub struct Recorded {
    dir: PathBuf,
    /// What the paths follow in URLs.
    base: String,
}

impl Recorded {
    /// Answers for the registry at `base`, without a slash at its end.
    pub fn new(dir: PathBuf, base: &str) -> Self {
        Self { dir, base: base.to_owned() }
    }
}

#[async_trait]
impl Fetch for Recorded {
    async fn get(&self, url: &str, _accept: &'static str) -> Result<Fetched, String> {
        let path = url.strip_prefix(self.base.as_str()).unwrap_or(url);
        let path = path.split('?').next().unwrap_or(path).trim_start_matches('/');
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
        if !path.split('/').all(plain) {
            return Err("no file can have this name".to_owned());
        }
        let file = match tokio::fs::File::open(self.dir.join(format!("{path}.json"))).await {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Fetched { status: 404, body: Vec::new() });
            }
            Err(error) => return Err(error.to_string()),
        };
        let (mut body, most) = (Vec::new(), u64::try_from(MAX_ANSWER).unwrap_or(u64::MAX));
        file.take(most + 1).read_to_end(&mut body).await.map_err(|e| e.to_string())?;
        if body.len() > MAX_ANSWER {
            return Err(format!("it has more than {MAX_ANSWER} bytes"));
        }
        Ok(Fetched { status: 200, body })
    }
}
