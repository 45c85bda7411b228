//! Naming constraints: which https identifiers a subtree may have (OpenID Federation 1.0, 6.2.2).
//!
//! An entry is a host in the style of RFC 5280, 4.2.1.10 (`edu.example` is that host, `.edu.example` every host
//! below it). One that begins with `https://` is a prefix that ends where a path segment ends: others issue such
//! entries, and they are understood; issued are hosts alone.

use serde::{Deserialize, Serialize};

use crate::{HttpsId, Invalid};

const FIELD: &str = "naming_constraints";
/// Most entries of a list.
const MAX_ENTRIES: usize = 16;
/// Longest host, in bytes (RFC 1035, 2.3.4).
const MAX_HOST: usize = 253;
/// Longest part of a host between dots, in bytes.
const MAX_LABEL: usize = 63;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamingConstraints {
    /// Empty permits every name that is not excluded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permitted: Vec<String>,
    /// Excluded wins over permitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<String>,
}

impl NamingConstraints {
    /// Those that a registry is to issue: hosts, in lower case from here on.
    ///
    /// # Errors
    /// Names the list, and what an entry must look like.
    pub fn parse(given: &Self) -> Result<Self, Invalid> {
        Ok(Self {
            permitted: hosts("permitted", &given.permitted)?,
            excluded: hosts("excluded", &given.excluded)?,
        })
    }

    /// No name is constrained.
    pub fn is_empty(&self) -> bool {
        self.permitted.is_empty() && self.excluded.is_empty()
    }

    /// Whatever `less` permits this permits too. Entries are compared one by one: what only several of them cover
    /// together is not seen.
    pub fn contains(&self, less: &Self) -> bool {
        let within = |inner: &String, list: &[String]| list.iter().any(|outer| spans(outer, inner));
        let kept = self.excluded.iter().all(|e| within(e, &less.excluded));
        let open = self.permitted.is_empty();
        kept && (open
            || !less.permitted.is_empty() && less.permitted.iter().all(|e| within(e, &self.permitted)))
    }

    /// An authority of the subtree may have this name.
    pub fn permits(&self, id: &HttpsId) -> bool {
        // Compared in lower case: hosts have no case, and a path that differs by case only is a disguise.
        let id = id.as_str().to_ascii_lowercase();
        // `https://edu.example@evil.example` is a name on another host: whoever restricts names refuses it.
        let Some(host) = host(&id) else { return false };
        let any = |entries: &[String]| entries.iter().any(|e| covers(&e.to_ascii_lowercase(), &id, host));
        !any(&self.excluded) && (self.permitted.is_empty() || any(&self.permitted))
    }
}

/// An entry that is to be issued, in lower case from here on.
///
/// # Errors
/// Says what it must look like.
pub fn entry(text: &str) -> Result<String, Invalid> {
    let text = text.to_ascii_lowercase();
    if is_host(text.strip_prefix('.').unwrap_or(&text)) {
        return Ok(text);
    }
    Err(Invalid::new(FIELD, "must have hosts such as `edu.example`, or `.edu.example` for all below it"))
}

/// A list of them, as it arrives.
fn hosts(list: &str, entries: &[String]) -> Result<Vec<String>, Invalid> {
    let field = format!("{FIELD}.{list}");
    if entries.len() > MAX_ENTRIES {
        return Err(Invalid::new(field, format!("must have at most {MAX_ENTRIES} entries")));
    }
    entries.iter().map(|e| entry(e).map_err(|fault| fault.at(&field))).collect()
}

fn is_host(text: &str) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let label = |l: &str| (1..=MAX_LABEL).contains(&l.len()) && l.bytes().all(inside);
    text.len() <= MAX_HOST && text.split('.').all(label)
}

/// Every name that `inner` covers `outer` covers too.
fn spans(outer: &str, inner: &str) -> bool {
    let (outer, inner) = (outer.to_ascii_lowercase(), inner.to_ascii_lowercase());
    let below = outer.starts_with('.') && !inner.starts_with("https://") && inner.ends_with(&outer);
    outer == inner || below
}

/// The host without its port; `None` where there is user information.
fn host(id: &str) -> Option<&str> {
    let authority = id.strip_prefix("https://")?.split('/').next()?;
    if authority.contains('@') {
        return None;
    }
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    (!host.is_empty()).then_some(host)
}

fn covers(entry: &str, id: &str, host: &str) -> bool {
    if entry.starts_with("https://") {
        let entry = entry.strip_suffix('/').unwrap_or(entry);
        // A prefix of text is not a prefix of names: `https://edu.example` is not `https://edu.example.evil`.
        return id.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    }
    if entry.starts_with('.') { host.ends_with(entry) && host.len() > entry.len() } else { host == entry }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|e| (*e).to_owned()).collect()
    }

    fn naming(permitted: &[&str], excluded: &[&str]) -> NamingConstraints {
        NamingConstraints { permitted: list(permitted), excluded: list(excluded) }
    }

    fn permits(permitted: &[&str], excluded: &[&str], id: &str) -> bool {
        naming(permitted, excluded).permits(&HttpsId::parse(id).expect("an https id"))
    }

    #[test]
    fn hosts_alone_are_issued() {
        let parse = |entry: &str| NamingConstraints::parse(&naming(&[entry], &[]));
        for (entry, read) in [("EDU.example", "edu.example"), (".edu.example", ".edu.example"), ("a", "a")] {
            assert_eq!(parse(entry).expect(entry).permitted, [read]);
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            ".",
            "..a",
            "a..b",
            "a.",
            "https://a.example",
            "a.example/b",
            "a:1",
            "*.a",
            "ä.example",
            &long,
        ] {
            assert_eq!(parse(bad).expect_err(bad).field, "naming_constraints.permitted");
        }
        let refused = NamingConstraints::parse(&naming(&[], &["a"; 17])).expect_err("too many");
        assert_eq!(refused.field, "naming_constraints.excluded");
    }

    #[test]
    fn what_is_narrower_permits_no_other_name() {
        let all = naming(&[], &[]);
        let edu = naming(&[".edu.example", "edu.example"], &["bad.edu.example"]);
        assert!(all.contains(&edu) && edu.contains(&edu) && all.contains(&all));
        assert!(!edu.contains(&all), "no longer constrained");
        assert!(edu.contains(&naming(&[".uni.edu.example"], &[".bad.example", "bad.edu.example", "x"])));
        assert!(edu.contains(&naming(&["a.edu.example"], &[".edu.example"])), "excluded with more");
        assert!(!edu.contains(&naming(&["a.edu.example"], &[])), "no longer excluded");
        assert!(!edu.contains(&naming(&[], &["bad.edu.example"])), "any other name");
        assert!(!edu.contains(&naming(&[".example"], &["bad.edu.example"])));
        assert!(!naming(&[".a.example"], &[]).contains(&naming(&["a.example"], &[])), "not below itself");
        assert!(!naming(&["a.example"], &[]).contains(&naming(&[".a.example"], &[])));
        assert!(!naming(&[".a.example"], &[]).contains(&naming(&["https://b.example/.a.example"], &[])));
    }

    #[test]
    fn prefixes_end_where_a_segment_ends() {
        let edu = ["https://edu.example"];
        assert!(permits(&edu, &[], "https://edu.example"));
        assert!(permits(&edu, &[], "https://edu.example/uni"));
        assert!(permits(&edu, &[], "https://EDU.example/uni"));
        for other in [
            "https://edu.example.evil.example",
            "https://edu.example:8443",
            "https://edu.example@evil.example",
            "https://uni.edu.example",
            "https://edu.exampl",
        ] {
            assert!(!permits(&edu, &[], other), "{other}");
        }
        assert!(permits(&["https://a.example/x/"], &[], "https://a.example/x/y"));
        assert!(!permits(&["https://a.example/x"], &[], "https://a.example/xy"));
    }

    #[test]
    fn hosts_follow_rfc_5280_and_excluded_wins() {
        assert!(permits(&[".edu.example"], &[], "https://uni.edu.example:8443/a"));
        assert!(!permits(&[".edu.example"], &[], "https://edu.example"));
        assert!(permits(&["edu.example"], &[], "https://edu.example/a"));
        assert!(!permits(&["edu.example"], &[], "https://uni.edu.example"));
        assert!(!permits(&[".edu.example"], &["bad.edu.example"], "https://BAD.edu.example:1"));
        assert!(permits(&[], &["bad.example"], "https://good.example"));
        assert!(!permits(&[], &["bad.example"], "https://x@bad.example"));
    }
}
