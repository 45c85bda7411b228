//! Raw SQL, prepared once for each connection.
//!
//! `diesel::sql_query` prepares a statement anew each time, since its text might be another each time: a round trip and
//! a plan for each call, which was most of what a short transaction cost. The texts here are few.

use diesel::{
    pg::{Pg, PgConnection},
    prelude::*,
    query_builder::{AstPass, BoxedSqlQuery, Query, QueryFragment, QueryId, SqlQuery},
    serialize::ToSql,
    sql_types::{HasSqlType, Untyped},
};

/// A statement whose text is one of a bounded number: values are bound, never written into it.
pub(crate) fn sql_query<'f>(text: impl Into<String>) -> Prepared<'f> {
    Prepared(diesel::sql_query(text).into_boxed())
}

#[must_use = "it does nothing until it is executed"]
pub(crate) struct Prepared<'f>(BoxedSqlQuery<'f, Pg, SqlQuery>);

impl<'f> Prepared<'f> {
    pub fn bind<S, V>(self, value: V) -> Self
    where
        Pg: HasSqlType<S>,
        S: Send + 'f,
        V: ToSql<S, Pg> + Send + 'f,
    {
        Self(self.0.bind(value))
    }
}

impl QueryFragment<Pg> for Prepared<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

/// Found again by its text and the types that are bound.
impl QueryId for Prepared<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Prepared<'_> {
    type SqlType = Untyped;
}

impl RunQueryDsl<PgConnection> for Prepared<'_> {}
