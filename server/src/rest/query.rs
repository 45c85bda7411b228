//! Query parameters: known ones, once each, decoded.

use std::str::FromStr;

use axum::http::Uri;
use charter_domain::Invalid;
use percent_encoding::percent_decode_str;

use crate::{Error, error::Code};

/// The values of these parameters, empty where they are not given; any other name is refused.
pub fn parameters<const N: usize>(uri: &Uri, names: [&str; N]) -> Result<[String; N], Error> {
    let mut found = [const { None }; N];
    for pair in uri.query().unwrap_or_default().split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = names.iter().position(|n| *n == name).and_then(|at| found.get_mut(at));
        let Some(place @ None) = place else {
            let detail = format!("`{name:.64}` is not a parameter here, or stands twice");
            return Err(Error::new(Code::Invalid, detail));
        };
        *place = Some(percent_decode_str(value).decode_utf8_lossy().into_owned());
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
