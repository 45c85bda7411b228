//! The chain of events within a log: numbers without gaps, each naming the one before, time that never goes back.

use charter_domain::Timestamp;
use charter_tlog::{Hash, hash};
use serde::Deserialize;

/// What ties an event to its neighbours.
#[derive(Deserialize)]
struct Head {
    registry: String,
    seq: u64,
    recorded_at: Timestamp,
    /// Leaf hash of the event before, lower-case hex.
    prev: Option<String>,
}

/// Where a chain of events has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The authority whose events they are.
    pub registry: String,
    pub seq: u64,
    pub recorded_at: Timestamp,
    leaf: Hash,
}

/// Consecutive events, hashed and found to be a chain.
#[derive(Debug)]
pub struct Run {
    /// Of each event, in order.
    pub leaves: Vec<Hash>,
    first: End,
    prev: Option<String>,
    /// Of the last event.
    pub end: End,
    pub bytes: u64,
}

impl Run {
    /// Hashes events, of which the first has this index, and checks that they are a chain.
    pub fn of(index: u64, entries: &[Vec<u8>]) -> Result<Self, String> {
        let mut run: Option<Self> = None;
        for (seq, entry) in (index + 1..).zip(entries) {
            let (end, prev) = read(seq, entry)?;
            match &mut run {
                None => {
                    run = Some(Self {
                        leaves: Vec::new(),
                        first: end.clone(),
                        prev,
                        end: end.clone(),
                        bytes: 0,
                    });
                }
                Some(run) => follows(&run.end, &end, prev.as_deref())?,
            }
            if let Some(run) = &mut run {
                run.leaves.push(end.leaf);
                run.bytes += u64::try_from(entry.len()).unwrap_or(0);
                run.end = end;
            }
        }
        run.ok_or_else(|| format!("there is no event {}", index + 1))
    }

    /// Checks that these events go on from where others ended; without others, that they are the first, or that
    /// nothing is known of the one before.
    pub fn goes_on(&self, from: Option<&End>) -> Result<(), String> {
        match (from, &self.prev) {
            (Some(from), prev) => follows(from, &self.first, prev.as_deref()),
            (None, Some(_)) if self.first.seq == 1 => Err("event 1 names an event before it".to_owned()),
            (None, _) => Ok(()),
        }
    }
}

/// Reads an event that must have this number.
fn read(seq: u64, entry: &[u8]) -> Result<(End, Option<String>), String> {
    let head: Head = serde_json::from_slice(entry).map_err(|e| format!("event {seq} cannot be read: {e}"))?;
    if head.seq != seq {
        return Err(format!("in the place of event {seq} is event {}", head.seq));
    }
    let Head { registry, recorded_at, prev, .. } = head;
    Ok((End { registry, seq, recorded_at, leaf: hash::leaf(entry) }, prev))
}

fn follows(before: &End, event: &End, prev: Option<&str>) -> Result<(), String> {
    let seq = event.seq;
    if event.registry != before.registry {
        return Err(format!(
            "event {seq} is of `{}`, the one before of `{}`",
            event.registry, before.registry
        ));
    }
    if prev != Some(&hex(&before.leaf)) {
        return Err(format!("event {seq} does not name the event before it"));
    }
    if event.recorded_at < before.recorded_at {
        return Err(format!(
            "event {seq} was recorded at {}, before event {}",
            event.recorded_at, before.seq
        ));
    }
    Ok(())
}

fn hex(hash: &Hash) -> String {
    hash.as_bytes().iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events from 1 on, at these seconds.
    fn chain(seconds: &[i64]) -> Vec<Vec<u8>> {
        let mut prev: Option<String> = None;
        let event = |(seq, secs): (usize, &i64)| {
            let at = Timestamp::from_secs(*secs).to_string();
            let event = serde_json::json!({ "prev": prev, "recorded_at": at, "registry": "did:web:a.example", "seq": seq });
            let body = event.to_string().into_bytes();
            prev = Some(hex(&hash::leaf(&body)));
            body
        };
        (1..).zip(seconds).map(event).collect()
    }

    #[test]
    fn a_chain_verifies_in_one_piece_and_in_two() {
        let all = chain(&[1, 1, 2, 9]);
        let whole = Run::of(0, &all).expect("a chain");
        assert_eq!((whole.leaves.len(), whole.end.seq), (4, 4));
        whole.goes_on(None).expect("the beginning");
        let (first, rest) = (Run::of(0, &all[..2]).expect("a part"), Run::of(2, &all[2..]).expect("a part"));
        rest.goes_on(Some(&first.end)).expect("goes on");
        rest.goes_on(None).expect("nothing is known of event 2");
        assert_eq!(rest.end, whole.end);
    }

    #[test]
    fn a_broken_chain_is_found() {
        let all = chain(&[1, 2, 3]);
        let refused = |index, events: &[Vec<u8>]| Run::of(index, events).expect_err("refused");
        assert!(refused(1, &all).contains("in the place of event 2"));
        assert!(refused(0, &[all[0].clone(), all[2].clone()]).contains("in the place of event 2"));
        let moved = String::from_utf8(all[1].clone()).expect("UTF-8").replace("a.example", "b.example");
        assert!(refused(0, &[all[0].clone(), moved.into_bytes()]).contains("b.example"));
        assert!(refused(0, &chain(&[5, 4])).contains("recorded at"));
        assert!(refused(0, &[]).contains("no event 1"));
        assert!(refused(0, &[b"{".to_vec()]).contains("cannot be read"));
        let other = Run::of(0, &chain(&[7])).expect("another");
        let rest = Run::of(1, &all[1..]).expect("a part");
        assert!(rest.goes_on(Some(&other.end)).expect_err("refused").contains("does not name"));
        let late = Run::of(0, &[all[0].clone()]).expect("one");
        assert!(Run::of(2, &all[2..]).expect("a part").goes_on(Some(&late.end)).is_err());
    }
}
