//! An event as one line of an export, and the check of such lines without a database: each hashes to its leaf and
//! names the one before.

use serde_json::Value;

use super::leaf_hash;
use crate::{Invalid, json};

const LEAF: &str = "leaf_hash";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The event's members, and `leaf_hash` besides; canonical, without a line end.
pub fn exported(body: &[u8]) -> Result<Vec<u8>, Invalid> {
    let bad = |why: &str| Invalid::new("event", why);
    let text = std::str::from_utf8(body).map_err(|_| bad("is not UTF-8"))?;
    let mut event = json::parse_strict(text)?;
    let members = event.as_object_mut().ok_or_else(|| bad("is not an object"))?;
    members.insert(LEAF.to_owned(), Value::String(hex(&leaf_hash(body))));
    json::canonical(&event)
}

/// What a file of lines came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    pub events: u64,
    pub first: i64,
    pub last: i64,
    /// Runs of events that are not in the file: none when everything from `first` to `last` is.
    pub gaps: u64,
    /// Leaf hash of the last event: the registry's head when it was exported whole.
    pub head: String,
}

impl Checked {
    /// Takes the next line. A fault says what is wrong with it.
    pub fn line(&mut self, line: &str) -> Result<(), Invalid> {
        let bad = |why: &str| Invalid::new("event", why);
        let mut event = json::parse_strict(line)?;
        let members = event.as_object_mut().ok_or_else(|| bad("is not an object"))?;
        let said = members.remove(LEAF).ok_or_else(|| bad("has no `leaf_hash`"))?;
        let body = json::canonical(&event)?;
        let leaf = hex(&leaf_hash(&body));
        if said.as_str() != Some(&leaf) {
            return Err(bad("does not hash to its leaf"));
        }
        let seq = event["seq"].as_i64().filter(|s| *s > self.last).ok_or_else(|| bad("is out of order"))?;
        if seq == self.last + 1 {
            let prev = event["prev"].as_str().unwrap_or_default();
            if self.events > 0 && prev != self.head || self.events == 0 && !prev.is_empty() {
                return Err(bad("does not name the event before it"));
            }
        } else {
            self.gaps += u64::from(self.events > 0);
        }
        if self.events == 0 {
            self.first = seq;
        }
        (self.events, self.last, self.head) = (self.events + 1, seq, leaf);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(count: i64) -> Vec<String> {
        let mut prev: Option<String> = None;
        let event = |seq| {
            let body = json::canonical(&serde_json::json!({ "seq": seq, "prev": prev, "kind": "Å" }))
                .expect("canonical");
            prev = Some(hex(&leaf_hash(&body)));
            String::from_utf8(exported(&body).expect("a line")).expect("UTF-8")
        };
        (1..=count).map(event).collect()
    }

    fn check<'a>(lines: impl IntoIterator<Item = &'a String>) -> Result<Checked, String> {
        let mut checked = Checked::default();
        for line in lines {
            checked.line(line).map_err(|e| e.reason)?;
        }
        Ok(checked)
    }

    #[test]
    fn a_whole_export_and_a_part_of_it_verify() {
        let lines = chain(5);
        let whole = check(&lines).expect("whole");
        assert_eq!((whole.events, whole.first, whole.last, whole.gaps), (5, 1, 5, 0));
        let part = check(&lines[2..]).expect("a part");
        assert_eq!((part.events, part.first, part.gaps, &part.head), (3, 3, 0, &whole.head));
        assert_eq!(check([&lines[0], &lines[3]]).expect("filtered").gaps, 1);
    }

    #[test]
    fn what_was_changed_moved_or_left_out_unseen_is_found() {
        let lines = chain(3);
        let changed = lines[1].replace('Å', "A");
        assert!(check([&lines[0], &changed]).expect_err("changed").contains("hash"));
        assert!(check([&lines[1], &lines[0]]).expect_err("moved").contains("order"));
        let other = chain(3).remove(1).replace("\"seq\":2", "\"seq\":3");
        assert!(check([&other]).is_err());
        let (body, forged) = (r#"{"kind":"B","prev":"00","seq":2}"#, |b: &str| exported(b.as_bytes()));
        let forged = String::from_utf8(forged(body).expect("a line")).expect("UTF-8");
        assert!(check([&lines[0], &forged]).expect_err("another chain").contains("before it"));
        assert!(check([&r#"{"seq":1}"#.to_owned()]).expect_err("no leaf").contains("leaf_hash"));
    }
}
