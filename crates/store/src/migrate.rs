//! Migrations, run by the owner under an advisory lock, and the roles they expect.

use diesel::{Connection, PgConnection, RunQueryDsl, sql_query, sql_types};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::Error;

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");
/// "charter" in ASCII, shortened: any constant that nobody else uses.
const LOCK: i64 = 0x0063_6861_7274_6572;

/// What a DBA runs once, as superuser, before the first migration.
pub const ROLES: &str = "create role charter_owner login nosuperuser nobypassrls;
create role charter_runtime login nosuperuser nobypassrls;
-- then: create database charter owner charter_owner;
";

/// Brings the schema up to date; several servers may start at once, one migrates. Returns what was applied.
pub fn run(owner_url: &str) -> Result<Vec<String>, Error> {
    let mut conn = connect(owner_url)?;
    lock(&mut conn, "select pg_advisory_lock($1)")?;
    let applied = conn
        .run_pending_migrations(MIGRATIONS)
        .map(|versions| versions.iter().map(ToString::to_string).collect())
        .map_err(|e| Error::Internal(e.to_string()));
    lock(&mut conn, "select pg_advisory_unlock($1)")?;
    applied
}

/// Whether the schema is the one this program was built for.
pub fn is_current(owner_url: &str) -> Result<bool, Error> {
    let pending = connect(owner_url)?.has_pending_migration(MIGRATIONS);
    pending.map(|p| !p).map_err(|e| Error::Internal(e.to_string()))
}

pub(crate) fn connect(url: &str) -> Result<PgConnection, Error> {
    PgConnection::establish(url).map_err(|e| Error::Unavailable(e.to_string()))
}

fn lock(conn: &mut PgConnection, sql: &str) -> Result<(), Error> {
    sql_query(sql).bind::<sql_types::BigInt, _>(LOCK).execute(conn)?;
    Ok(())
}

/// Makes the two roles and an empty database that the owner owns: what a DBA does, for private clusters.
pub fn provision(admin_url: &str, database: &str) -> Result<(), Error> {
    let mut conn = connect(admin_url)?;
    let roles = ROLES.lines().filter(|l| l.starts_with("create role")).collect::<Vec<_>>().join("\n");
    diesel::connection::SimpleConnection::batch_execute(&mut conn, &roles)?;
    let sql = format!("create database {} owner charter_owner", identifier(database)?);
    sql_query(sql).execute(&mut conn)?;
    Ok(())
}

/// A copy of a database, fast (`wal_log`: nothing is flushed for it).
pub fn copy_database(admin_url: &str, template: &str, database: &str) -> Result<(), Error> {
    let mut conn = connect(admin_url)?;
    let (database, template) = (identifier(database)?, identifier(template)?);
    let sql = format!("create database {database} template {template} strategy wal_log owner charter_owner");
    sql_query(sql).execute(&mut conn)?;
    Ok(())
}

/// Names of databases cannot be bound: only plain ones are taken.
fn identifier(name: &str) -> Result<String, Error> {
    let plain =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain { Ok(format!("\"{name}\"")) } else { Err(Error::Internal(format!("`{name}` is no plain name"))) }
}
