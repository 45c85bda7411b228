//! `[log_store]`, and what each registry says of its transparency log and of the logs that it witnesses.

use std::path::PathBuf;

use charter_tlog::note::{KeyKind, Vkey};
use serde::{Deserialize, Deserializer, de::Error};

use super::RegistryConfig;

/// Most witnesses of a log, mirrors of a log, and logs of a witness.
const MOST: usize = 32;

/// How logs are sequenced, and where their files are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogStore {
    pub dir: PathBuf,
    pub sequence: bool,
    pub batch_ms: u64,
    /// Leaves.
    pub max_batch: i64,
    pub checkpoint_every_secs: u64,
}

/// `log` of a registry: who must have seen a checkpoint before it is published.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryLog {
    /// How many of the witnesses.
    #[serde(default)]
    pub quorum: usize,
    #[serde(default)]
    pub witnesses: Vec<Witness>,
    #[serde(default)]
    pub mirrors: Vec<Mirror>,
}

/// A witness that cosigns this log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Prefix of `/add-checkpoint` (C2SP tlog-witness).
    pub url: String,
    #[serde(deserialize_with = "witness_key")]
    pub vkey: Vkey,
}

/// A mirror that has the entries before they are published.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// Prefix of `/add-entries` (C2SP tlog-mirror).
    pub url: String,
    #[serde(default, deserialize_with = "some_witness_key")]
    pub vkey: Option<Vkey>,
}

/// `witness` of a registry: what it cosigns.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryWitness {
    #[serde(default)]
    pub logs: Vec<WitnessedLog>,
}

/// A log that this registry witnesses.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessedLog {
    pub origin: String,
    #[serde(deserialize_with = "log_key")]
    pub vkey: Vkey,
    /// Whether its entries are kept here too.
    #[serde(default)]
    pub mirror: bool,
}

fn key<'de, D: Deserializer<'de>>(d: D, kind: KeyKind) -> Result<Vkey, D::Error> {
    let vkey: Vkey = String::deserialize(d)?.parse().map_err(D::Error::custom)?;
    if vkey.kind() == kind {
        return Ok(vkey);
    }
    Err(D::Error::custom(match kind {
        KeyKind::Ed25519 => "it must be the key of a log (the line `log` of `charterd log keys`)",
        KeyKind::CosignatureV1 => {
            "it must be the key of a witness (the line `witness` of `charterd log keys`)"
        }
    }))
}

fn log_key<'de, D: Deserializer<'de>>(d: D) -> Result<Vkey, D::Error> {
    key(d, KeyKind::Ed25519)
}

fn witness_key<'de, D: Deserializer<'de>>(d: D) -> Result<Vkey, D::Error> {
    key(d, KeyKind::CosignatureV1)
}

fn some_witness_key<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vkey>, D::Error> {
    witness_key(d).map(Some)
}

pub(super) fn faults(store: &LogStore, registries: &[RegistryConfig]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut demand = |good: bool, text: String| {
        if !good {
            faults.push(text);
        }
    };
    demand(!store.dir.as_os_str().is_empty(), "log_store.dir is empty: name a directory".to_owned());
    demand((10..=250).contains(&store.batch_ms), "log_store.batch_ms must be 10 to 250".to_owned());
    demand((1..=20_000).contains(&store.max_batch), "log_store.max_batch must be 1 to 20000".to_owned());
    demand(
        (1..=3_600).contains(&store.checkpoint_every_secs),
        "log_store.checkpoint_every_secs must be 1 to 3600".to_owned(),
    );
    for registry in registries {
        let said = of_registry(registry).into_iter();
        faults.extend(said.map(|text| format!("registry `{}`: {text}", registry.authority_id)));
    }
    faults
}

fn of_registry(registry: &RegistryConfig) -> Vec<String> {
    let (log, witnessed) = (&registry.log, &registry.witness.logs);
    let mut faults = Vec::new();
    if log.quorum > log.witnesses.len() {
        let (quorum, witnesses) = (log.quorum, log.witnesses.len());
        faults.push(format!("log.quorum is {quorum}, of {witnesses} witnesses: name more, or ask for fewer"));
    }
    if log.quorum == 0 && !log.witnesses.is_empty() {
        faults.push("log.quorum must be at least 1 where there are log.witnesses".to_owned());
    }
    if [log.witnesses.len(), log.mirrors.len(), witnessed.len()].into_iter().any(|n| n > MOST) {
        faults.push(format!("log.witnesses, log.mirrors and witness.logs are at most {MOST} each"));
    }
    let urls = log.witnesses.iter().map(|w| &w.url).chain(log.mirrors.iter().map(|m| &m.url));
    for url in urls.filter(|url| !(url.starts_with("http://") || url.starts_with("https://"))) {
        faults.push(format!("log: `{url}` must begin with http:// or https://"));
    }
    for (i, witness) in log.witnesses.iter().enumerate() {
        if log.witnesses[..i].iter().any(|other| other.vkey.key() == witness.vkey.key()) {
            faults.push(format!("log.witnesses: the key of `{}` is named twice", witness.vkey.name()));
        }
    }
    for (i, one) in witnessed.iter().enumerate() {
        if one.vkey.name().as_str() != one.origin {
            faults.push(format!("witness.logs: `{}` has the key of `{}`", one.origin, one.vkey.name()));
        }
        if witnessed[..i].iter().any(|other| other.origin == one.origin) {
            faults.push(format!("witness.logs: `{}` is named twice", one.origin));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn vkey(name: &str, kind: KeyKind, byte: u8) -> String {
        Vkey::new(name.parse().expect("a name"), kind, [byte; 32]).to_string()
    }

    fn config(registry: &str, store: &str) -> Result<Config, Vec<String>> {
        let text = format!(
            r#"
            [database]
            url = "host=/tmp dbname=x"
            [log_store]
            {store}
            [[registries]]
            authority_id = "did:web:a.example"
            slug = "a"
            name = "A"
            jurisdiction = "FI"
            public_url = "http://127.0.0.1:7100"
            {registry}
            [[listeners]]
            address = "127.0.0.1:7100"
            registry = "did:web:a.example"
            "#
        );
        Config::from_toml(&text).map_err(|faults| faults.0)
    }

    #[test]
    fn a_log_with_witnesses_mirrors_and_logs_of_others_loads() {
        let (witness, log) =
            (vkey("w.example", KeyKind::CosignatureV1, 1), vkey("b.example/log", KeyKind::Ed25519, 2));
        let registry = format!(
            r#"
            log = {{ quorum = 1, witnesses = [ {{ url = "http://127.0.0.1:1/witness", vkey = "{witness}" }} ], mirrors = [ {{ url = "http://127.0.0.1:1/witness" }} ] }}
            witness = {{ logs = [ {{ origin = "b.example/log", vkey = "{log}", mirror = true }} ] }}
            "#
        );
        let loaded = config(&registry, "batch_ms = 50").expect("valid");
        assert_eq!(loaded.log_store.batch_ms, 50);
        assert_eq!(loaded.registries[0].log.witnesses[0].vkey.name().as_str(), "w.example");
        assert!(loaded.registries[0].witness.logs[0].mirror);
        assert_eq!(config("", "").expect("valid").registries[0].log.quorum, 0);
    }

    #[test]
    fn each_fault_is_named() {
        let (witness, log) =
            (vkey("w.example", KeyKind::CosignatureV1, 1), vkey("b.example/log", KeyKind::Ed25519, 2));
        let one = format!(r#"{{ url = "http://127.0.0.1:1", vkey = "{witness}" }}"#);
        for (registry, store, said) in [
            ("log = { quorum = 1 }".to_owned(), "", "of 0 witnesses"),
            (format!("log = {{ witnesses = [ {one} ] }}"), "", "at least 1"),
            (format!("log = {{ quorum = 1, witnesses = [ {one}, {one} ] }}"), "", "named twice"),
            (
                format!("log = {{ quorum = 1, witnesses = [ {} ] }}", one.replace("http:", "ftp:")),
                "",
                "http://",
            ),
            (
                format!("log = {{ quorum = 1, witnesses = [ {} ] }}", one.replace(&witness, &log)),
                "",
                "key of a witness",
            ),
            (
                format!(r#"witness = {{ logs = [ {{ origin = "b.example/log", vkey = "{witness}" }} ] }}"#),
                "",
                "key of a log",
            ),
            (
                format!(r#"witness = {{ logs = [ {{ origin = "c.example/log", vkey = "{log}" }} ] }}"#),
                "",
                "has the key of",
            ),
            (
                r#"witness = { logs = [ { origin = "b.example/log", vkey = "b.example/log+00" } ] }"#
                    .to_owned(),
                "",
                "verifier key",
            ),
            (String::new(), "batch_ms = 1000", "batch_ms"),
            (String::new(), "max_batch = 0", "max_batch"),
            (String::new(), "checkpoint_every_secs = 0", "checkpoint_every_secs"),
            (String::new(), "dir = \"\"", "log_store.dir"),
        ] {
            let faults = config(&registry, store).expect_err(said).join("\n");
            assert!(faults.contains(said), "{said}: {faults}");
        }
    }
}
