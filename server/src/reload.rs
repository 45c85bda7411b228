//! When the configuration is to be loaded anew: on SIGHUP, and when what a file of a certificate says has changed, since
//! certificates are renewed by programs that tell nobody.

use std::{fs, time::Duration};

use sha2::{Digest as _, Sha256};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Interval, interval},
};

use crate::Config;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(30);

/// What a running server waits for.
pub struct Changes {
    hangup: Option<Signal>,
    files: Vec<String>,
    seen: Vec<Option<[u8; 32]>>,
    look: Interval,
}

impl Changes {
    /// From now on; whoever asks for it while it happens is heard.
    pub fn of(config: &Config) -> Self {
        let hangup = signal(SignalKind::hangup()).ok();
        let mut changes = Self { hangup, files: Vec::new(), seen: Vec::new(), look: interval(LOOK) };
        changes.follow(config);
        changes
    }

    /// Looks at the files of this configuration.
    pub fn follow(&mut self, config: &Config) {
        let tls = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
        let shown =
            tls.flat_map(|tls| [Some(&tls.cert_file), Some(&tls.key_file), tls.client_ca_file.as_ref()]);
        let to_peers = [&config.peer_tls.cert_file, &config.peer_tls.key_file].map(Some);
        let trusted = [&config.peer_tls.ca_file, &config.database.ca_file, &config.trail.ca_file].map(Some);
        let named = shown.chain(to_peers).chain(trusted).flatten().filter(|file| !file.is_empty());
        let files: Vec<String> = named.cloned().collect();
        // Of the same files it is known what they said before the configuration was loaded.
        if files != self.files {
            self.files = files;
            self.seen = self.digests();
        }
    }

    fn digests(&self) -> Vec<Option<[u8; 32]>> {
        self.files.iter().map(|file| digest(file)).collect()
    }

    /// Ready once something has changed, or somebody says so.
    pub async fn next(&mut self) {
        loop {
            let asked = tokio::select! {
                () = hung_up(&mut self.hangup) => true,
                _ = self.look.tick() => false,
            };
            let now = self.digests();
            // A file that is away for a moment is being written.
            if asked || (now != self.seen && now.iter().all(Option::is_some)) {
                self.seen = now;
                return;
            }
        }
    }
}

async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

fn digest(file: &str) -> Option<[u8; 32]> {
    fs::read(file).ok().map(|bytes| Sha256::digest(bytes).into())
}
