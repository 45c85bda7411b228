//! `[standby]`: where Patroni and the servers of all sites are asked by `charterd standby`. Nothing that serves uses it.

use std::collections::BTreeSet;

use charter_federation::protocol::native::is_loopback;
use http::Uri;
use serde::Deserialize;

/// Members, and servers, at most.
const MOST: usize = 16;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standby {
    /// Base URL of each member's REST API.
    pub patroni: Vec<String>,
    /// For what changes something, if the members ask for it.
    pub user: String,
    pub password_file: String,
    /// Authorities (PEM) of the members' and servers' certificates; empty: those of the system.
    pub ca_file: String,
    /// Base URL of each server, at every site.
    pub servers: Vec<String>,
}

fn is_base(url: &str) -> bool {
    let parsed: Option<Uri> = url.parse().ok();
    parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    })
}

pub(super) fn faults(settings: &Standby) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, urls) in [("patroni", &settings.patroni), ("servers", &settings.servers)] {
        for url in urls.iter().filter(|url| !is_base(url)) {
            faults.push(format!("standby.{name}: `{url}` is not a URL such as http://10.0.0.1:8008"));
        }
        if urls.iter().collect::<BTreeSet<_>>().len() < urls.len() {
            faults.push(format!("standby.{name} names a URL twice"));
        }
        if urls.len() > MOST {
            faults.push(format!("standby.{name} has more than {MOST} URLs"));
        }
    }
    if settings.user.is_empty() != settings.password_file.is_empty() {
        faults.push("standby.user and standby.password_file go together".to_owned());
    }
    let plain =
        |url: &&String| url.starts_with("http:") && !url.parse::<Uri>().is_ok_and(|uri| is_loopback(&uri));
    if !settings.user.is_empty()
        && let Some(url) = settings.patroni.iter().find(plain)
    {
        faults.push(format!("standby.password_file would be sent in the clear to `{url}`: use https"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named() {
        let text = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
        let of = |patroni: &[&str], user: &str, password: &str| Standby {
            patroni: text(patroni),
            user: user.to_owned(),
            password_file: password.to_owned(),
            ca_file: String::new(),
            servers: Vec::new(),
        };
        let good = ["http://10.0.0.1:8008", "https://b.example:8008"];
        assert!(faults(&of(&good, "", "")).is_empty());
        assert!(
            faults(&of(&["https://b.example:8008", "http://127.0.0.1:8008"], "charter", "pw")).is_empty()
        );
        for (settings, word) in [
            (of(&["10.0.0.1:8008"], "", ""), "is not a URL"),
            (of(&["ftp://a/"], "", ""), "is not a URL"),
            (of(&[good[0], good[0]], "", ""), "twice"),
            (of(&good[1..], "charter", ""), "go together"),
            (of(&good, "charter", "pw"), "in the clear"),
        ] {
            let found = faults(&settings);
            assert!(found.len() == 1 && found[0].contains(word), "{found:?}");
        }
        let many: Vec<String> = (0..17).map(|n| format!("http://10.0.0.{n}:8008")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(faults(&of(&many, "", ""))[0].contains("more than 16"));
    }
}
