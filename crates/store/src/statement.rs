//! Raw SQL, prepared once for each connection.
//!
//! `diesel::sql_query` prepares a statement anew each time, since its text might be another each time: a round trip and
//! a plan for each call, which was most of what a short transaction cost. The texts here are few. (Binding a value whose
//! placeholder stands in the text already is what the feature of diesel with the long name is for.)

use std::marker::PhantomData;

use diesel::{
    pg::{Pg, PgConnection},
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{HasSqlType, Untyped},
};

/// A statement whose text is one of a bounded number: values are bound, never written into it.
pub(crate) fn sql_query<'f>(text: impl Into<String>) -> Prepared<'f> {
    Prepared { text: text.into(), values: Vec::new() }
}

#[must_use = "it does nothing until it is executed"]
pub(crate) struct Prepared<'f> {
    text: String,
    values: Vec<Box<dyn QueryFragment<Pg> + Send + 'f>>,
}

impl<'f> Prepared<'f> {
    /// The value of the next placeholder: `$1`, `$2`, ..
    pub fn bind<S, V>(mut self, value: V) -> Self
    where
        Pg: HasSqlType<S>,
        S: Send + 'f,
        V: ToSql<S, Pg> + Send + 'f,
    {
        self.values.push(Box::new(Bound(value, PhantomData)));
        self
    }
}

impl QueryFragment<Pg> for Prepared<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(&self.text);
        self.values.iter().try_for_each(|value| value.walk_ast(out.reborrow()))
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

struct Bound<V, S>(V, PhantomData<S>);

impl<V, S> QueryFragment<Pg> for Bound<V, S>
where
    Pg: HasSqlType<S>,
    V: ToSql<S, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param_value_only(&self.0)
    }
}
