//! Parameters of a request (OpenID Federation 1.0, 8): of the query, or of a form. Unknown ones are ignored; a known one
//! that stands twice is refused, unless the standard lets it be repeated. An empty one is as if it were not there.

use axum::http::Uri;
use percent_encoding::percent_decode_str;

use super::error::Refused;

/// Most parameters of a request, unknown ones included.
const MOST: usize = 64;

/// What a request has, in its order, decoded.
#[derive(Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn of_query(uri: &Uri) -> Result<Self, Refused> {
        Self::parse(uri.query().unwrap_or_default())
    }

    /// A body of `application/x-www-form-urlencoded`.
    pub fn of_form(bytes: &[u8]) -> Result<Self, Refused> {
        let text = std::str::from_utf8(bytes).map_err(|_| Refused::invalid("the body is not UTF-8"))?;
        Self::parse(text)
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let mut found = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if found.len() == MOST {
                return Err(Refused::invalid(format!("there are more than {MOST} parameters")));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            found.push((decode(name)?, decode(value)?));
        }
        Ok(Self(found))
    }

    /// All values of a parameter that may be repeated.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, value)| n == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The value of one that may be there once.
    pub fn optional(&self, name: &str) -> Result<Option<&str>, Refused> {
        let mut all = self.0.iter().filter(|(n, _)| n == name);
        let (first, second) = (all.next(), all.next());
        if second.is_some() {
            return Err(Refused::invalid(format!("`{name}` stands twice")));
        }
        Ok(first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty()))
    }

    /// The value of one that must be there once.
    pub fn required(&self, name: &str) -> Result<&str, Refused> {
        self.optional(name)?.ok_or_else(|| Refused::invalid(format!("`{name}` is needed")))
    }

    /// The same of `true` or `false`.
    pub fn truth(&self, name: &str) -> Result<Option<bool>, Refused> {
        match self.optional(name)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Refused::invalid(format!("`{name}` must be `true` or `false`"))),
        }
    }
}

fn decode(text: &str) -> Result<String, Refused> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    Ok(decoded.map_err(|_| Refused::invalid("a parameter is not UTF-8"))?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Parameters {
        Parameters::parse(query).expect("parameters")
    }

    #[test]
    fn a_known_one_stands_once_and_unknown_ones_do_not_matter() {
        let of = of("sub=https%3A%2F%2Fa.example&x=1&x=2&b=a+b");
        assert_eq!(of.required("sub"), Ok("https://a.example"));
        assert_eq!(of.optional("b"), Ok(Some("a b")));
        assert_eq!(of.optional("c"), Ok(None));
        assert!(of.optional("x").is_err());
        assert_eq!(of.all("x").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn what_is_missing_empty_or_twice_is_refused() {
        for query in ["", "sub", "sub=", "sub=a&sub=a", "sub=a&sub="] {
            assert!(of(query).required("sub").is_err(), "{query}");
        }
        assert!(of("s=yes").truth("s").is_err());
        assert_eq!(of("s=true").truth("s"), Ok(Some(true)));
    }

    #[test]
    fn what_is_not_text_or_too_much_is_refused() {
        assert!(Parameters::parse("sub=%ff").is_err());
        assert!(Parameters::of_form(b"sub=\xff").is_err());
        assert!(Parameters::parse(&"a=1&".repeat(MOST)).is_ok());
        assert!(Parameters::parse(&"a=1&".repeat(MOST + 1)).is_err());
    }
}
