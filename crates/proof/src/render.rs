//! A verified chain as text: what a person reads before relying on it.

use std::fmt::Write as _;

use crate::Verified;

/// Anchor first, one line per link, each indented under the one that vouches for it.
pub fn text(verified: &Verified) -> String {
    let mut out = String::new();
    for (depth, link) in verified.links.iter().rev().enumerate() {
        let indent = "   ".repeat(depth.saturating_sub(1));
        let branch = if depth == 0 { "" } else { "└─ " };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{indent}{branch}{}: {}", link.authority_id, link.note);
    }
    if !verified.unstated.is_empty() {
        let names: Vec<String> = verified.unstated.iter().map(|n| crate::error::shown(n)).collect();
        let _ = writeln!(out, "limited by {}, which the question does not mention", names.join(", "));
    }
    let (as_of, good_until) = (verified.as_of, verified.good_until);
    let _ = writeln!(
        out,
        "as of {as_of}, good until {good_until}; a revocation after {as_of} is not visible without a newer proof"
    );
    out
}
