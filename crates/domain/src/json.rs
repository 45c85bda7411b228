//! JSON as evidence: strict parsing before hashing, and RFC 8785 canonical bytes.
//!
//! Refused: duplicate members, numbers with fraction or exponent, integers beyond 2^53-1, more than 32 levels.

use std::{cell::RefCell, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::Invalid;

const MAX_DEPTH: u8 = 32;
/// Largest integer that every JSON implementation carries exactly (RFC 8259, section 6).
const MAX_INTEGER: u64 = (1 << 53) - 1;
/// How `serde_json` hands over numbers that are none of its integers, where its `arbitrary_precision` is on: as an object
/// with one member of this name. A caller who writes such a member would smuggle one in.
const NUMBER: &str = "$serde_json::private::";

/// The field that a fault of the whole text is reported under.
pub const WHOLE: &str = "json";
/// Characters of a member's name in a fault.
const SHOWN: usize = 64;

/// Parses text strictly; the fault names the member, its names joined by dots, and line and column.
pub fn parse_strict(text: &str) -> Result<Value, Invalid> {
    let path = RefCell::new(Vec::new());
    let mut de = serde_json::Deserializer::from_str(text);
    let value = Strict { levels: MAX_DEPTH, path: &path }.deserialize(&mut de);
    value.and_then(|v| de.end().map(|()| v)).map_err(|e| {
        let path = path.borrow();
        let field = if path.is_empty() { WHOLE.to_owned() } else { path.join(".") };
        Invalid::new(field, format!("is not acceptable: {e}"))
    })
}

#[cfg(feature = "records")]
/// RFC 8785 canonical bytes of a value made of strings, integers, booleans, arrays and objects.
pub fn canonical<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, Invalid> {
    serde_json_canonicalizer::to_vec(value)
        .map_err(|e| Invalid::new("json", format!("cannot be made canonical: {e}")))
}

/// `path`: where it is, in names and positions.
struct Strict<'a> {
    levels: u8,
    path: &'a RefCell<Vec<String>>,
}

impl Strict<'_> {
    fn enter<E: de::Error>(&self) -> Result<(), E> {
        if self.levels == 0 { Err(E::custom("nested too deeply")) } else { Ok(()) }
    }

    /// For what is called `step` in this.
    fn within(&self, step: &str) -> Strict<'_> {
        self.path.borrow_mut().push(step.chars().take(SHOWN).collect());
        Strict { levels: self.levels - 1, path: self.path }
    }

    fn done(&self) {
        self.path.borrow_mut().pop();
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Value, D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("strict JSON")
    }
    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Value, E> {
        if v.unsigned_abs() > MAX_INTEGER {
            return Err(E::custom("integer beyond 2^53-1"));
        }
        Ok(v.into())
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Value, E> {
        if v > MAX_INTEGER {
            return Err(E::custom("integer beyond 2^53-1"));
        }
        Ok(v.into())
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("number with fraction or exponent"))
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }
    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.within(&items.len().to_string()))? {
            items.push(item);
            self.done();
        }
        self.done();
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if name.starts_with(NUMBER) {
                return Err(de::Error::custom("number with fraction or exponent"));
            }
            let value = map.next_value_seed(self.within(&name))?;
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("duplicate member"));
            }
            self.done();
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_json_is_refused() {
        assert!(parse_strict(r#"{"a":1,"b":["x",null,true]}"#).is_ok());
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            "1.5",
            "1e3",
            "-0",
            "1.0",
            "99999999999999999999",
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"{"$serde_json::private::RawValue":"[1.5]"}"#,
            "9007199254740992",
            r#""\ud800""#,
            "[1] x",
            &"[".repeat(40),
        ] {
            assert!(parse_strict(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fault_names_the_member() {
        for (bad, field) in [
            (r#"{"a":1,"a":2}"#, "a"),
            (r#"{"a":{"b":[0,{"c":1.5}]}}"#, "a.b.1.c"),
            (r#"{"a":{"b":1},"d":9007199254740992}"#, "d"),
            (r#"{"a":[],"d":[1,-0.5]}"#, "d.1"),
            (r#"{"a":1"#, WHOLE),
            ("1.5", WHOLE),
        ] {
            assert_eq!(parse_strict(bad).expect_err(bad).field, field, "{bad}");
        }
    }

    #[cfg(feature = "records")]
    #[test]
    fn canonical_bytes_sort_members() {
        let value = parse_strict(r#"{"b":1,"a":"\u00e4"}"#).expect("valid");
        assert_eq!(canonical(&value).expect("canonical"), "{\"a\":\"ä\",\"b\":1}".as_bytes());
    }
}
