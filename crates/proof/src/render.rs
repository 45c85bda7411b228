//! A verified chain as text: what a person reads before relying on it.

use std::fmt::Write as _;

use charter_domain::{Kind, Timestamp};

use crate::{Denied, Link, LogProven, Verified, error::shown};

/// Anchor first, one line per link, each indented under the one that vouches for it.
pub fn text(verified: &Verified) -> String {
    let mut out = tree(&verified.links);
    if !verified.unstated.is_empty() {
        let names: Vec<String> = verified.unstated.iter().map(|n| shown(n)).collect();
        let _ = writeln!(out, "limited by {}, which the question does not mention", names.join(", "));
    }
    let (as_of, good_until) = (verified.as_of, verified.good_until);
    let _ = writeln!(
        out,
        "as of {as_of}, good until {good_until}; a revocation after {as_of} is not visible without a newer proof"
    );
    out
}

/// The same of a no, with its reason.
pub fn denial(denied: &Denied) -> String {
    let mut out = tree(&denied.links);
    let decision = match denied.leaf.asked.kind {
        Kind::Authorization => "not authorized",
        Kind::Recognition => "not recognized",
    };
    let (reason, as_of, good_until) = (denied.reason, denied.as_of, denied.good_until);
    let _ = writeln!(out, "{decision}: {reason}, {}", reason.text());
    let _ = writeln!(
        out,
        "as of {as_of}, good until {good_until}; what was granted after {as_of} is not visible without a newer proof"
    );
    out
}

fn tree(links: &[Link]) -> String {
    let mut out = String::new();
    for (depth, link) in links.iter().rev().enumerate() {
        let indent = "   ".repeat(depth.saturating_sub(1));
        let branch = if depth == 0 { "" } else { "└─ " };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{indent}{branch}{}: {}", link.authority_id, link.note);
    }
    out
}

/// Which checkpoint has the statement's event, which witnesses saw it, and how long ago.
pub fn log(proven: &LogProven, now: Timestamp) -> String {
    let LogProven { origin, size, index, recorded_at, .. } = proven;
    let mut out =
        format!("in the log {} at leaf {index} of {size}, recorded at {recorded_at}\n", shown(origin));
    let seen: Vec<String> =
        proven.witnesses.iter().map(|w| format!("{} at {}", shown(&w.name), w.at)).collect();
    let line = match (proven.witnessed, proven.newest) {
        (false, _) => "no witness was asked for: that others are shown the same log is not proven".to_owned(),
        (true, None) => "the policy needs no witness, and none cosigned".to_owned(),
        (true, Some(newest)) => {
            format!("cosigned by {}; the newest is {} s old", seen.join(", "), now.since(newest).as_secs())
        }
    };
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{line}");
    if let Some(until) = proven.event_until {
        let _ = writeln!(out, "its event ends at {until}");
    }
    out
}
