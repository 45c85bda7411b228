//! `charterd doctor --explain ALERT`: what an alert means and what to do, with what a server says now.

use std::{fmt::Write as _, net::IpAddr, time::Duration};

use serde::Deserialize;

use crate::{
    Config,
    config::listener::Service,
    https::{Bounds, Client},
    tls,
};

/// The rules that Prometheus has.
const RULES: &str = include_str!("../../../helm/charter/files/rules.yaml");

macro_rules! runbooks {
    ($($name:literal),+ $(,)?) => {
        &[$((
            concat!("docs/runbooks/", $name, ".md"),
            include_str!(concat!("../../../docs/runbooks/", $name, ".md")),
        )),+]
    };
}

const RUNBOOKS: &[(&str, &str)] = runbooks![
    "backup",
    "certificate",
    "clock",
    "disk-full",
    "emergency-denial",
    "equivocation",
    "error-budget",
    "failover",
    "feed-lag",
    "key-compromise",
    "log-stopped",
    "lost-site",
    "redis",
    "renewal",
    "restore",
    "trail",
];

const ASK: Bounds = Bounds { deadline: Duration::from_secs(3), max_answer: 4 * 1024 * 1024, idle: 0 };
/// Series of one metric that are shown.
const MOST: usize = 20;

#[derive(Debug, Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, Deserialize)]
struct Rule {
    #[serde(default)]
    alert: Option<String>,
    expr: String,
    #[serde(default, rename = "for")]
    after: Option<String>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Labels {
    #[serde(default)]
    severity: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Annotations {
    #[serde(default)]
    summary: String,
    #[serde(default)]
    runbook: String,
}

fn alerts() -> Result<Vec<Rule>, String> {
    let rules: Rules =
        serde_norway::from_str(RULES).map_err(|e| format!("the alerts cannot be read: {e}"))?;
    Ok(rules.groups.into_iter().flat_map(|group| group.rules).filter(|rule| rule.alert.is_some()).collect())
}

/// The alert and its runbook, with values from the server at `url`, or from the configured listener for staff.
///
/// # Errors
/// In words, where there is no such alert.
pub async fn explain(name: &str, url: Option<&str>, config: Option<&Config>) -> Result<String, String> {
    let alerts = alerts()?;
    let Some(rule) = alerts.iter().find(|rule| rule.alert.as_deref() == Some(name)) else {
        let names: Vec<&str> = alerts.iter().filter_map(|rule| rule.alert.as_deref()).collect();
        return Err(format!("there is no alert `{name}`; there are {}", names.join(", ")));
    };
    let mut text = format!("{name} ({})\n{}\n", rule.labels.severity, rule.annotations.summary);
    let after = rule.after.as_deref().map(|after| format!(", for {after}")).unwrap_or_default();
    let _ = writeln!(text, "\nwhen  {}{after}\n", rule.expr.split_whitespace().collect::<Vec<_>>().join(" "));
    text.push_str(&now(rule, url.map(str::to_owned).or_else(|| listener(config?))).await);
    let found = RUNBOOKS.iter().find(|(path, _)| *path == rule.annotations.runbook);
    let (_, runbook) = found.ok_or_else(|| format!("`{}` is missing", rule.annotations.runbook))?;
    text.push_str(runbook.split_once("-->").map_or(*runbook, |(_, rest)| rest));
    Ok(text)
}

/// Of this machine, where staff and Prometheus ask.
fn listener(config: &Config) -> Option<String> {
    let found = config.listeners.iter().find(|listener| listener.offers(Service::Staff))?;
    let scheme = if found.tls.is_some() { "https" } else { "http" };
    let mut address = found.address;
    if address.ip().is_unspecified() {
        let is_ipv4 = address.is_ipv4();
        address.set_ip(if is_ipv4 {
            IpAddr::from([127, 0, 0, 1])
        } else {
            IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])
        });
    }
    Some(format!("{scheme}://{address}"))
}

async fn now(rule: &Rule, url: Option<String>) -> String {
    let Some(url) = url else { return "now   nobody was asked: name a server with --server\n".to_owned() };
    match scraped(&url).await {
        Ok(metrics) => {
            let lines = values(&rule.expr, &metrics);
            let shown = if lines.is_empty() { vec!["(no such value)"] } else { lines };
            format!("now   at {url}\n      {}\n", shown.join("\n      "))
        }
        Err(why) => format!("now   {url} gives no values: {why}\n"),
    }
}

async fn scraped(url: &str) -> Result<String, String> {
    let client = Client::new(tls::client(None)?, ASK).in_plain();
    let (status, body) = client.get(&format!("{}/metrics", url.trim_end_matches('/'))).await?;
    if status.is_success() {
        Ok(String::from_utf8_lossy(&body).into_owned())
    } else {
        Err(status.to_string())
    }
}

/// The lines of the metrics that an expression names; of a histogram its counts.
fn values<'m>(expr: &str, metrics: &'m str) -> Vec<&'m str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names: Vec<&str> = expr.split(|c: char| !word(c)).filter(|name| name.contains('_')).collect();
    let series = |line: &&str| {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        names.contains(&name) && !name.ends_with("_bucket")
    };
    metrics.lines().filter(series).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_alert_has_a_severity_a_text_and_a_runbook_that_names_it() {
        let alerts = alerts().expect("rules");
        assert!(alerts.len() > 20);
        for rule in &alerts {
            let name = rule.alert.clone().unwrap_or_default();
            assert!(matches!(rule.labels.severity.as_str(), "critical" | "warning"), "{name}");
            assert!(!rule.annotations.summary.is_empty(), "{name}");
            let text = explain(&name, None, None).await.expect("a runbook");
            assert!(
                text.contains(&format!("`{name}`")),
                "{name} does not stand in {}",
                rule.annotations.runbook
            );
        }
        for (path, text) in RUNBOOKS {
            assert!(alerts.iter().any(|rule| rule.annotations.runbook == *path), "{path} is of no alert");
            for part in ["## What it means", "## Look", "## Do", "## Over when", "```sh"] {
                assert!(text.contains(part), "{path} lacks {part}");
            }
        }
        assert!(explain("CharterSad", None, None).await.expect_err("none").contains("CharterRedisDown"));
    }

    #[test]
    fn values_are_those_that_the_expression_names() {
        let metrics =
            "# HELP charter_redis_up x\ncharter_redis_up 0\ncharter_redis_upper 1\nother{a=\"b\"} 2\n";
        assert_eq!(values("charter_redis_up == 0", metrics), ["charter_redis_up 0"]);
        assert_eq!(values("max by (job) (other_thing) > other", metrics), Vec::<&str>::new());
    }
}
