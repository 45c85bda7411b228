//! What is looked at in the database before anything is served from it: that row-level security holds for this role, that
//! the schema is one that this program knows, that the server is of a version that is looked after.
//!
//! A fault keeps a server from starting; a remark is for whoever runs it.

use std::collections::BTreeSet;

use diesel::{
    migration::MigrationSource,
    pg::Pg,
    prelude::*,
    sql_types::{Array, Bool, Integer, Text},
};

use crate::{Error, Store, migrate::MIGRATIONS, statement::sql_query};

/// The oldest major version: what it lacks (multiranges, `MERGE`) older ones lack too, and nothing is tested with them.
const OLDEST: i32 = 15;
/// Of each major version the first minor one with the fixes to row-level security that are known here.
const FIXED: [(i32, i32); 1] = [(15, 20)];
/// As long as the names of pending migrations are listed.
const MOST_NAMED: usize = 3;

/// One row about the session, the role and the schema. The extension is what keeps statements from overlapping.
const LOOK: &str = "select current_setting('server_version_num')::int as version,
       current_setting('server_version') as version_text,
       r.rolname::text as role,
       r.rolsuper as superuser,
       r.rolbypassrls as bypasses,
       exists (select from pg_class c where c.relname in ('events', 'registry_epochs') and c.relkind = 'r'
                 and pg_has_role(r.oid, c.relowner, 'MEMBER')) as owner,
       exists (select from pg_extension where extname = 'btree_gist') as extension,
       coalesce(has_table_privilege(r.oid, to_regclass('__diesel_schema_migrations'), 'select'), false) as versioned,
       current_setting('data_checksums') = 'on' as checksums,
       current_setting('fsync') = 'on' as synced,
       current_setting('synchronous_commit') as synchronous_commit,
       current_setting('lc_messages') as messages
  from pg_roles r where r.rolname = current_user";

const APPLIED: &str =
    "select coalesce(array_agg(version::text), '{}') as versions from __diesel_schema_migrations";

/// What a look at the database has found.
#[derive(Debug, Clone, QueryableByName)]
pub struct Found {
    #[diesel(sql_type = Integer)]
    pub version: i32,
    #[diesel(sql_type = Text)]
    pub version_text: String,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Bool)]
    pub superuser: bool,
    #[diesel(sql_type = Bool)]
    pub bypasses: bool,
    #[diesel(sql_type = Bool)]
    pub owner: bool,
    #[diesel(sql_type = Bool)]
    pub extension: bool,
    /// The role may read which migrations were run: the newest of them have given it that.
    #[diesel(sql_type = Bool)]
    pub versioned: bool,
    #[diesel(sql_type = Bool)]
    pub checksums: bool,
    #[diesel(sql_type = Bool)]
    pub synced: bool,
    #[diesel(sql_type = Text)]
    pub synchronous_commit: String,
    #[diesel(sql_type = Text)]
    pub messages: String,
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Array<Text>)]
    versions: Vec<String>,
}

/// What there is to say about a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Nothing may be served with these.
    pub faults: Vec<String>,
    pub remarks: Vec<String>,
    /// The server's, such as `15.14`.
    pub version: String,
}

impl Store {
    /// Looks at the database as the runtime role sees it.
    pub async fn preflight(&self) -> Result<Report, Error> {
        let found = self.read_shared("preflight", |conn| {
            let found: Found = sql_query(LOOK).get_result(conn)?;
            if !found.versioned {
                return Ok((found, None));
            }
            let applied: Applied = sql_query(APPLIED).get_result(conn)?;
            Ok((found, Some(applied.versions)))
        });
        let (found, applied) = found.await?;
        let mut report = found.judged(self.settings.synchronous_standbys);
        report.version = found.version_text;
        let known = known().map_err(Error::Internal)?;
        let applied = applied.map(|versions| versions.into_iter().collect());
        let (faults, remarks) = schema(&known, applied.as_ref());
        report.faults.extend(faults);
        report.remarks.extend(remarks);
        Ok(report)
    }
}

/// The versions of the migrations that this program carries.
fn known() -> Result<BTreeSet<String>, String> {
    let all = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(|e| e.to_string())?;
    Ok(all.iter().map(|one| one.name().version().to_string()).collect())
}

/// Whether the schema is one that this program can work with: everything that it knows was run. What was run besides comes
/// from a newer release, which only adds to what this one uses (`migrations/README.md`).
fn schema(known: &BTreeSet<String>, applied: Option<&BTreeSet<String>>) -> (Option<String>, Option<String>) {
    let Some(applied) = applied else {
        let text = "the schema is missing or older than this program: run `charterd migrate`";
        return (Some(text.to_owned()), None);
    };
    let pending: Vec<&str> = known.difference(applied).map(String::as_str).collect();
    let newer = applied.difference(known).count();
    let fault = (!pending.is_empty()).then(|| {
        let named = pending[..pending.len().min(MOST_NAMED)].join(", ");
        let count = pending.len();
        format!(
            "the schema is older than this program: {count} migrations are pending ({named}); run `charterd migrate`"
        )
    });
    let remark = (newer > 0).then(|| {
        format!(
            "the schema is newer than this program: {newer} migrations of a later release were run; it goes on, since \
             these only add"
        )
    });
    (fault, remark)
}

impl Found {
    fn judged(&self, standbys: usize) -> Report {
        Report { faults: self.faults(standbys), remarks: self.remarks(), ..Report::default() }
    }

    fn faults(&self, standbys: usize) -> Vec<String> {
        let (role, version) = (&self.role, &self.version_text);
        let mut faults = Vec::new();
        if self.version / 10_000 < OLDEST {
            faults.push(format!("PostgreSQL {version} is too old: {OLDEST} or later is needed"));
        }
        if self.superuser || self.bypasses {
            let what = if self.superuser { "a superuser" } else { "BYPASSRLS" };
            faults.push(format!(
                "the role `{role}` is {what}, and row-level security does not hold for it: let database.url name \
                 the runtime role (`charterd migrate --print-roles`)"
            ));
        } else if self.owner {
            faults.push(format!(
                "the role `{role}` owns the tables or is a member of who does, and could lift their protection: \
                 let database.url name the runtime role, and owner_url this one"
            ));
        }
        if !self.extension {
            faults.push("the extension `btree_gist` is missing: run `charterd migrate`".to_owned());
        }
        if standbys > 0 && self.synchronous_commit != "remote_apply" {
            faults.push(format!(
                "synchronous_commit is `{}` in sessions of this server, and standbys are to confirm what it writes: \
                 take `options` out of database.url, or add `-c synchronous_commit=remote_apply` to them",
                self.synchronous_commit
            ));
        }
        faults
    }

    fn remarks(&self) -> Vec<String> {
        let (major, minor) = (self.version / 10_000, self.version % 10_000);
        let version = &self.version_text;
        let mut remarks = Vec::new();
        if let Some((_, fixed)) = FIXED.iter().find(|(of, fixed)| *of == major && minor < *fixed) {
            remarks.push(format!(
                "PostgreSQL {version} lacks fixes of its security: upgrade to {major}.{fixed} or later"
            ));
        }
        if !self.checksums {
            remarks.push(
                "data checksums are off: a damaged page is not noticed (`pg_checksums --enable`)".to_owned(),
            );
        }
        if !self.synced {
            remarks.push("fsync is off: a crash loses what was acknowledged".to_owned());
        }
        if !["", "C", "POSIX", "en"].iter().any(|lang| is_of(&self.messages, lang)) {
            remarks.push(format!(
                "lc_messages is `{}`: errors that pass by themselves are known by their English texts; set it to C",
                self.messages
            ));
        }
        remarks
    }
}

/// `en_US.UTF-8` is of `en`, `C.UTF-8` of `C`.
fn is_of(locale: &str, language: &str) -> bool {
    locale.split(['_', '.', '@']).next() == Some(language)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Found {
        Found {
            version: 150_020,
            version_text: "15.20".to_owned(),
            role: "charter_runtime".to_owned(),
            superuser: false,
            bypasses: false,
            owner: false,
            extension: true,
            versioned: true,
            checksums: true,
            synced: true,
            synchronous_commit: "remote_apply".to_owned(),
            messages: "C".to_owned(),
        }
    }

    /// What is found amiss: the faults, or the remarks.
    fn said(found: &Found, standbys: usize) -> (String, String) {
        let report = found.judged(standbys);
        (report.faults.join("; "), report.remarks.join("; "))
    }

    #[test]
    fn what_is_sound_has_nothing_said_of_it() {
        assert_eq!(sound().judged(1), Report::default());
        for messages in ["en_US.UTF-8", "C.UTF-8", "POSIX", ""] {
            assert_eq!(Found { messages: messages.to_owned(), ..sound() }.judged(0), Report::default());
        }
        let newer = Found { version: 180_001, version_text: "18.1".to_owned(), ..sound() };
        assert_eq!(newer.judged(0), Report::default());
    }

    #[test]
    fn each_fault_says_what_to_do() {
        let cases: [(Found, &str); 6] = [
            (Found { version: 140_020, version_text: "14.20".to_owned(), ..sound() }, "14.20 is too old"),
            (Found { superuser: true, owner: true, ..sound() }, "a superuser"),
            (Found { bypasses: true, ..sound() }, "BYPASSRLS"),
            (Found { owner: true, ..sound() }, "owns the tables"),
            (Found { extension: false, ..sound() }, "`btree_gist` is missing"),
            (Found { synchronous_commit: "on".to_owned(), ..sound() }, "remote_apply"),
        ];
        for (found, words) in cases {
            let (faults, remarks) = said(&found, 1);
            assert!(faults.contains(words) && !faults.contains("; the"), "{faults}");
            assert_eq!(remarks, "");
        }
        let alone = Found { synchronous_commit: "on".to_owned(), ..sound() };
        assert_eq!(alone.judged(0), Report::default(), "one node confirms for itself");
    }

    #[test]
    fn what_is_no_fault_is_remarked() {
        let cases: [(Found, &str); 4] = [
            (Found { version: 150_018, version_text: "15.18".to_owned(), ..sound() }, "15.20 or later"),
            (Found { checksums: false, ..sound() }, "checksums"),
            (Found { synced: false, ..sound() }, "fsync"),
            (Found { messages: "fi_FI.UTF-8".to_owned(), ..sound() }, "lc_messages is `fi_FI.UTF-8`"),
        ];
        for (found, words) in cases {
            let (faults, remarks) = said(&found, 1);
            assert!(faults.is_empty() && remarks.contains(words), "{faults}; {remarks}");
        }
    }

    #[test]
    fn a_schema_may_be_newer_and_not_older() {
        let set = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<BTreeSet<_>>();
        let own = set(&["1", "2"]);
        assert_eq!(schema(&own, Some(&own)), (None, None));
        let (fault, _) = schema(&own, None);
        assert!(fault.is_some_and(|text| text.contains("charterd migrate")));
        let (fault, remark) = schema(&own, Some(&set(&["1", "3"])));
        assert!(fault.is_some_and(|text| text.contains("1 migrations are pending (2)")));
        assert!(remark.is_some_and(|text| text.contains("newer")));
        assert_eq!(schema(&own, Some(&set(&["1", "2", "3"]))).0, None, "it only adds");
        assert!(!known().expect("carried").is_empty());
    }
}
