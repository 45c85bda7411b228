//! What the faults came to: one table, and the same with every run as JSON.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::PathBuf,
};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::json;

use crate::{check::Violation, history::Micros};

/// What a fault may cost; what has no figure is shown for what it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Limits {
    /// Longest time without an acknowledged write, in milliseconds.
    pub write_gap: Option<u64>,
    /// Longest time without an answered question, in milliseconds.
    pub read_gap: Option<u64>,
    /// P99 of questions from when they were due, in milliseconds.
    pub read_p99: Option<u64>,
    /// Questions that nobody answered.
    pub read_errors: Option<u64>,
}

/// One run of a fault under load.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Run {
    pub fault: &'static str,
    pub seed: u64,
    /// Acknowledged.
    pub writes: u64,
    /// Neither acknowledged nor certainly refused.
    pub unknown: u64,
    pub reads: u64,
    /// Questions that no server answered in time.
    pub read_errors: u64,
    /// Milliseconds.
    pub write_gap: u64,
    pub read_gap: u64,
    pub read_p50: f64,
    pub read_p99: f64,
    /// Acknowledged writes that are not there.
    pub lost: u64,
    /// Answers and entities that no order of what was done explains (R28).
    pub disorder: u64,
    /// What attempts met, by kind.
    pub troubles: BTreeMap<String, u64>,
    /// Figures of the fault itself.
    pub notes: Vec<String>,
    /// Everything that must not be.
    pub violations: Vec<String>,
    /// Why the run could not be carried through.
    pub broken: Option<String>,
}

impl Run {
    pub fn blame(&mut self, violations: &[Violation]) {
        self.lost += violations.iter().filter(|violation| violation.is_lost()).count() as u64;
        self.disorder += violations.iter().filter(|violation| violation.is_disorder()).count() as u64;
        self.violations.extend(violations.iter().map(ToString::to_string));
    }

    /// What was missed, in words.
    pub fn missed(&self, limits: &Limits) -> Vec<String> {
        let mut all: Vec<String> = self.broken.iter().cloned().chain(self.violations.clone()).collect();
        let figures = [
            ("write gap", self.write_gap, limits.write_gap, "ms"),
            ("read gap", self.read_gap, limits.read_gap, "ms"),
            ("read P99", self.read_p99.ceil() as u64, limits.read_p99, "ms"),
            ("questions without an answer", self.read_errors, limits.read_errors, ""),
        ];
        for (what, value, limit, unit) in figures {
            if let Some(limit) = limit.filter(|limit| value > *limit) {
                all.push(format!("{what} {value} {unit}, wanted {limit}"));
            }
        }
        all
    }
}

/// A fault with all its runs.
#[derive(Debug, Serialize)]
pub struct Row {
    pub fault: &'static str,
    pub what: &'static str,
    pub limits: Limits,
    pub runs: Vec<Run>,
}

impl Row {
    /// In every run.
    pub fn is_good(&self) -> bool {
        !self.runs.is_empty() && self.runs.iter().all(|run| run.missed(&self.limits).is_empty())
    }

    fn sorted(&self, figure: impl Fn(&Run) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = self.runs.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// `median / worst`, of milliseconds as seconds.
    fn seconds(&self, figure: impl Fn(&Run) -> u64) -> String {
        let values = self.sorted(|run| figure(run) as f64 / 1e3);
        let worst = values.last().copied().unwrap_or(f64::NAN);
        format!("{:.2} / {worst:.2}", median(&values))
    }

    fn cells(&self) -> [String; 8] {
        let worst = self.sorted(|run| run.read_p99).last().copied().unwrap_or(f64::NAN);
        let lost: u64 = self.runs.iter().map(|run| run.lost).sum();
        let verdict = if self.is_good() { "met" } else { "MISSED" };
        [
            format!("{} {}", self.fault, self.what),
            self.runs.len().to_string(),
            self.seconds(|run| run.write_gap),
            self.seconds(|run| run.read_gap),
            lost.to_string(),
            self.runs.iter().map(|run| run.read_errors).sum::<u64>().to_string(),
            format!("{worst:.0}"),
            verdict.to_owned(),
        ]
    }
}

/// Of sorted values.
pub fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

pub const fn milliseconds(time: Micros) -> u64 {
    time / 1_000
}

/// The table, and under it what was missed and what the faults themselves measured.
pub fn text(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        "fault",
        "runs",
        "write gap s, median / worst",
        "read gap s, median / worst",
        "lost",
        "unanswered",
        "read P99 ms, worst",
        "verdict",
    ]);
    for row in rows {
        table.add_row(row.cells());
    }
    for column in 1..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut lines = vec![table.to_string()];
    for row in rows {
        for (number, run) in row.runs.iter().enumerate() {
            let named = format!("{} run {}", row.fault, number + 1);
            lines.extend(run.missed(&row.limits).iter().map(|why| format!("{named}: MISSED: {why}")));
            lines.extend(run.notes.iter().map(|note| format!("{named}: {note}")));
        }
    }
    lines.join("\n")
}

/// Writes `target/ha/report.json`; where that is.
pub fn write(rows: &[Row]) -> anyhow::Result<PathBuf> {
    write_as("report.json", &json!({ "faults": rows }))
}

/// Writes a file of `target/ha`; where that is.
pub fn write_as(name: &str, what: &impl Serialize) -> anyhow::Result<PathBuf> {
    let path = folder()?.join(name);
    let mut file = BufWriter::new(File::create(&path)?);
    serde_json::to_writer(&mut file, what)?;
    file.flush()?;
    Ok(path)
}

/// `target/ha`, which is made.
pub fn folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2);
    let dir = target.map_or_else(|| "target/ha".into(), |target| target.join("ha"));
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { write_gap: Some(5_000), read_gap: Some(500), read_p99: Some(40), read_errors: Some(0) };

    fn row(runs: Vec<Run>) -> Row {
        Row { fault: "R1", what: "a fault", limits: LIMITS, runs }
    }

    #[test]
    fn a_run_within_all_limits_is_good_and_each_limit_counts() {
        let good = Run { write_gap: 5_000, read_gap: 500, read_p99: 40.0, ..Run::default() };
        assert!(good.missed(&LIMITS).is_empty());
        assert!(row(vec![good.clone(), good.clone()]).is_good());
        let bad = [
            Run { write_gap: 5_001, ..good.clone() },
            Run { read_gap: 501, ..good.clone() },
            Run { read_p99: 40.5, ..good.clone() },
            Run { read_errors: 1, ..good.clone() },
            Run { violations: vec!["wrong".to_owned()], ..good.clone() },
            Run { broken: Some("no leader".to_owned()), ..good.clone() },
        ];
        for run in bad {
            assert_eq!(run.missed(&LIMITS).len(), 1, "{run:?}");
            assert!(!row(vec![good.clone(), run]).is_good(), "one bad run is enough");
        }
        assert!(!row(Vec::new()).is_good(), "nothing was tried");
    }

    #[test]
    fn the_table_has_median_and_worst_and_what_was_lost() {
        let mut runs: Vec<Run> =
            [3_000, 1_000, 2_000].map(|write_gap| Run { write_gap, ..Run::default() }).into();
        runs[1].blame(&[Violation::Lost(7), Violation::Twice(8)]);
        let shown = text(&[row(runs)]);
        assert!(shown.contains("2.00 / 3.00"), "{shown}");
        assert!(shown.contains("| MISSED"), "{shown}");
        assert!(shown.contains("R1 run 2: MISSED: write 7 was acknowledged and is lost"), "{shown}");
        assert!(shown.contains("R1 run 2: MISSED: write 8 is recorded more than once"), "{shown}");
    }
}
