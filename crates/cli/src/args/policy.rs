//! Options of a registry's policy.

use charter_domain::{measure::Measure, registry_policy::Hearing};
use clap::Args;

use super::Draft;

#[derive(Debug, Args)]
pub struct SetPolicy {
    /// Persons that a measure takes, the proposer included, such as `REVOKE=3`; may be given again.
    #[arg(long, value_name = "MEASURE=N", value_parser = quorum)]
    pub quorum: Vec<(String, i32)>,
    /// REQUIRED or NOT_REQUIRED: whether who loses something is heard first.
    #[arg(long, value_name = "WORD", value_parser = Hearing::parse, default_value = "REQUIRED")]
    pub hearing: Hearing,
    /// Days that a notice leaves for a reply, at least.
    #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(i32).range(1..=365))]
    pub reply_days: i32,
    /// A language (BCP 47) in which entities must have a name; may be given again.
    #[arg(long, value_name = "TAG")]
    pub language: Vec<String>,
    /// Why it is proposed, for those who approve; not public.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub draft: Draft,
}

fn quorum(text: &str) -> Result<(String, i32), String> {
    let (measure, persons) = text.split_once('=').ok_or("must be `MEASURE=N`")?;
    let measure = Measure::parse(measure).map_err(|e| e.to_string())?;
    let persons = persons.parse().map_err(|_| "must be `MEASURE=N`, a number of persons")?;
    Ok((measure.code().to_owned(), persons))
}
