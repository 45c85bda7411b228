//! What was measured, as a table and as `target/bench/summary.json`.

use std::{collections::BTreeMap, fs, path::Path};

use charter_domain::time::Clock;
use charter_server::clock::WallClock;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::tools::Done;

/// Values by name, one for each round.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<String, Vec<f64>>);

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

impl Samples {
    pub fn add(&mut self, key: &str, value: f64) {
        self.0.entry(key.to_owned()).or_default().push(value);
    }

    /// A limit and Charter, each with its CPU time for a request, and their ratios (1 is as good as the limit).
    pub fn pair(&mut self, key: &str, limit: (Done, f64), charter: (Done, f64)) {
        for (who, (done, cpu)) in [("limit", limit), ("charter", charter)] {
            self.add(&format!("{key}_{who}_rps"), done.per_second);
            self.add(&format!("{key}_{who}_cpu"), cpu);
        }
        self.add(&format!("{key}_rps_ratio"), charter.0.per_second / limit.0.per_second);
        self.add(&format!("{key}_cpu_ratio"), limit.1 / charter.1);
    }

    /// Between which values the median is, as far as the samples tell: 95 % by the order of the samples.
    fn interval(&self, key: &str) -> [f64; 2] {
        let mut sorted = self.0.get(key).cloned().unwrap_or_default();
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let away = 0.98 * n.sqrt();
        let at = |place: f64| sorted.get(place as usize).or(sorted.last()).copied().unwrap_or(f64::NAN);
        [at((n / 2.0 - away).max(0.0)), at((n / 2.0 + away).min(n))]
    }

    pub fn last(&self, key: &str) -> f64 {
        self.0.get(key).and_then(|values| values.last()).copied().unwrap_or(f64::NAN)
    }

    pub fn get(&self, key: &str) -> f64 {
        median(self.0.get(key).map_or(&[], Vec::as_slice))
    }
}

#[derive(Clone, Copy)]
enum Target {
    AtLeast(f64),
    Below(f64),
    /// Shown for what it is.
    Open,
}

impl Target {
    /// What is wanted of a value, and whether that is met.
    fn judge(self, value: f64, unit: &str) -> (String, Option<bool>) {
        match self {
            Target::AtLeast(t) => (format!(">= {}", shown(t, unit)), Some(value >= t)),
            Target::Below(t) => (format!("< {}", shown(t, unit)), Some(value < t)),
            Target::Open => (String::new(), None),
        }
    }
}

/// A row: key, what, unit, target, and what stands beside it.
type Row = (&'static str, &'static str, &'static str, Target, String);

fn rows(s: &Samples) -> Vec<Row> {
    use Target::{AtLeast, Below, Open};
    let k = |key: &str| format!("{:.1}k/s", s.get(key) / 1e3);
    let rate =
        |key: &str| format!("{} of {}", k(&format!("{key}_charter_rps")), k(&format!("{key}_limit_rps")));
    let cpu = |key: &str| {
        let of = |who: &str| s.get(&format!("{key}_{who}_cpu"));
        format!("{:.1} us, limit {:.1} us", of("charter"), of("limit"))
    };
    let hot = format!("{} of {}", k("hot_charter_rps"), k("hot_limit_rps"));
    let start = format!(
        "{:.0} MB at start, 10,000 entities {:.0} MB",
        s.get("resident_start"),
        s.get("resident_10k")
    );
    let full = format!("after the start of 400 registries {:.0} MB", s.get("resident_full_start"));
    let limit = format!("bare axum {:.1} ms", s.get("p99_limit"));
    let first = format!("the very first {:.1} ms", s.get("cold_first"));
    let levels = format!("the very first {:.1} ms", s.get("levels_first"));
    let again = format!("the same again {}", k("nations_warm"));
    let shared = format!("with shared pages counted once {:.0} MB", s.get("nations_proportional"));
    let dead = format!(
        "of {:.0}, the longest {:.1} ms; {:.0} while it was found out",
        s.get("dead_asked"),
        s.get("dead_longest"),
        s.get("dead_before")
    );
    let added = s.interval("log_cost").map(|end| shown(end, "%"));
    let writes = format!("{} to {}; {:.0} writes/s of one client", added[0], added[1], s.get("log_writes"));
    let worst = format!("slowest {:.1} ms", s.get("history_max"));
    vec![
        ("rest_rps_ratio", "cached, REST, against bare axum: requests/s", "%", AtLeast(0.7), rate("rest")),
        ("rest_cpu_ratio", "  CPU per request", "%", AtLeast(0.7), cpu("rest")),
        (
            "watched_rps_ratio",
            "  with traces, trail, logs and metrics on: requests/s",
            "%",
            AtLeast(0.7),
            rate("watched"),
        ),
        ("watched_cpu_ratio", "    CPU per request", "%", AtLeast(0.7), cpu("watched")),
        (
            "h2load_rps_ratio",
            "cached, gRPC, against bare tonic, h2load 4 x 32: requests/s",
            "%",
            AtLeast(0.7),
            rate("h2load"),
        ),
        ("h2load_cpu_ratio", "  CPU per request", "%", AtLeast(0.7), cpu("h2load")),
        (
            "tonic_rps_ratio",
            "the same, tonic client, 128 in flight: requests/s",
            "%",
            AtLeast(0.7),
            rate("tonic"),
        ),
        ("tonic_cpu_ratio", "  CPU per request", "%", AtLeast(0.7), cpu("tonic")),
        ("hot_rps_ratio", "answered from Postgres, against pgbench: requests/s", "%", AtLeast(0.5), hot),
        (
            "federated_rps_ratio",
            "three levels, warm, against local cached: requests/s",
            "%",
            AtLeast(0.8),
            rate("federated"),
        ),
        (
            "authzen_rps_ratio",
            "AuthZEN evaluation, cached, against TRQP's door: requests/s",
            "%",
            AtLeast(0.8),
            rate("authzen"),
        ),
        (
            "configuration_rps_ratio",
            "  OpenID Federation: entity configuration",
            "%",
            AtLeast(0.8),
            rate("configuration"),
        ),
        ("fetch_rps_ratio", "  OpenID Federation: fetch", "%", AtLeast(0.8), rate("fetch")),
        ("attribute_rps_ratio", "  EBSI: an attribute of an issuer", "%", AtLeast(0.8), rate("attribute")),
        (
            "ebsi_chain",
            "EBSI as superior: a chain of four, cold, median of 50",
            "ms",
            Below(60.0),
            String::new(),
        ),
        ("p99_cached", "P99 at 2,000/s, cached", "ms", Below(5.0), limit),
        ("p99_uncached", "P99 at 2,000/s, from Postgres", "ms", Below(15.0), String::new()),
        ("command", "P99 from approval to committed event, 50/s", "ms", Below(50.0), String::new()),
        ("cold", "three levels, cold, median of 50 entities", "ms", Below(50.0), first),
        (
            "levels_rps_ratio",
            "four levels, warm, against local cached: requests/s",
            "%",
            AtLeast(0.8),
            rate("levels"),
        ),
        ("levels_cold", "four levels, cold, P99 of 1,000 entities", "ms", Below(50.0), levels),
        ("revoked_fed", "a revocation, seen four levels above by feeds", "s", Below(2.0), String::new()),
        ("revoked_cut", "  the same when the feeds die under kept answers", "s", Below(60.0), String::new()),
        ("revoked_polled", "  the same without feeds", "s", Below(60.0), String::new()),
        ("dead_waits", "one branch dead: answers of the other over 50 ms", "", Below(1.0), dead),
        (
            "nations_cold",
            "200 countries: 10,000 random entities at the root, from cold",
            "/s",
            AtLeast(2_000.0),
            again,
        ),
        (
            "nations_ratio",
            "  against bare tonic, of which 2,000/s were 2.9 % where the target was set",
            "%",
            AtLeast(0.029),
            format!("bare tonic, 32 streams {}", k("nations_limit")),
        ),
        ("nations_resident", "  memory of all processes, everybody asked", "MB", Below(600.0), shared),
        (
            "nations_postgres",
            "  PostgreSQL beside them, shared pages counted once",
            "MB",
            Open,
            String::new(),
        ),
        ("policy_us", "policy: one check of a right, slowest case", "us", Below(1.0), String::new()),
        ("history_p95", "audit of 1,000,000 events, any filter, P95", "ms", Below(200.0), worst),
        (
            "log_published",
            "P99 from commit to published, 50/s, one witness",
            "ms",
            Below(400.0),
            String::new(),
        ),
        ("log_burst", "  the same in bursts of 100, one a second", "ms", Below(400.0), String::new()),
        ("log_leaves", "put into the tree: leaves/s", "/s", AtLeast(1_000.0), String::new()),
        ("log_cost", "the log adds to the time of a write", "%", Below(0.1), writes),
        ("writes_together", "writes of one registry, 32 clients at once", "/s", Open, String::new()),
        ("log_proof", "inclusion proof over REST, P99", "ms", Below(10.0), String::new()),
        ("log_tile", "tile, P99", "ms", Below(3.0), String::new()),
        ("log_verify", "1,000,000 entries verified by the auditor", "s", Below(60.0), String::new()),
        ("resident_full", "resident memory, full file asked once", "MB", Below(150.0), full),
        ("ready", "start to ready, 10,000 entities", "s", Below(1.0), start),
        ("ready_full", "start to ready, full file in 400 registries", "s", Below(1.0), String::new()),
    ]
}

fn shown(value: f64, unit: &str) -> String {
    match unit {
        "" => format!("{value:.0}"),
        "%" if value.abs() < 0.1 => format!("{:.1} %", value * 100.0),
        "%" => format!("{:.0} %", value * 100.0),
        "MB" => format!("{value:.0} MB"),
        "us" => format!("{value:.3} us"),
        "s" => format!("{value:.2} s"),
        _ => format!("{value:.1} {unit}"),
    }
}

/// Prints the table and writes the summary.
pub fn report(samples: &Samples, pace: &Value) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["figure", "measured", "target", "verdict", "absolute"]);
    let mut figures = Vec::new();
    for (key, what, unit, target, beside) in rows(samples) {
        let value = samples.get(key);
        if value.is_nan() {
            continue; // Not measured in this run.
        }
        let (wanted, good) = target.judge(value, unit);
        let verdict = good.map_or("", |good| if good { "met" } else { "MISSED" });
        figures.push(json!({
            "figure": key, "what": what.trim(), "value": value, "unit": unit, "target": wanted, "met": good,
        }));
        table.add_row([what, &shown(value, unit), &wanted, verdict, &beside]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let machine = machine();
    println!("\n{table}\n\n{}", machine["text"].as_str().unwrap_or_default());
    let summary = json!({
        "measured_at": WallClock.now().to_string(), "machine": machine, "pace": pace, "figures": figures,
        "samples": samples.0,
    });
    let dir = std::env::current_exe()?
        .parent()
        .and_then(Path::parent)
        .map_or_else(|| "target/bench".into(), |target| target.join("bench"));
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("summary.json"), serde_json::to_vec_pretty(&summary)?)?;
    Ok(())
}

fn machine() -> Value {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name));
        line.map(|l| l.trim_start_matches([':', ' ', '\t']).to_owned()).unwrap_or_default()
    };
    let cpu = field(&file("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory: f64 =
        field(&file("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0.0);
    let kernel = file("/proc/sys/kernel/osrelease").trim().to_owned();
    let load = file("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    let text = format!(
        "{cores} cores ({cpu}), {:.0} GB, Linux {kernel}; load tools on the same cores",
        memory / 1e6
    );
    json!({ "text": text, "cores": cores, "cpu": cpu, "kernel": kernel, "load_average_at_end": load })
}
