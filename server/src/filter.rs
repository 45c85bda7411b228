//! Filters of lists: the part of AIP-160 that is of use here. Conditions joined by `AND`; each compares a field with a
//! value (`=`, `<`, `<=`, `>`, `>=`) or asks whether a list has it (`:`). Faults say at which character.

use charter_domain::{Invalid, Timestamp};
use charter_store::find::Between;

const LONGEST: usize = 1_024;

#[derive(Debug)]
struct Condition {
    /// The first character is 1.
    at: usize,
    field: String,
    operator: String,
    value: String,
}

/// What is asked for and not taken yet: each list takes what it knows.
#[derive(Debug)]
pub struct Filter {
    left: Vec<Condition>,
    /// What the list has looked for: the conditions that it knows.
    known: Vec<String>,
}

fn fault(at: usize, text: &str) -> Invalid {
    Invalid::new("filter", format!("at character {at}: {text}"))
}

struct Reader<'a> {
    text: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn run(&mut self, of: impl Fn(char) -> bool) -> String {
        let from = self.at;
        while self.peek().is_some_and(&of) {
            self.at += 1;
        }
        self.text.iter().take(self.at).skip(from).collect()
    }

    fn quoted(&mut self) -> Result<String, Invalid> {
        let (from, mut value) = (self.at + 1, String::new());
        self.at += 1;
        loop {
            match self.peek() {
                Some('"') => break,
                Some('\\') => {
                    self.at += 1;
                    value.extend(self.peek());
                }
                Some(c) => value.push(c),
                None => return Err(fault(from, "the text is not closed by `\"`")),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(value)
    }

    fn value(&mut self) -> Result<String, Invalid> {
        if self.peek() == Some('"') {
            return self.quoted();
        }
        let from = self.at + 1;
        let value = self.run(|c| !c.is_whitespace() && !"\"()=<>!".contains(c));
        if value.is_empty() { Err(fault(from, "a value is missing")) } else { Ok(value) }
    }

    fn condition(&mut self) -> Result<Condition, Invalid> {
        let at = self.at + 1;
        let field = self.run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        if field.is_empty() {
            return Err(fault(at, "a field is missing"));
        }
        self.spaces();
        let place = self.at + 1;
        let operator = self.run(|c| "=<>:!".contains(c));
        if !["=", "<", "<=", ">", ">=", ":"].contains(&operator.as_str()) {
            return Err(fault(place, "one of `=`, `<`, `<=`, `>`, `>=` and `:` is missing"));
        }
        self.spaces();
        Ok(Condition { at, field, operator, value: self.value()? })
    }
}

impl Filter {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > LONGEST {
            return Err(Invalid::new("filter", format!("must not be longer than {LONGEST} bytes")));
        }
        let text: Vec<char> = text.chars().collect();
        let (mut reader, mut all) = (Reader { text: &text, at: 0 }, Vec::new());
        reader.spaces();
        while reader.peek().is_some() {
            if !all.is_empty() {
                let at = reader.at + 1;
                if reader.run(char::is_alphabetic) != "AND" || !reader.peek().is_some_and(char::is_whitespace)
                {
                    return Err(fault(at, "conditions are joined by `AND` alone"));
                }
                reader.spaces();
            }
            all.push(reader.condition()?);
            reader.spaces();
        }
        Ok(Self { left: all, known: Vec::new() })
    }

    fn take(&mut self, field: &str, operator: &str) -> Result<Option<Condition>, Invalid> {
        self.known.push(format!("`{field} {operator}`"));
        let is = |c: &Condition| c.field == field && c.operator == operator;
        let Some(found) = self.left.iter().position(is) else { return Ok(None) };
        let taken = self.left.remove(found);
        match self.left.iter().find(|c| is(c)) {
            Some(second) => Err(fault(second.at, &format!("`{field}` stands twice"))),
            None => Ok(Some(taken)),
        }
    }

    /// `field = value`
    pub fn equal(&mut self, field: &str) -> Result<Option<String>, Invalid> {
        Ok(self.take(field, "=")?.map(|c| c.value))
    }

    /// The same, parsed; the fault is that of the parser, at its place.
    pub fn parsed<T>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Result<Option<T>, Invalid> {
        let found = self.take(field, "=")?;
        found
            .map(|c| parse(&c.value).map_err(|e| fault(c.at, &format!("`{field}` {}", e.reason))))
            .transpose()
    }

    /// `field:value`
    pub fn has(&mut self, field: &str) -> Result<Option<String>, Invalid> {
        Ok(self.take(field, ":")?.map(|c| c.value))
    }

    /// `field >= time AND field < time`, with or without the equals signs.
    pub fn between(&mut self, field: &str) -> Result<Between, Invalid> {
        let mut bound = |operators: [&str; 2], later: &str| {
            let [one, other] = operators.map(|operator| self.take(field, operator));
            let (one, other) = (one?, other?);
            if let (Some(_), Some(second)) = (&one, &other) {
                return Err(fault(second.at, &format!("`{field}` has this bound already")));
            }
            let Some(c) = one.or(other) else { return Ok(None) };
            let bad = |e: Invalid| fault(c.at, &format!("`{field}` {}", e.reason));
            let time = Timestamp::parse(&c.value).map_err(bad)?;
            // The bounds are half-open; instants are microseconds apart.
            let step = i64::from(c.operator == later);
            Ok(Some(Timestamp::from_micros(time.micros().saturating_add(step))))
        };
        Ok(Between { from: bound([">", ">="], ">")?, until: bound(["<", "<="], "<=")? })
    }

    /// That nothing is left; the fault names the conditions that there are.
    pub fn done(self) -> Result<(), Invalid> {
        let Some(c) = self.left.first() else { return Ok(()) };
        let known = self.known.join(", ");
        let text = format!("`{} {}` is not filtered by here, but {known}", c.field, c.operator);
        Err(fault(c.at, &text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_taken_by_those_who_know_them() {
        let text = r#"country = FI AND identifiers:"did:web:a.example" AND at>=2026-01-01T00:00:00Z AND at <= 2026-01-02T00:00:00Z"#;
        let mut filter = Filter::parse(text).expect("a filter");
        assert_eq!(filter.equal("country").expect("once").as_deref(), Some("FI"));
        assert_eq!(filter.has("identifiers").expect("once").as_deref(), Some("did:web:a.example"));
        let at = filter.between("at").expect("times");
        let day = |d: &str| Timestamp::parse(&format!("2026-01-{d}T00:00:00Z")).expect("a time").micros();
        let bounds = (at.from.map(Timestamp::micros), at.until.map(Timestamp::micros));
        assert_eq!(bounds, (Some(day("01")), Some(day("02") + 1)));
        filter.done().expect("nothing is left");
        let mut quoted = Filter::parse(r#"body = "A \"B\" (C)""#).expect("a filter");
        assert_eq!(quoted.equal("body").expect("once").as_deref(), Some(r#"A "B" (C)"#));
        Filter::parse("  ").expect("empty").done().expect("nothing");
    }

    #[test]
    fn faults_say_where() {
        for (text, place) in [
            ("country", 8),
            ("country ! FI", 9),
            ("country = ", 11),
            ("= FI", 1),
            ("country = FI OR country = SE", 14),
            ("country = FI country = SE", 14),
            ("country = \"FI", 11),
            ("(country = FI)", 1),
            ("NOT country = FI", 5),
            ("country != FI", 9),
        ] {
            let error = Filter::parse(text).expect_err(text);
            assert!(error.reason.starts_with(&format!("at character {place}:")), "{text}: {error}");
        }
        let mut twice = Filter::parse("a = 1 AND a = 2").expect("a filter");
        assert!(twice.equal("a").expect_err("twice").reason.starts_with("at character 11:"));
        let mut twice = Filter::parse("a > 1 AND a >= 2").expect("a filter");
        assert!(twice.between("a").expect_err("twice").reason.starts_with("at character 11:"));
        let mut left = Filter::parse("a = 1 AND b < 2").expect("a filter");
        let _ = left.has("a").and_then(|_| left.equal("c")).expect("absent");
        let reason = left.done().expect_err("left").reason;
        assert_eq!(reason, "at character 1: `a =` is not filtered by here, but `a :`, `c =`");
        assert!(Filter::parse(&"a".repeat(1_025)).is_err());
    }
}
