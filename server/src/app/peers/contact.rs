//! Which subordinates could not be asked lately.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use charter_federation::protocol::Failure;

/// Most endpoints with a failure that are remembered.
const MOST: usize = 10_000;

/// How an endpoint failed that could not be reached.
pub const SILENT: &str = "UNREACHABLE";

/// Failures in a row of one endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trouble {
    pub failures: u32,
    /// How the last one failed, as a code; empty for none.
    pub last: &'static str,
}

/// By endpoint; those that answer are forgotten.
#[derive(Debug, Default)]
pub struct Contacts(Mutex<HashMap<String, Trouble>>);

impl Contacts {
    pub fn of(&self, endpoint: &str) -> Trouble {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(endpoint).copied().unwrap_or_default()
    }

    /// Notes how a call to an endpoint went. A refusal is an answer. One that was not called, because it rests, has
    /// failed as often as its breaker has seen.
    pub fn note<T>(&self, endpoint: &str, went: &Result<T, Failure>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match went {
            Ok(_) | Err(Failure::Refused(_) | Failure::Erred(_)) => {
                all.remove(endpoint);
            }
            Err(Failure::Resting(resting)) if all.contains_key(endpoint) || all.len() < MOST => {
                let trouble = all.entry(endpoint.to_owned()).or_default();
                trouble.failures = trouble.failures.max(resting.failures);
                if trouble.last.is_empty() {
                    trouble.last = SILENT;
                }
            }
            Err(failure) => {
                if all.len() < MOST || all.contains_key(endpoint) {
                    let trouble = all.entry(endpoint.to_owned()).or_default();
                    trouble.failures = trouble.failures.saturating_add(1);
                    trouble.last = code(failure);
                }
            }
        }
    }
}

/// A failure as everybody may see it: what a peer or a driver wrote stays in the log.
const fn code(failure: &Failure) -> &'static str {
    match failure {
        Failure::Plaintext(_) => "PLAINTEXT",
        Failure::Untrusted(_) => "UNTRUSTED",
        Failure::Late => "LATE",
        Failure::Malformed(_) => "MALFORMED",
        _ => SILENT,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use charter_federation::breaker::Resting;

    use super::*;

    #[test]
    fn failures_count_until_somebody_answers() {
        let (contacts, at) = (Contacts::default(), "http://127.0.0.1:9");
        contacts.note::<()>(at, &Err(Failure::Late));
        contacts.note::<()>(at, &Err(Failure::Unreachable("secret".to_owned())));
        assert_eq!(contacts.of(at), Trouble { failures: 2, last: SILENT });
        assert_eq!(contacts.of("http://127.0.0.1:8"), Trouble::default());
        let (failures, again_in, why) = (2, Duration::from_secs(1), "no answer".to_owned());
        contacts.note::<()>(at, &Err(Failure::Resting(Resting { failures, again_in, why })));
        assert_eq!(contacts.of(at).failures, 2, "nobody called");
        contacts.note::<()>(at, &Err(Failure::Refused("no such thing".to_owned())));
        assert_eq!(contacts.of(at), Trouble::default(), "whoever refuses has answered");
    }

    #[test]
    fn no_more_endpoints_are_remembered_than_the_bound() {
        let contacts = Contacts::default();
        for n in 0..MOST + 10 {
            contacts.note::<()>(&n.to_string(), &Err(Failure::Late));
        }
        contacts.note::<()>("0", &Err(Failure::Late));
        assert_eq!(contacts.of("0").failures, 2);
        assert_eq!(contacts.of(&MOST.to_string()).failures, 0);
    }
}
