//! That there is a backup, and how old it is.

use std::{path::Path, time::Duration};

use charter_domain::{Timestamp, time::Clock as _};

use super::Finding;
use crate::{backup::Repository, clock::WallClock, postgres};

/// Whoever makes one each week has missed one.
const OLD: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// Backups in a repository, as `PostgreSQL`'s user sees them.
pub async fn backup(repository: Repository) -> Finding {
    let stanza = repository.stanza.clone();
    let read = move || repository.ended(postgres::user()?.command(Path::new("pgbackrest")));
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(ended)) => found(&stanza, &ended, WallClock.now()),
        Ok(Err(why)) => Finding::new("backup", Some(format!("{why:#}")), None),
        Err(why) => Finding::new("backup", Some(why.to_string()), None),
    }
}

fn found(stanza: &str, ended: &[Timestamp], now: Timestamp) -> Finding {
    let (Some(oldest), Some(newest)) = (ended.first(), ended.last()) else {
        let fault = format!("there is none: `pgbackrest --stanza={stanza} backup` makes one");
        return Finding::new("backup", Some(fault), None);
    };
    let old = newest.plus(OLD) < now;
    let remark = old.then(|| format!("the newest ended {newest}, more than eight days ago"));
    let note =
        format!("the newest ended {newest}; the archive being whole, any time since {oldest} is there");
    Finding { note: Some(note), ..Finding::new("backup", None, remark) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_a_fault_and_an_old_one_is_told_of() {
        let day = |n: i64| Timestamp::from_secs(n * 24 * 60 * 60);
        let said = |ended: &[Timestamp]| found("charter", ended, day(20));
        assert!(said(&[]).fault.is_some_and(|fault| fault.contains("--stanza=charter backup")));
        let good = said(&[day(1), day(13)]);
        assert!(good.fault.is_none() && good.remark.is_none());
        assert!(good.text().contains("1970-01-14T00:00:00Z; ") && good.text().contains("since 1970-01-02"));
        assert!(said(&[day(1), day(11)]).text().starts_with("ok, but the newest ended 1970-01-12"));
    }
}
