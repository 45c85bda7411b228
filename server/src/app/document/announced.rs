//! What a registry's configuration says of its transparency log.

use charter_proof::document::{Log, Witness};
use charter_store::log_key::{LogKey, LogPurpose};

/// Path of the log under a registry's base (C2SP tlog-tiles, Parameters).
const LOG: &str = "/log";
/// Path of the witness under a registry's base (C2SP tlog-witness).
const WITNESS: &str = "/witness";

/// The log and the witness with the keys that sign now; none while no key of the log does.
pub fn announced(base: &str, keys: &[LogKey]) -> Option<Log> {
    let newest = |purpose| {
        let held = keys.iter().filter(|k| k.purpose == purpose && k.retired_at.is_none());
        held.max_by_key(|k| k.generation)
    };
    let key = newest(LogPurpose::Log)?;
    let witness = newest(LogPurpose::Witness).map(|k| Witness {
        name: k.name.clone(),
        vkey: k.vkey.clone(),
        url: format!("{base}{WITNESS}"),
    });
    Some(Log { origin: key.name.clone(), vkey: key.vkey.clone(), url: format!("{base}{LOG}"), witness })
}

#[cfg(test)]
mod tests {
    use charter_domain::Timestamp;

    use super::*;

    fn key(purpose: LogPurpose, generation: i32, retired: bool) -> LogKey {
        let name = format!("trust.example/{}/{generation}", purpose.code());
        LogKey {
            purpose,
            generation,
            vkey: format!("{name}+00000000+AA"),
            name,
            jwk: serde_json::Value::Null,
            kept: String::new(),
            made_at: Timestamp::from_secs(0),
            retired_at: retired.then(|| Timestamp::from_secs(1)),
        }
    }

    #[test]
    fn the_newest_key_that_is_not_retired_is_announced() {
        let keys = [
            key(LogPurpose::Log, 1, true),
            key(LogPurpose::Log, 2, false),
            key(LogPurpose::Witness, 1, false),
        ];
        let log = announced("https://trust.example", &keys).expect("a log");
        assert_eq!(log.origin, "trust.example/log/2");
        assert_eq!(log.url, "https://trust.example/log");
        let witness = log.witness.expect("a witness");
        assert_eq!(
            (witness.name.as_str(), witness.url.as_str()),
            ("trust.example/witness/1", "https://trust.example/witness")
        );
    }

    #[test]
    fn without_a_key_there_is_no_log() {
        assert_eq!(announced("https://trust.example", &[]), None);
        let keys = [key(LogPurpose::Log, 1, true), key(LogPurpose::Witness, 1, false)];
        assert_eq!(announced("https://trust.example", &keys), None);
    }
}
