//! `[[oidc]]`: the providers whose access tokens staff authenticate with.

use std::{io::Read as _, path::Path};

use charter_federation::protocol::native::is_loopback;
use charter_signing::token::TokenKeys;
use http::Uri;
use serde::Deserialize;

/// Key sets have a few KiB; nobody gets more than this into memory.
pub(crate) const MAX_BODY: usize = 64 * 1024;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// `iss` of its tokens, exactly; discovery starts here.
    pub issuer: String,
    /// What `aud` must contain.
    pub audience: String,
    /// Values of `acr` that count as step-up; with none of them no token does.
    #[serde(default)]
    pub approve_acr: Vec<String>,
    /// A JWK set; with it nothing is fetched. A replaced file is noticed as new keys of a provider are.
    #[serde(default)]
    pub jwks_file: Option<String>,
    /// Authorities (PEM) that an https issuer is checked against, in place of the system's.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// How long ago `auth_time` may be for a token to count as step-up, where it has one.
    #[serde(default = "quarter_of_an_hour")]
    pub step_up_max_age_secs: u64,
}

const fn quarter_of_an_hour() -> u64 {
    900
}

/// Reads and parses a key set; the error says what to do and is for whoever runs this server.
pub(crate) fn read_keys(path: &str) -> Result<TokenKeys, String> {
    let file = std::fs::File::open(Path::new(path)).map_err(|e| format!("`{path}` cannot be read: {e}"))?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BODY).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|e| format!("`{path}` cannot be read: {e}"))?;
    if bytes.len() > MAX_BODY {
        return Err(format!("`{path}` is longer than {MAX_BODY} bytes"));
    }
    let keys = TokenKeys::parse(&bytes).map_err(|e| format!("`{path}` is not a JWK set: {e}"))?;
    if keys.is_empty() {
        return Err(format!("`{path}` has no key with a kid for RS256, PS256, ES256 or EdDSA"));
    }
    Ok(keys)
}

/// OpenID Connect Discovery 1.0, 2: a URL without query and fragment.
fn url(issuer: &str) -> Option<Uri> {
    let uri: Uri = issuer.parse().ok()?;
    let host = uri.host().is_some_and(|h| !h.is_empty());
    (host && !issuer.contains(['?', '#', '@'])).then_some(uri)
}

fn issuer_fault(oidc: &Oidc) -> Option<&'static str> {
    match url(&oidc.issuer) {
        Some(uri) if is_loopback(&uri) || uri.scheme_str() == Some("https") => None,
        _ => Some("issuer must be an https URL (http on loopback only) without query and fragment"),
    }
}

/// They are listed in a challenge (RFC 9470, 3), between spaces and in quotes.
fn is_acr(acr: &str) -> bool {
    !acr.is_empty() && acr.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

pub(super) fn faults(list: &[Oidc]) -> Vec<String> {
    let mut faults = Vec::new();
    for (i, oidc) in list.iter().enumerate() {
        let mut fault = |text: &str| faults.push(format!("oidc `{}`: {text}", oidc.issuer));
        if let Some(text) = issuer_fault(oidc) {
            fault(text);
        }
        if oidc.audience.is_empty() {
            fault("audience is empty: name what `aud` of a token for this service contains");
        }
        if !oidc.approve_acr.iter().all(|acr| is_acr(acr)) {
            fault("approve_acr has a value that is empty, or has a space or quote: name acr values");
        }
        if let Some(text) = oidc.ca_file.as_ref().and_then(|path| crate::pem::roots(path).err()) {
            fault(&format!("ca_file {text}"));
        }
        if let Some(text) = oidc.jwks_file.as_ref().and_then(|path| read_keys(path).err()) {
            fault(&format!("jwks_file {text}"));
        }
        if list[..i].iter().any(|o| o.issuer == oidc.issuer) {
            fault("issuer must be unique");
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oidc(issuer: &str) -> Oidc {
        Oidc {
            issuer: issuer.to_owned(),
            audience: "charter".to_owned(),
            approve_acr: Vec::new(),
            jwks_file: None,
            ca_file: None,
            step_up_max_age_secs: 900,
        }
    }

    #[test]
    fn an_issuer_is_https_or_on_loopback() {
        for good in ["http://127.0.0.1:8080/realms/a", "http://[::1]:1", "http://localhost/"] {
            assert_eq!(faults(&[oidc(good)]), Vec::<String>::new(), "{good}");
        }
        for bad in [
            "",
            "idp.example",
            "http://idp.example",
            "http://10.0.0.1",
            "http://127.0.0.1?a=b",
            "http://127.0.0.1#a",
            "http://a@127.0.0.1",
            "ftp://127.0.0.1",
        ] {
            let found = faults(&[oidc(bad)]);
            assert!(found.len() == 1 && found[0].contains("must be an https URL"), "{bad}: {found:?}");
        }
        assert_eq!(faults(&[oidc("https://idp.example")]), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_named() {
        let bad = Oidc {
            audience: String::new(),
            approve_acr: vec![String::new()],
            jwks_file: Some("/nowhere/jwks.json".to_owned()),
            ca_file: Some("/nowhere/ca.pem".to_owned()),
            ..oidc("http://10.0.0.1")
        };
        assert_eq!(faults(&[bad.clone(), bad]).len(), 11);
    }

    #[test]
    fn a_key_set_in_a_file_is_read_whole_and_must_be_one() {
        let dir = std::env::temp_dir().join(format!("charter-oidc-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let path = dir.join("jwks.json");
        let told = |text: &str| {
            std::fs::write(&path, text).expect("written");
            read_keys(path.to_str().expect("text")).map(|keys| keys.len())
        };
        let signer = charter_signing::SoftwareSigner::generate(charter_signing::Algorithm::Es256);
        let jwk = charter_signing::Signer::key(&signer.expect("a key")).to_jwk();
        assert_eq!(told(&format!("{{\"keys\":[{jwk}]}}")), Ok(1));
        for bad in ["", "{}", "{\"keys\":[]}", &" ".repeat(MAX_BODY + 1)] {
            assert!(told(bad).is_err(), "{} bytes", bad.len());
        }
        std::fs::remove_dir_all(&dir).expect("removed");
    }
}
