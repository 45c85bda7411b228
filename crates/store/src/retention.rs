//! What goes by itself after a time: counted, or removed by a function of the database that has a floor of its own.

use charter_domain::{RegistryId, Timestamp};
use diesel::{RunQueryDsl, sql_types};

use crate::{Error, Store, statement::sql_query, tx::offset};

/// What has a period of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Reasons of proposals, and why they were closed.
    ProposalReasons,
    /// Proposals that were refused or withdrawn, or expired.
    ClosedProposals,
    /// Restricted parts of events and proposals.
    RestrictedParts,
    /// Who has looked at what.
    Accesses,
}

impl Class {
    pub const ALL: [Self; 4] =
        [Self::ProposalReasons, Self::ClosedProposals, Self::RestrictedParts, Self::Accesses];

    pub const fn code(self) -> &'static str {
        match self {
            Self::ProposalReasons => "PROPOSAL_REASONS",
            Self::ClosedProposals => "CLOSED_PROPOSALS",
            Self::RestrictedParts => "RESTRICTED_PARTS",
            Self::Accesses => "ACCESSES",
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    value: i64,
}

impl Store {
    /// How much of a class is older than `before`; removed, and that recorded, if asked to.
    pub async fn retain(
        &self,
        registry: RegistryId,
        class: Class,
        before: Timestamp,
        remove: bool,
    ) -> Result<i64, Error> {
        let now = self.now();
        self.amend("retention.run", registry, move |conn| {
            let count: Count = sql_query("select retain($1, $2, $3, $4, $5) as value")
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Text, _>(class.code())
                .bind::<sql_types::Timestamptz, _>(offset(before))
                .bind::<sql_types::Timestamptz, _>(offset(now))
                .bind::<sql_types::Bool, _>(remove)
                .get_result(conn)?;
            Ok(count.value)
        })
        .await
    }
}
