//! A scope in words, for people.

use super::{Jurisdiction, Pattern, Scope};

/// At most four names behind a word, then how many more; nothing for none.
pub fn list<'a>(names: impl Iterator<Item = &'a str>, before: &str) -> String {
    let names: Vec<&str> = names.collect();
    match names.len() {
        0 => String::new(),
        n if n > 4 => format!("{before}{} and {} more", names[..4].join(", "), n - 4),
        _ => format!("{before}{}", names.join(", ")),
    }
}

/// Each grant, such as `issue on Degree in FI`. Names of conditions are free text: `shown` makes them fit to print.
pub fn scope(scope: &Scope, shown: impl Fn(&str) -> String) -> String {
    let grants: Vec<String> = scope
        .0
        .iter()
        .map(|g| {
            let actions = list(g.actions.iter().map(Pattern::as_str), "");
            let resources = list(g.resources.iter().map(Pattern::as_str), " on ");
            let place = list(g.jurisdictions.iter().map(Jurisdiction::as_str), " in ");
            let conditions: Vec<String> = g.conditions.keys().map(|k| shown(k)).collect();
            let limits = list(conditions.iter().map(String::as_str), ", limited by ");
            format!("{actions}{resources}{place}{limits}")
        })
        .collect();
    grants.join("; ")
}
