//! What this machine has: certificates, room, Redis, the way to the archive.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use charter_domain::time::Clock as _;
use charter_store::Store;

use super::Finding;
use crate::{Config, clock::WallClock, context, tls::life};

/// Less room than this part of the disk is told of.
const ROOM: f64 = 0.1;
/// Of what was written, so much may be in no archive yet.
const ARCHIVED_WITHIN: Duration = Duration::from_secs(180);

pub fn certificates(config: &Config) -> Finding {
    let (all, now) = (life::of(config), WallClock.now());
    let soon = life::soon(&all, now);
    Finding::new("certificates", life::fault(&all, now), (!soon.is_empty()).then(|| soon.join("; ")))
}

/// Room for the files of the logs.
pub fn room(config: &Config) -> Finding {
    let dir = &config.log_store.dir;
    let found = std::fs::create_dir_all(dir).and_then(|()| Ok(rustix::fs::statvfs(dir)?));
    match found {
        Ok(found) => {
            #[expect(clippy::cast_precision_loss, reason = "a part of a disk, to two digits")]
            let free = found.f_bavail as f64 / found.f_blocks.max(1) as f64;
            let text = format!("only {:.0} % of the disk of `{}` is free", free * 100.0, dir.display());
            Finding::new("log_store.dir", None, (free < ROOM).then_some(text))
        }
        Err(e) => Finding::new("log_store.dir", Some(format!("`{}`: {e}", dir.display())), None),
    }
}

/// Redis is never needed: that it is away is no fault.
pub async fn redis(config: &Config) -> Option<Finding> {
    let tier = match context::redis(config).await {
        Ok(tier) => tier?,
        Err(e) => return Some(Finding::new("redis", Some(e.to_string()), None)),
    };
    let away = !tier.answers().await;
    Some(Finding::new("redis", None, away.then(|| "it does not answer: servers go on without it".to_owned())))
}

/// Whether segments reach the archive; nothing where the database archives none.
pub async fn archive(store: &Store) -> Finding {
    let remark = match store.archive_late().await {
        Ok(None) => {
            Some("nothing is archived (`archive_mode` is off): what all nodes lose is lost".to_owned())
        }
        Ok(Some(late)) if late > ARCHIVED_WITHIN => {
            Some(format!("nothing was archived for {} s though there is something", late.as_secs()))
        }
        Ok(Some(_)) => None,
        Err(error) => Some(format!("not known: {}", error.source_text().unwrap_or("no node takes changes"))),
    };
    Finding::new("archive", None, remark)
}

/// Whether it is free; a server that runs already is none the worse.
pub async fn listener(address: SocketAddr) -> Finding {
    match tokio::net::TcpListener::bind(address).await {
        Ok(_) => Finding::new("listener", None, None),
        Err(e) if e.kind() == ErrorKind::AddrInUse => {
            Finding::new("listener", None, Some(format!("{address} is in use: a server runs there already")))
        }
        Err(e) => Finding::new("listener", Some(format!("{address}: {e}")), None),
    }
}
