//! Where private keys are made and kept.

use charter_signing::TokenSettings;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    pub kek_file: String,
    pub algorithm: String,
    pub store: Place,
    pub pkcs11: Pkcs11,
}

/// Where new keys are made. Keys stay where they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    Sealed,
    Pkcs11,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pkcs11 {
    pub module: String,
    pub token_label: String,
    pub pin_file: String,
}

impl Keys {
    /// The token, where one is configured.
    pub fn token(&self) -> Option<TokenSettings> {
        let Pkcs11 { module, token_label, pin_file } = &self.pkcs11;
        let settings =
            || TokenSettings { module: module.into(), label: token_label.clone(), pin_file: pin_file.into() };
        (!module.is_empty()).then(settings)
    }
}

pub(super) fn faults(keys: &Keys) -> Vec<String> {
    let mut faults = Vec::new();
    let mut demand = |good: bool, text: String| {
        if !good {
            faults.push(text);
        }
    };
    demand(
        matches!(keys.algorithm.as_str(), "ES256" | "EdDSA"),
        format!("keys.algorithm `{}` must be ES256 or EdDSA", keys.algorithm),
    );
    let Pkcs11 { module, token_label, pin_file } = &keys.pkcs11;
    let given = [module, token_label, pin_file].into_iter().filter(|s| !s.is_empty()).count();
    demand(
        given == 3 || given == 0,
        "keys.pkcs11 needs all of module, token_label and pin_file, or none".to_owned(),
    );
    if keys.store == Place::Pkcs11 {
        demand(given > 0, "keys.store `pkcs11` needs keys.pkcs11: name the token".to_owned());
        demand(
            keys.algorithm == "ES256",
            "keys.store `pkcs11` makes keys for ES256 only: set keys.algorithm".to_owned(),
        );
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_named_whole_or_not_at_all() {
        let keys = |store, algorithm: &str, [module, label, pin]: [&str; 3]| {
            let pkcs11 =
                Pkcs11 { module: module.to_owned(), token_label: label.to_owned(), pin_file: pin.to_owned() };
            Keys { kek_file: "kek".to_owned(), algorithm: algorithm.to_owned(), store, pkcs11 }
        };
        let whole = ["/m.so", "charter", "/pin"];
        let count = |store, algorithm, token| faults(&keys(store, algorithm, token)).len();
        assert_eq!(count(Place::Sealed, "EdDSA", ["", "", ""]), 0);
        assert_eq!(count(Place::Sealed, "EdDSA", whole), 0, "keys from before are found there");
        assert_eq!(count(Place::Pkcs11, "ES256", whole), 0);
        assert_eq!(count(Place::Pkcs11, "EdDSA", whole), 1);
        assert_eq!(count(Place::Pkcs11, "ES256", ["", "", ""]), 1);
        assert_eq!(count(Place::Sealed, "none", ["/m.so", "", ""]), 2);
        assert!(keys(Place::Sealed, "ES256", ["", "", ""]).token().is_none());
    }
}
