//! Query parameters: known ones, once each, decoded.

use std::str::FromStr;

use axum::http::Uri;
use charter_domain::Invalid;
use percent_encoding::percent_decode_str;

use crate::{Error, error::Code};

/// Those that are numbers, wherever they are asked for: one that is given without a value is refused.
pub const NUMBERS: [&str; 7] = ["page_size", "limit", "offset", "after", "before", "by", "actor"];
/// Most parameters of a request: each name is compared with all before it.
const MOST: usize = 64;

/// All parameters by name, decoded; a name that stands twice is refused.
pub fn all(uri: &Uri) -> Result<Vec<(String, String)>, Error> {
    let mut found: Vec<(String, String)> = Vec::new();
    for pair in uri.query().unwrap_or_default().split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if found.len() == MOST {
            return Err(Error::new(Code::Invalid, format!("there are more than {MOST} parameters")));
        }
        if found.iter().any(|(n, _)| n == name) {
            return Err(Error::new(Code::Invalid, format!("`{name:.64}` stands twice")));
        }
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        found.push((name.to_owned(), value));
    }
    Ok(found)
}

/// The values of these parameters, empty where they are not given; any other name is refused.
pub fn parameters<const N: usize>(uri: &Uri, names: [&str; N]) -> Result<[String; N], Error> {
    let mut found = [const { None }; N];
    for (name, value) in all(uri)? {
        let place = names.iter().position(|n| *n == name).and_then(|at| found.get_mut(at));
        let Some(place @ None) = place else {
            return Err(Error::new(Code::Invalid, format!("`{name:.64}` is not a parameter here")));
        };
        if value.is_empty() && NUMBERS.contains(&name.as_str()) {
            return Err(Invalid::new(&name, "must be a number").into());
        }
        *place = Some(value);
    }
    Ok(found.map(Option::unwrap_or_default))
}

/// A number; absent is 0.
pub fn number<T: FromStr + Default>(name: &str, text: &str) -> Result<T, Error> {
    if text.is_empty() {
        return Ok(T::default());
    }
    text.parse().map_err(|_| Invalid::new(name, "must be a number").into())
}

/// `true` or `false`; absent is false.
pub fn truth(name: &str, text: &str) -> Result<bool, Error> {
    match text {
        "true" => Ok(true),
        "" | "false" => Ok(false),
        _ => Err(Invalid::new(name, "must be `true` or `false`").into()),
    }
}
