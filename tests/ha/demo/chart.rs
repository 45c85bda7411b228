//! One line for each second.

use std::collections::BTreeMap;

use crate::load::{Rates, Recorder};

/// Characters for a full second.
const WIDE: u32 = 20;

pub struct Chart {
    rates: Rates,
    /// What was told already.
    place: usize,
    troubles: BTreeMap<String, u64>,
    /// Acknowledged in the last second.
    pub writes: u32,
}

impl Chart {
    pub const fn new(rates: Rates) -> Self {
        Self { rates, place: 0, troubles: BTreeMap::new(), writes: 0 }
    }

    /// What has happened since the last line.
    pub fn line(&mut self, second: u32, recorder: &Recorder) -> String {
        let new = recorder.since(self.place);
        self.place += new.len();
        let done = |write| new.iter().filter(|e| e.is_done() && e.op.is_write() == write).count();
        self.writes = u32::try_from(done(true)).unwrap_or(u32::MAX);
        let reads = u32::try_from(done(false)).unwrap_or(u32::MAX);
        let troubles = recorder.troubles();
        let met: Vec<String> = troubles
            .iter()
            .map(|(kind, count)| (kind, count - self.troubles.get(kind).unwrap_or(&0)))
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        self.troubles = troubles;
        format!(
            "{second:>3} s  writes {:>4} {}  answers {reads:>5} {}  {}",
            self.writes,
            bar(self.writes, self.rates.writes),
            bar(reads, self.rates.reads),
            met.join(", ")
        )
    }
}

/// As long as the value is of what is usual.
fn bar(value: u32, usual: u32) -> String {
    let full = (value.saturating_mul(WIDE) / usual.max(1)).min(WIDE) as usize;
    format!("{}{}", "#".repeat(full), " ".repeat(WIDE as usize - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_part() {
        assert_eq!(bar(0, 200).trim(), "");
        assert_eq!(bar(100, 200).trim().len(), 10);
        assert_eq!(bar(900, 200).len(), 20);
        assert_eq!(bar(1, 0).len(), 20);
    }

    #[test]
    fn a_line_has_what_is_new() {
        let (recorder, mut chart) = (Recorder::new(), Chart::new(Rates { writes: 2, reads: 2 }));
        recorder.trouble(true, "UNAVAILABLE");
        assert!(chart.line(1, &recorder).ends_with("1 write: UNAVAILABLE"));
        recorder.trouble(false, "STALE");
        assert!(chart.line(2, &recorder).ends_with("1 read: STALE"));
    }
}
