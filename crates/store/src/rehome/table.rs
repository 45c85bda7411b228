//! The tables of a tenant, found in the catalogue: a table that is new moves too.

use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_types};
use serde::{Deserialize, Serialize};

use crate::{Error, statement::sql_query};

/// What is kept under the key-encryption key of the site, by table and column.
const SEALED: [(&str, &str); 4] =
    [("sealed_keys", "jwe"), ("log_keys", "kept"), ("webhooks", "secret"), ("webhooks", "previous")];
/// Stands in a row's text for what is sealed. No text that may be beside it has this character.
pub(super) const PLACE: char = '\u{1}';

/// One table: its columns in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, QueryableByName)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    pub columns: Vec<String>,
}

/// One row as PostgreSQL writes it, and what is sealed in it, in the order of the columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, QueryableByName)]
#[serde(deny_unknown_fields)]
pub struct Row {
    #[diesel(sql_type = sql_types::Text)]
    pub text: String,
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<String>,
}

impl Row {
    /// Of a table with secrets: the text with these in their places; none where there are more or fewer places.
    pub(super) fn filled(self, sealed: &[String]) -> Option<String> {
        if self.text.matches(PLACE).count() != sealed.len() {
            return None;
        }
        Some(sealed.iter().fold(self.text, |text, one| text.replacen(PLACE, one, 1)))
    }
}

/// All tables that hold rows of tenants, those that others refer to first.
pub(super) fn all(conn: &mut PgConnection) -> Result<Vec<Table>, Error> {
    let rows = sql_query(
        "select c.relname::text as name, array_agg(a.attname::text order by a.attnum) as columns
           from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
            -- How far the receivers of one site are says nothing of those of another.
            and c.relname not in ('registries', 'registry_epochs', 'rehomes', 'trail_marks')
            and exists (select from pg_attribute r where r.attrelid = c.oid and r.attname = 'registry_id'
                           and not r.attisdropped)
          group by c.relname
          order by coalesce(array_position(array['events', 'tuples', 'proposals', 'webhooks'], c.relname::text), 99),
                   c.relname",
    );
    Ok(rows.load(conn)?)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    /// Whether rows of it hold anything that is sealed.
    pub(super) fn seals(&self) -> bool {
        SEALED.iter().any(|(table, _)| *table == self.name)
    }

    fn is_sealed(&self, column: &str) -> bool {
        SEALED.contains(&(self.name.as_str(), column))
    }

    /// Reads the rows of one tenant, under no number of a registry.
    pub(super) fn reading(&self) -> String {
        let sealed: Vec<String> =
            self.columns.iter().filter(|c| self.is_sealed(c)).map(|c| format!("r.{}", quoted(c))).collect();
        let value = |column: &String| match column.as_str() {
            "registry_id" => "0".to_owned(),
            sealed if self.is_sealed(sealed) => {
                format!("case when r.{0} is null then null else E'\\x01' end", quoted(sealed))
            }
            plain => format!("r.{}", quoted(plain)),
        };
        let values: Vec<String> = self.columns.iter().map(value).collect();
        format!(
            "select row({})::text as text, array_remove(array[{}]::text[], null) as sealed from {} r
              where r.registry_id = tenant()",
            values.join(", "),
            sealed.join(", "),
            quoted(&self.name)
        )
    }

    /// Bytes of the longest row of one tenant.
    pub(super) fn longest(&self) -> String {
        let name = quoted(&self.name);
        format!(
            "select coalesce(max(octet_length(r::text)), 0)::bigint as value from {name} r where r.registry_id = tenant()"
        )
    }

    /// Writes rows (`$2`, as text) of a tenant (`$1`).
    pub(super) fn writing(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|c| quoted(c)).collect();
        let value = |column: &String| match column.as_str() {
            "registry_id" => "$1".to_owned(),
            other => format!("(y.v).{}", quoted(other)),
        };
        let values: Vec<String> = self.columns.iter().map(value).collect();
        format!(
            "insert into {0} ({1}) overriding system value
               select {2} from (select x::{0} as v from unnest($2) as x offset 0) y",
            quoted(&self.name),
            columns.join(", "),
            values.join(", ")
        )
    }

    pub(super) fn emptying(&self) -> String {
        format!("delete from {} where registry_id = tenant()", quoted(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_put_back_into_its_places() {
        let row = Row { text: format!("(0,a,{PLACE},{PLACE})"), sealed: Vec::new() };
        let two = ["x.y".to_owned(), "z".to_owned()];
        assert_eq!(row.clone().filled(&two).as_deref(), Some("(0,a,x.y,z)"));
        assert_eq!(row.filled(&two[..1]), None);
    }

    #[test]
    fn a_row_is_read_without_the_tenant_and_what_is_sealed_apart() {
        let columns = ["registry_id", "kid", "jwe"].map(str::to_owned).to_vec();
        let table = Table { name: "sealed_keys".to_owned(), columns };
        assert!(
            table.reading().contains("row(0, r.\"kid\", case when r.\"jwe\" is null"),
            "{}",
            table.reading()
        );
        assert!(table.reading().contains("array[r.\"jwe\"]::text[]"));
        assert!(table.writing().contains("select $1, (y.v).\"kid\", (y.v).\"jwe\""), "{}", table.writing());
    }
}
