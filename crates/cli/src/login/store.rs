//! Where a sign-in is kept: a directory for each profile, which only its owner may enter.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use charter_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::provider::Granted;
use crate::{
    exit::{Exit, Failure},
    profile,
};

/// `$XDG_STATE_HOME/charter/<profile>`; absent where there is no home.
#[derive(Debug)]
pub struct Place {
    profile: String,
    dir: Option<PathBuf>,
}

/// What is kept beside the access token, which has a file of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    pub issuer: String,
    pub client_id: String,
    pub scope: String,
    /// RFC 3339 in the file; unknown where the provider does not say.
    #[serde(with = "instant")]
    pub expires_at: Option<Timestamp>,
    pub refresh_token: Option<String>,
}

impl Kept {
    /// After a renewal: a provider that gives no new refresh token leaves the old one good (RFC 6749, 6).
    pub fn renewed(&self, granted: &Granted) -> Self {
        let refresh_token = granted.refresh_token.clone().or_else(|| self.refresh_token.clone());
        Self { expires_at: granted.expires_at, refresh_token, ..self.clone() }
    }
}

impl Place {
    pub fn of(profile: &str) -> Self {
        let state = profile::home("XDG_STATE_HOME", ".local/state");
        let dir = state.map(|home| home.join("charter").join(profile));
        Self { profile: profile.to_owned(), dir }
    }

    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// The file that holds the access token, there or not.
    pub fn token(&self) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join("token"))
    }

    /// Where what was verified of logs is kept.
    pub fn logs(&self) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join("logs"))
    }

    fn dir(&self) -> Result<&PathBuf, Failure> {
        self.dir.as_ref().ok_or_else(|| {
            Failure::usage("there is no place to keep a sign-in: set HOME or XDG_STATE_HOME (absolute)")
        })
    }

    /// Held while a sign-in is changed; it ends with the file.
    pub fn lock(&self) -> Result<fs::File, Failure> {
        let dir = self.dir()?;
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        let opened = made.and_then(|()| {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600).open(dir.join("lock"))
        });
        opened
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|e| Failure::new(Exit::Unexpected, format!("cannot use `{}`: {e}", dir.display())))
    }

    pub fn read(&self) -> Result<Option<Kept>, Failure> {
        let path = self.dir()?.join("login.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| {
                let text = format!("`{}` is not a kept sign-in", path.display());
                Failure::usage(text).hint("`charter logout` removes it")
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::usage(format!("cannot read `{}`: {error}", path.display()))),
        }
    }

    /// Replaces both files; the lock is held by the caller.
    pub fn write(&self, kept: &Kept, access_token: &str) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(kept)
            .map_err(|e| Failure::new(Exit::Unexpected, format!("cannot write JSON: {e}")))?;
        self.replace("login.json", &json)?;
        self.replace("token", access_token.as_bytes())
    }

    fn replace(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let dir = self.dir()?;
        let (new, path) = (dir.join(format!("{name}.new")), dir.join(name));
        let written = fs::remove_file(&new).or_else(|e| match e.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(e),
        });
        let written = written.and_then(|()| {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        });
        written.map_err(|e| Failure::new(Exit::Unexpected, format!("cannot write `{}`: {e}", path.display())))
    }

    /// False when nothing was kept.
    pub fn remove(&self) -> Result<bool, Failure> {
        let dir = self.dir()?;
        let mut found = false;
        for name in ["token", "login.json", "token.new", "login.json.new", "lock"] {
            match fs::remove_file(dir.join(name)) {
                Ok(()) => found |= name == "token" || name == "login.json",
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    let path = dir.join(name);
                    let text = format!("cannot remove `{}`: {error}", path.display());
                    return Err(Failure::new(Exit::Unexpected, text));
                }
            }
        }
        let _ = fs::remove_dir(dir);
        Ok(found)
    }
}

mod instant {
    use charter_domain::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => to.serialize_str(&at.to_string()),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| Timestamp::parse(&text)).transpose().map_err(D::Error::custom)
    }
}
