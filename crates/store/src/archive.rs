//! Whether what was written reaches the archive of the write-ahead log (PostgreSQL 15, 26.3 and 28.2.11).

use std::time::Duration;

use diesel::{QueryableByName, RunQueryDsl as _, sql_types};

use crate::{Error, Store, statement::sql_query};

/// By the numbers of the segment that is being written and of the one that was archived last; files of timelines and of
/// backups are in the archive too.
const LATE: &str = "
  with size as (select pg_size_bytes(current_setting('wal_segment_size'))::numeric as bytes),
  written as (select floor((pg_current_wal_lsn() - '0/0'::pg_lsn) / bytes) as number from size),
  archived as (
    select coalesce(last_archived_time, stats_reset, pg_postmaster_start_time()) as at,
      case when last_archived_wal ~ '^[0-9A-F]{24}'
        then ('x' || substr(last_archived_wal, 9, 8))::bit(32)::bigint * (4294967296 / bytes)
          + ('x' || substr(last_archived_wal, 17, 8))::bit(32)::bigint end as number
    from pg_stat_archiver, size)
  select case
    when current_setting('archive_mode') = 'off' then null
    when archived.number >= written.number - 1 or written.number = 0 then 0
    else extract(epoch from clock_timestamp() - at)::float8 end as seconds
  from written, archived";

#[derive(QueryableByName)]
struct Late {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Double>)]
    seconds: Option<f64>,
}

impl Store {
    /// For how long nothing was archived though a whole segment waits; none where nothing is archived at all.
    pub async fn archive_late(&self) -> Result<Option<Duration>, Error> {
        let found: Late = self.interact("archive_late", |conn| Ok(sql_query(LATE).get_result(conn)?)).await?;
        Ok(found.seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
    }
}
