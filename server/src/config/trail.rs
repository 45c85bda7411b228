//! `[trail]`: who is told of audit and security events as they happen.

use charter_store::trail::Receiver;
use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trail {
    pub syslog: String,
    pub ca_file: String,
    pub otlp: bool,
}

/// Where a receiver of syslog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    pub tls: bool,
    pub host: &'a str,
    pub port: u16,
}

impl Trail {
    /// `None` where there is none, or where it is not written as it must be.
    pub fn target(&self) -> Option<Target<'_>> {
        let (scheme, rest) = self.syslog.split_once("://")?;
        let tls = match scheme {
            "tcp" => false,
            "tls" => true,
            _ => return None,
        };
        let (host, port) = rest.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (!host.is_empty()).then_some(Target { tls, host, port })
    }

    /// All who are told.
    pub fn receivers(&self) -> Vec<Receiver> {
        let syslog = (!self.syslog.is_empty()).then_some(Receiver::Syslog);
        syslog.into_iter().chain(self.otlp.then_some(Receiver::Otlp)).collect()
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let wrong = !self.syslog.is_empty() && self.target().is_none();
        wrong
            .then(|| format!("trail.syslog `{}` must be tcp://HOST:PORT or tls://HOST:PORT", self.syslog))
            .into_iter()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(syslog: &str) -> Option<(bool, String, u16)> {
        let trail = Trail { syslog: syslog.to_owned(), ..Trail::default() };
        assert_eq!(trail.faults().is_empty(), syslog.is_empty() || trail.target().is_some());
        trail.target().map(|target| (target.tls, target.host.to_owned(), target.port))
    }

    #[test]
    fn a_receiver_is_named_by_scheme_host_and_port() {
        assert_eq!(target("tcp://siem.example:601"), Some((false, "siem.example".to_owned(), 601)));
        assert_eq!(target("tls://[::1]:6514"), Some((true, "::1".to_owned(), 6514)));
        for wrong in ["", "siem.example:601", "udp://siem.example:514", "tcp://siem.example", "tcp://:601"] {
            assert_eq!(target(wrong), None, "{wrong}");
        }
    }
}
