//! Naming constraints: which https identifiers a subtree may have (OpenID Federation 1.0, 6.2.2).
//!
//! An entry is a host in the style of RFC 5280, 4.2.1.10 (`edu.example` is that host, `.edu.example` every host
//! below it), or, beginning with `https://`, a prefix that ends where a path segment ends.

use charter_domain::HttpsId;
use serde::{Deserialize, Serialize};

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
    pub fn permits(&self, id: &HttpsId) -> bool {
        // Compared in lower case: hosts have no case, and a path that differs by case only is a disguise.
        let id = id.as_str().to_ascii_lowercase();
        // `https://edu.example@evil.example` is a name on another host: whoever restricts names refuses it.
        let Some(host) = host(&id) else { return false };
        let any = |entries: &[String]| entries.iter().any(|e| covers(&e.to_ascii_lowercase(), &id, host));
        !any(&self.excluded) && (self.permitted.is_empty() || any(&self.permitted))
    }
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

    fn permits(permitted: &[&str], excluded: &[&str], id: &str) -> bool {
        let list = |entries: &[&str]| entries.iter().map(|e| (*e).to_owned()).collect();
        let naming = NamingConstraints { permitted: list(permitted), excluded: list(excluded) };
        naming.permits(&HttpsId::parse(id).expect("an https id"))
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
