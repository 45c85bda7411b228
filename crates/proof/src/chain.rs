//! The chain file, `application/trust-chain+json`: a JSON array of compact JWS, leaf first, in one spelling.

use charter_domain::delegation::MAX_DEPTH;

use crate::Error;

/// Longest chain file in bytes; ten links of a usual size have 12 KiB.
pub const MAX_BYTES: usize = 256 * 1024;
/// A statement and the anchor's configuration.
pub const MIN_LINKS: usize = 2;
/// Those two, the deepest path of delegations between them, and a peer's statement in turn.
pub const MAX_LINKS: usize = MAX_DEPTH as usize + MIN_LINKS + 1;

/// Leaf first: the authority statement, subordinate statements upward, the anchor's configuration. Where a recognition led
/// to a peer, the peer's statement in turn comes before the recognition, unless that says that it is one-sided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain(Vec<String>);

impl Chain {
    pub fn new(links: Vec<String>) -> Result<Self, Error> {
        let refused = |why: String| Err(Error::Chain(why));
        if !(MIN_LINKS..=MAX_LINKS).contains(&links.len()) {
            return refused(format!("it must have {MIN_LINKS} to {MAX_LINKS} links, not {}", links.len()));
        }
        // The alphabet of compact JWS has nothing that JSON would escape, so every link has one spelling.
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if let Some(n) = links.iter().position(|l| !l.bytes().all(plain)) {
            return refused(format!("link {n} has a character that no compact JWS has"));
        }
        let chain = Self(links);
        if chain.to_bytes().len() > MAX_BYTES {
            return refused(format!("it is longer than {MAX_BYTES} bytes"));
        }
        Ok(chain)
    }

    /// INVARIANT: `parse(x)` succeeds only if `to_bytes` gives `x` again, so no byte of a file is ignored.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        if file.len() > MAX_BYTES {
            return Err(Error::Chain(format!("it is longer than {MAX_BYTES} bytes")));
        }
        let links: Vec<String> = serde_json::from_slice(file)
            .map_err(|_| Error::Chain("it must be a JSON array of compact JWS".to_owned()))?;
        let chain = Self::new(links)?;
        if chain.to_bytes() != file {
            return Err(Error::Chain("it must have no white space and no escapes".to_owned()));
        }
        Ok(chain)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        format!("[\"{}\"]", self.0.join("\",\"")).into_bytes()
    }

    pub fn links(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_is_accepted() {
        let file = br#"["a.b.c","d.e_-f.g"]"#;
        assert_eq!(Chain::parse(file).expect("a chain").to_bytes(), file);
        for bad in [
            r#"["a.b.c"]"#,
            r#"["a.b.c", "d.e.f"]"#,
            r#" ["a.b.c","d.e.f"]"#,
            "[\"a.b.c\",\"d.e.f\"]\n",
            r#"["a.b.c","d.e.f",]"#,
            r#"["a.b.c","d.e.\u0066"]"#,
            r#"["a.b.c","d.e.f="]"#,
            r#"["a.b.c","d e f"]"#,
            r#"["a.b.c",1]"#,
            r#"{"0":"a.b.c","1":"d.e.f"}"#,
            "",
            "null",
        ] {
            assert!(Chain::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_number_of_links_and_bytes_is_bounded() {
        let links = |n: usize| vec!["a.b.c".to_owned(); n];
        assert!(Chain::new(links(MAX_LINKS)).is_ok());
        assert!(Chain::new(links(MAX_LINKS + 1)).is_err());
        assert!(Chain::new(vec!["a".repeat(MAX_BYTES), "b".to_owned()]).is_err());
    }
}
