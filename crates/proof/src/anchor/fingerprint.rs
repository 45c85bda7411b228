//! The SHA-256 of what a version of the anchor set says, in hexadecimal digits or in words to print and to read aloud.

use std::fmt;

use openssl::sha::sha256;
use serde::{Deserialize, Serialize};

use crate::Error;

const BYTES: usize = 32;
/// A line for each byte: the word at even places, the word at odd ones. A word that is left out, or two that change
/// places, are noticed.
const WORDS: &str = include_str!("words.txt");
/// Characters of a fingerprint as it is typed; the longest in words has less than 450.
const LONGEST: usize = 1024;
/// Words in a line of print.
const IN_LINE: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; BYTES]);

impl Fingerprint {
    /// Of canonical bytes (RFC 8785).
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(sha256(bytes))
    }

    /// As a person types it: 64 hexadecimal digits or 32 words, with any white space or `-` between them.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(refused("it is too long"));
        }
        let parts: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == '-').collect();
        match from_hex(&parts.concat()) {
            Some(found) => Ok(found),
            None => from_words(parts.into_iter().filter(|part| !part.is_empty())),
        }
    }

    /// The 32 words, eight in a line.
    pub fn words(&self) -> String {
        let table: Vec<_> = table().collect();
        let word = |(place, byte): (usize, &u8)| {
            table.get(usize::from(*byte)).map_or("", |pair| pair.get(place % 2).copied().unwrap_or_default())
        };
        let words: Vec<&str> = self.0.iter().enumerate().map(word).collect();
        let lines: Vec<String> = words.chunks(IN_LINE).map(|line| line.join(" ")).collect();
        lines.join("\n")
    }
}

fn refused(why: &str) -> Error {
    Error::AnchorSet(format!("the fingerprint cannot be read: {why}"))
}

/// The words of each byte, in order.
fn table() -> impl Iterator<Item = [&'static str; 2]> {
    let lines = WORDS.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').map_or([line, ""], |(even, odd)| [even, odd]))
}

fn from_hex(text: &str) -> Option<Fingerprint> {
    if text.len() != 2 * BYTES || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; BYTES];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(Fingerprint(bytes))
}

fn from_words<'a>(words: impl Iterator<Item = &'a str>) -> Result<Fingerprint, Error> {
    let words: Vec<&str> = words.collect();
    if words.len() != BYTES {
        let found = words.len();
        return Err(refused(&format!("it has 64 hexadecimal digits or {BYTES} words, not {found} words")));
    }
    let mut bytes = [0; BYTES];
    for (place, (word, byte)) in words.iter().zip(&mut bytes).enumerate() {
        let found =
            table().position(|pair| pair.get(place % 2).is_some_and(|w| w.eq_ignore_ascii_case(word)));
        *byte = found.and_then(|n| u8::try_from(n).ok()).ok_or_else(|| {
            let (nth, word) = (place + 1, crate::error::shown(word));
            refused(&format!("word {nth}, `{word}`, is not of the list, or not at this place of it"))
        })?;
    }
    Ok(Fingerprint(bytes))
}

/// Hexadecimal digits in lower case.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        from_hex(&text).ok_or_else(|| refused("it must have 64 hexadecimal digits"))
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_list_has_two_words_for_each_byte_and_none_twice() {
        let words: Vec<_> = table().flatten().map(str::to_ascii_lowercase).collect();
        assert_eq!((words.len(), words.iter().collect::<HashSet<_>>().len()), (512, 512));
        assert!(words.iter().all(|w| w.len() > 3 && w.bytes().all(|b| b.is_ascii_lowercase())));
    }

    /// The example that the list is usually shown with, and more.
    #[test]
    fn words_are_those_of_the_published_list() {
        let hex = format!("E58294F2E9A227486E8B061B31CC528FD7FA3F19{}", "00FF".repeat(6));
        let words = "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa afflict bravado \
                     chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless";
        let found = Fingerprint::parse(&hex).expect("hexadecimal digits");
        assert_eq!(found.to_string(), hex.to_ascii_lowercase());
        let said: Vec<String> = found.words().split_whitespace().map(str::to_owned).collect();
        assert_eq!(said.iter().take(20).cloned().collect::<Vec<_>>().join(" "), words);
        assert_eq!(said.iter().skip(20).take(2).cloned().collect::<Vec<_>>().join(" "), "aardvark Yucatan");
        assert_eq!(found.words().lines().count(), 4);
    }

    #[test]
    fn what_is_typed_is_read_in_either_form_and_slips_are_refused() {
        let found = Fingerprint::of(b"a set");
        for text in [
            found.to_string(),
            found.to_string().to_ascii_uppercase(),
            found.words(),
            found.words().to_ascii_lowercase().replace([' ', '\n'], "-"),
        ] {
            assert_eq!(Fingerprint::parse(&text), Ok(found), "{text}");
        }
        let mut words: Vec<String> = found.words().split_whitespace().map(str::to_owned).collect();
        words.swap(0, 1);
        assert!(Fingerprint::parse(&words.join(" ")).is_err(), "two words changed places");
        words.swap(0, 1);
        words.remove(5);
        assert!(Fingerprint::parse(&words.join(" ")).is_err(), "a word is missing");
        let hex = found.to_string();
        for bad in ["", "aardvark", &hex[1..], &format!("{hex}0"), &"a".repeat(LONGEST + 1)] {
            assert!(Fingerprint::parse(bad).is_err(), "{bad:.80}");
        }
    }
}
