//! Where a message goes: an https URL, taken apart once.

use std::net::IpAddr;

const MAX_URL: usize = 2_048;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Without brackets.
    pub host: String,
    pub port: u16,
    /// As in the `Host` header.
    pub authority: String,
    pub path: String,
    pub tls: bool,
}

impl Target {
    /// The error says what the URL must be.
    pub fn parse(url: &str, allow_http: bool) -> Result<Self, String> {
        if url.len() > MAX_URL || !url.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!("must be at most {MAX_URL} bytes of printable ASCII"));
        }
        if url.contains('#') {
            return Err("must have no fragment".to_owned());
        }
        let uri: http::Uri = url.parse().map_err(|_| "must be a URL".to_owned())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if allow_http => false,
            _ => return Err("must begin with https://".to_owned()),
        };
        let authority = uri.authority().ok_or("must have a host")?;
        if authority.as_str().contains('@') {
            return Err("must have no user or password".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() || host.len() > 253 {
            return Err("must have a host".to_owned());
        }
        if authority.port_u16().is_none() && authority.as_str().len() != authority.host().len() {
            return Err("must have a port of 1 to 65535, or none".to_owned());
        }
        let digits = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit());
        let hexadecimal = |label: &str| label.starts_with("0x");
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        if host.parse::<IpAddr>().is_err() && (digits(last) || hexadecimal(last)) {
            // 0x7f.1, 2130706433, 127.1: what some resolvers take for an address.
            return Err("must have a host name, or an address in its usual form".to_owned());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
        Ok(Self { host, port, authority: authority.as_str().to_owned(), path, tls })
    }

    /// The address that stands where a name could.
    pub fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_with_a_host_and_nothing_hidden() {
        let target = Target::parse("https://Hooks.example:8443/in?x=1", false).expect("a target");
        assert_eq!(
            (target.host.as_str(), target.port, target.path.as_str()),
            ("hooks.example", 8_443, "/in?x=1")
        );
        assert_eq!(target.authority, "Hooks.example:8443");
        assert!(Target::parse("https://[2606:4700::1111]/", false).expect("a target").literal().is_some());
        for bad in [
            "http://hooks.example",
            "ftp://hooks.example",
            "hooks.example",
            "https://",
            "https://user:pw@hooks.example/",
            "https://hooks.example/#x",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://hooks.example/\u{e4}",
            "https://a b/",
            "https://127.0.0.1./",
            "https://hooks.example:99999/",
            "https://hooks.example:/",
            "",
        ] {
            assert!(Target::parse(bad, false).is_err(), "{bad}");
        }
        assert!(!Target::parse("http://127.0.0.1:1/", true).expect("allowed").tls);
    }
}
