//! JSON in which every member stands once. Two parsers must not read one signed document in two ways
//! (RFC 8725, 2.4), and a map of conditions would otherwise keep the last of two equal names.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use crate::error::shown;

/// Parses claims: no member twice, no floats, no null (an absent member is left out), no list for an object.
pub(crate) fn parse<T: Serialize + DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    let text = |e: serde_json::Error| shown(&e.to_string());
    serde_json::from_slice::<Checked>(json).map_err(text)?;
    let parsed: T = serde_json::from_slice(json).map_err(text)?;
    let (given, read) = (serde_json::from_slice(json), serde_json::to_value(&parsed));
    if is_alike(&given.map_err(text)?, &read.map_err(text)?) {
        Ok(parsed)
    } else {
        Err("a list stands where an object must be".to_owned())
    }
}

/// Objects were given where objects were read: a derived parser takes a list of the members in their order too, and
/// nobody else would.
fn is_alike(given: &Value, read: &Value) -> bool {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => {
            read.iter().all(|(name, inner)| given.get(name).is_none_or(|g| is_alike(g, inner)))
        }
        (Value::Array(given), Value::Array(read)) => given.iter().zip(read).all(|(g, r)| is_alike(g, r)),
        (_, Value::Object(_)) => false,
        _ => true,
    }
}

/// A value that was looked through and thrown away.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Look)
    }
}

struct Look;

/// How `serde_json` hands over a number that is none of its integers, where its `arbitrary_precision` is on: as an object
/// with a member of such a name.
const NUMBER: &str = "$serde_json::private::";

impl<'de> Visitor<'de> for Look {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a whole number, true, false, a list or an object")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_str<E>(self, _: &str) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Checked, A::Error> {
        while list.next_element::<Checked>()?.is_some() {}
        Ok(Checked)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Checked, A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if name.starts_with(NUMBER) {
                return Err(A::Error::custom("a number has a fraction or an exponent"));
            }
            members.next_value::<Checked>()?;
            if !seen.insert(name) {
                return Err(A::Error::custom("a member stands twice in one object"));
            }
        }
        Ok(Checked)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Nested = BTreeMap<String, BTreeMap<String, i64>>;

    #[test]
    fn members_that_stand_twice_are_refused_at_any_depth() {
        assert!(parse::<Nested>(br#"{"a":{"x":1},"b":{"x":1}}"#).is_ok());
        assert!(parse::<Nested>(br#"{"a":{"x":1,"x":2}}"#).is_err());
        assert!(parse::<Nested>(br#"{"a":{},"a":{}}"#).is_err());
        // The same name, spelled with an escape.
        assert!(parse::<Nested>(br#"{"a":{"x":1,"\u0078":2}}"#).is_err());
    }

    #[test]
    fn floats_nulls_and_trailing_bytes_are_refused() {
        for bad in ["1.0", "1e3", "null", "[1.5]", "1 1", "18446744073709551616", "-0", ""] {
            assert!(parse::<Value>(bad.as_bytes()).is_err(), "{bad}");
        }
        let hidden = br#"{"a":{"$serde_json::private::Number":"1.5"}}"#;
        assert!(parse::<Value>(hidden).is_err(), "a member that the parser takes for a number");
    }

    #[test]
    fn a_list_is_no_object_at_any_depth() {
        #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
        struct Inner {
            #[serde(default)]
            x: i64,
        }
        #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
        struct Outer {
            one: Inner,
            many: Vec<Inner>,
        }
        let good = Outer { one: Inner { x: 0 }, many: vec![Inner { x: 1 }] };
        assert_eq!(parse(br#"{"one":{},"many":[{"x":1}]}"#), Ok(good));
        for bad in [
            r#"{"one":[],"many":[{"x":1}]}"#,
            r#"{"one":[0],"many":[{"x":1}]}"#,
            r#"{"one":{},"many":[[1]]}"#,
            r#"{"one":{},"many":[{"x":1},[]]}"#,
            r#"[{},[{"x":1}]]"#,
        ] {
            assert!(
                serde_json::from_str::<Outer>(bad).is_ok() && parse::<Outer>(bad.as_bytes()).is_err(),
                "{bad}"
            );
        }
    }
}
