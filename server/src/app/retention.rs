//! Retention: each class of personal data goes when its period is over.

use std::time::Duration;

use charter_domain::{RegistryId, Timestamp};
use charter_store::{Store, retention::Class};

use crate::config::Retention;

/// What is due of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub class: Class,
    pub before: Timestamp,
    pub count: i64,
}

const fn days(periods: &Retention, class: Class) -> u64 {
    match class {
        Class::ProposalReasons => periods.proposal_reasons_days,
        Class::ClosedProposals => periods.closed_proposals_days,
        Class::RestrictedParts => periods.restricted_parts_days,
        Class::Accesses => periods.accesses_days,
    }
}

/// What is due in a registry; gone afterwards unless it is only to be counted. A period of 0 is for ever.
pub async fn run(
    store: &Store,
    periods: &Retention,
    registry: RegistryId,
    dry_run: bool,
) -> Result<Vec<Due>, charter_store::Error> {
    let now = store.now();
    let mut all = Vec::new();
    for class in Class::ALL {
        let days = days(periods, class);
        if days == 0 {
            continue;
        }
        let age = Duration::from_secs(days.saturating_mul(86_400));
        let before = now.minus(age);
        let count = store.retain(registry, class, before, !dry_run).await?;
        all.push(Due { class, before, count });
    }
    Ok(all)
}
