//! A database that was restored beside the one that runs: the way to it, and what it has.

use std::path::Path;

use charter_domain::{RegistryId, Timestamp};
use diesel::prelude::*;
use time::OffsetDateTime;

use crate::{Error, Store, schema::registry_epochs, tx::stamp, way};

/// The same database and role as in `url`, on the cluster whose socket is in a directory. Passwords are left out: the
/// socket is for its owner alone.
pub fn url_at(url: &str, dir: &Path, port: u16) -> Result<String, Error> {
    let config = way::parse(url)?;
    let user = config.get_user().unwrap_or_default();
    let named = config.get_dbname().unwrap_or(user);
    let host = dir.display().to_string();
    Ok(format!("host={} port={port} dbname={} user={}", quoted(&host), quoted(named), quoted(user)))
}

/// A value of a libpq keyword (PostgreSQL, 34.1.1.1).
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

impl Store {
    /// When the newest event of a registry was recorded; none where it has no events.
    pub async fn recorded_until(&self, registry: RegistryId) -> Result<Option<Timestamp>, Error> {
        self.read_shared("epoch.recorded_until", move |conn| {
            let found: Option<(i64, OffsetDateTime)> = registry_epochs::table
                .find(registry.0)
                .select((registry_epochs::epoch, registry_epochs::recorded_at))
                .first(conn)
                .optional()?;
            Ok(found.filter(|(epoch, _)| *epoch > 0).map(|(_, at)| stamp(at)))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_and_role_stay_and_all_else_goes() {
        for url in [
            "host=db1,db2 port=5432,5433 dbname=charter user=runtime password=secret target_session_attrs=any",
            "postgresql://runtime:secret@db1:5432/charter?connect_timeout=1",
        ] {
            let found = url_at(url, Path::new("/run/a b"), 5432).expect("a way");
            assert_eq!(found, "host='/run/a b' port=5432 dbname='charter' user='runtime'");
        }
        let odd = url_at(r"host=x user='o\'x'", Path::new("/run"), 1).expect("a way");
        assert_eq!(odd, r"host='/run' port=1 dbname='o\'x' user='o\'x'");
        assert!(url_at("host=x unknown_word=1", Path::new("/run"), 1).is_err());
    }
}
