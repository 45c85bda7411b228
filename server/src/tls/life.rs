//! Until when the certificates that this server shows are good: one that has ended keeps it from starting, one that ends
//! soon is told of by `/readyz` and a metric. Clients would refuse it, and nothing here would say why.

use std::time::Duration;

use charter_domain::Timestamp;

use crate::{Config, pem};

/// So long before its end a certificate is spoken of.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// A file with certificates that are shown, and when the first of them ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    pub file: String,
    pub until: Timestamp,
}

/// Of the listeners, and of what is shown to other registries. They are read when the server starts, and again when one of them has changed.
pub fn of(config: &Config) -> Vec<Life> {
    let listeners = config.listeners.iter().filter_map(|l| l.tls.as_ref()).map(|tls| &tls.cert_file);
    let files = listeners.chain(Some(&config.peer_tls.cert_file).filter(|file| !file.is_empty()));
    let mut all: Vec<Life> = Vec::new();
    for file in files {
        if let Some(secs) = pem::ends(file)
            && all.iter().all(|known| known.file != *file)
        {
            all.push(Life { file: file.clone(), until: Timestamp::from_secs(secs) });
        }
    }
    for life in &all {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float")]
        let until = life.until.secs() as f64;
        metrics::gauge!("charter_tls_certificate_expiry_timestamp_seconds", "file" => life.file.clone())
            .set(until);
    }
    all
}

/// Why this server must not start with them.
pub fn fault(all: &[Life], now: Timestamp) -> Option<String> {
    let ended = all.iter().find(|life| life.until <= now)?;
    Some(format!("`{}` has expired at {}: put a new one there", ended.file, ended.until))
}

/// Those that have ended or soon will, in words.
pub fn soon(all: &[Life], now: Timestamp) -> Vec<String> {
    let near = all.iter().filter(|life| life.until <= now.plus(SOON));
    let told = near.map(|life| {
        let verb = if life.until <= now { "has expired" } else { "expires" };
        format!("the certificate in `{}` {verb} at {}: put a new one there", life.file, life.until)
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_spoken_of_two_weeks_before_its_end_and_refused_after_it() {
        let until = Timestamp::from_secs(1_800_000_000);
        let all = [Life { file: "own.pem".to_owned(), until }];
        assert!(soon(&all, until.minus(SOON).minus(Duration::from_secs(1))).is_empty());
        let told = soon(&all, until.minus(SOON));
        assert!(told.len() == 1 && told[0].contains("`own.pem` expires at"), "{told:?}");
        assert_eq!(fault(&all, until.minus(Duration::from_secs(1))), None);
        assert!(fault(&all, until).is_some_and(|why| why.contains("`own.pem` has expired")));
        assert!(soon(&all, until)[0].contains("has expired"));
    }
}
