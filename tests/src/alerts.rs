//! Whether an alert fires for its real cause: what servers show before, while and after something is so, evaluated over hours
//! by Prometheus itself (`promtool test rules`) with the rules as they are shipped.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use charter_domain::time::Clock as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::{Rest, TestApp, program::root};

/// Minutes that each state lasts.
const BEFORE: usize = 60;
const DURING: usize = 90;
const AFTER: usize = 180;
/// For what comes at all, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one server shows at one time: `up`, and if it is, the series that rules look at.
#[derive(Debug, Clone)]
pub struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// Asks for the metrics. Times of the future are kept as how far off they are by the server's clock: Prometheus' test
    /// begins in 1970.
    pub async fn of(app: &TestApp) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "seconds of this century")]
        let now = app.clock.now().secs() as f64;
        let rules = rules();
        let reply = Rest::new(app.address).get("/metrics").await;
        let text = reply.text();
        let lines =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        let mut series = BTreeMap::from([("up".to_owned(), 1.0)]);
        for (name, value) in lines {
            let metric = name.split('{').next().unwrap_or_default();
            let Ok(value) = value.parse::<f64>() else { continue };
            // Of a histogram's buckets one is looked at.
            let looked_at =
                rules.contains(metric) && (!metric.ends_with("_bucket") || name.contains("le=\"0.025\""));
            let value = if metric.ends_with("_timestamp_seconds") { value - now } else { value };
            if looked_at {
                series.insert(name.to_owned(), value);
            }
        }
        Self(series)
    }

    /// The same, as soon as a series has this value; one without labels, or with all of them.
    pub async fn with(app: &TestApp, name: &str, value: f64) -> Self {
        let end = Instant::now() + PATIENCE;
        loop {
            let scrape = Self::of(app).await;
            if scrape.0.get(name).is_some_and(|found| (found - value).abs() < f64::EPSILON) {
                return scrape;
            }
            assert!(Instant::now() < end, "{name} is not {value} in {scrape:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Nobody listens there.
    pub async fn of_nobody(address: SocketAddr) -> Self {
        assert!(TcpStream::connect(address).await.is_err(), "{address} answers");
        Self(BTreeMap::from([("up".to_owned(), 0.0)]))
    }
}

fn rules() -> String {
    fs::read_to_string(root().join("helm/charter/files/rules.yaml")).expect("the rules")
}

/// The alert is silent before, fires while it is so, and is silent again afterwards. What was counted meanwhile is counted
/// anew every minute while it is so.
pub fn fires(alert: &str, before: &Scrape, during: &Scrape, after: &Scrape) {
    let end = BEFORE + DURING + AFTER - 1;
    let silent =
        |minute: usize| json!({ "eval_time": format!("{minute}m"), "alertname": alert, "exp_alerts": [] });
    let fired = format!(
        "count(last_over_time(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}[{}m])) > bool 0",
        DURING - 1
    );
    let test = json!({
        "rule_files": [root().join("helm/charter/files/rules.yaml")],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": series(before, during, after),
            "alert_rule_test": [silent(BEFORE - 1), silent(end)],
            "promql_expr_test": [{
                "expr": fired, "eval_time": format!("{}m", BEFORE + DURING - 1),
                "exp_samples": [{ "labels": "{}", "value": 1 }],
            }],
        }],
    });
    let file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    fs::write(file.path(), test.to_string()).expect("written");
    let done = Command::new("promtool").args(["test", "rules"]).arg(file.path()).output().expect("promtool");
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success(), "{alert}: {said}\nbefore {before:?}\nduring {during:?}\nafter {after:?}");
}

fn series(before: &Scrape, during: &Scrape, after: &Scrape) -> Vec<Value> {
    let mut names: Vec<&String> = before.0.keys().chain(during.0.keys()).chain(after.0.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let one = |name: &&String| {
        let (first, second) = (before.0.get(*name).copied(), during.0.get(*name).copied());
        let values = if is_counted(name) {
            counted(first, second)
        } else {
            let mut values = String::new();
            for (value, minutes) in [(first, BEFORE), (second, DURING), (after.0.get(*name).copied(), AFTER)]
            {
                shown(&mut values, value, 0.0, minutes);
            }
            values
        };
        json!({ "series": labelled(name), "values": values })
    };
    names.iter().map(one).collect()
}

fn is_counted(name: &str) -> bool {
    let metric = name.split('{').next().unwrap_or_default();
    ["_total", "_count", "_bucket"].iter().any(|end| metric.ends_with(end))
}

/// Stands still, rises by as much each minute as was seen, and stands still.
fn counted(first: Option<f64>, second: Option<f64>) -> String {
    let (from, to) = (first.unwrap_or_default(), second.unwrap_or_default());
    let (step, mut values) = ((to - from).max(0.0), String::new());
    #[expect(clippy::cast_precision_loss, reason = "minutes")]
    let top = step.mul_add(DURING as f64, from);
    shown(&mut values, first, 0.0, BEFORE);
    shown(&mut values, second.map(|_| from + step), step, DURING);
    shown(&mut values, second.map(|_| top), 0.0, AFTER);
    values
}

/// In the notation of `promtool`.
fn shown(values: &mut String, value: Option<f64>, step: f64, minutes: usize) {
    let more = minutes - 1;
    let _ = match value {
        Some(value) => write!(values, "{value}+{step}x{more} "),
        None => write!(values, "_x{minutes} "),
    };
}

/// As Prometheus keeps it.
fn labelled(name: &str) -> String {
    let of = "job=\"charter\",instance=\"a:7102\"";
    match name.split_once('{') {
        Some((metric, labels)) => format!("{metric}{{{of},{labels}"),
        None => format!("{name}{{{of}}}"),
    }
}
