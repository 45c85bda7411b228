//! A registry's own policy: reading it, drafting the next one, and whether there are people enough for it.

use std::collections::BTreeMap;

use charter_domain::{
    Invalid, RegistryId,
    event::{Change, PolicySet},
    govern::Measure,
    policy::{Refusal, Right, rights},
    registry_policy::{Hearing, RegistryPolicy},
};
use charter_store::{Tx, staff::Member};

use super::govern::wish::SetPolicy;
use crate::{App, Error};

pub async fn get(app: &App, registry: RegistryId) -> Result<RegistryPolicy, Error> {
    Ok(app.store.registry_policy(registry).await?)
}

/// Persons that each measure takes, by its code.
pub fn quorums(policy: &RegistryPolicy) -> BTreeMap<String, i32> {
    Measure::ALL.into_iter().map(|m| (m.code().to_owned(), policy.quorum(m).into())).collect()
}

pub fn draft(w: SetPolicy) -> Result<Change, Error> {
    let built_in = RegistryPolicy::default();
    let quorum = |(code, persons): (String, i32)| {
        let bad = || Invalid::new(format!("quorums.{code:.40}"), "must be a measure and a number of persons");
        let measure = Measure::parse(&code).map_err(|_| bad())?;
        Ok((measure, u8::try_from(persons).map_err(|_| bad())?))
    };
    let days =
        |days: i32| u16::try_from(days).map_err(|_| Invalid::new("reply_days", "must be a number of days"));
    let policy = RegistryPolicy {
        quorums: w.quorums.into_iter().map(quorum).collect::<Result<_, Invalid>>()?,
        hearing: if w.hearing.is_empty() { built_in.hearing } else { Hearing::parse(&w.hearing)? },
        reply_days: if w.reply_days == 0 { built_in.reply_days } else { days(w.reply_days)? },
        languages: w.languages.into_iter().collect(),
    };
    Ok(Change::PolicySet(PolicySet { policy: policy.validated()? }))
}

/// A measure that takes more persons than there are could never be decided again, nor could the policy.
pub fn enough_people(policy: &RegistryPolicy, staff: &[Member]) -> Result<(), Refusal> {
    for measure in policy.quorums.keys() {
        let may = |m: &Member, right| m.roles.iter().any(|role| rights::may(*role, right, *measure));
        let in_office = || staff.iter().filter(|m| !m.dismissed);
        let decide = |m: &&Member| !m.service && may(m, Right::Approve);
        let deciding = in_office().filter(decide).count();
        let proposing = in_office().any(|m| may(m, Right::Propose) && !decide(&m));
        let needed = policy.quorum(*measure);
        if deciding + usize::from(proposing) < usize::from(needed) {
            let code = measure.code();
            return Err(Refusal::Illegal(format!("{code} would take {needed} persons: appoint more first")));
        }
    }
    Ok(())
}

pub fn locked(tx: &mut Tx<'_>, policy: &RegistryPolicy) -> Result<(), charter_store::Error> {
    Ok(enough_people(policy, &tx.staff()?)?)
}
