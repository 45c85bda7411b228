//! Every claim of every document and of the event: removed, of another type, a little different; signed all the same.

use serde_json::{Value, json};

use super::{
    case::{Case, compare},
    made::Made,
};

type Document = (&'static str, fn(&mut Made) -> &mut Value);

const DOCUMENTS: [Document; 6] = [
    ("statement", |m| &mut m.leaf),
    ("to agency", |m| &mut m.to_agency),
    ("to ministry", |m| &mut m.to_ministry),
    ("anchor", |m| &mut m.anchor),
    ("own", |m| &mut m.own),
    ("event", |m| &mut m.event),
];

/// Every place below the top, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(n, v)| (n.replace('/', "~1"), v)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(n, v)| (n.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let place = format!("{at}/{name}");
        places(value, &place, found);
        found.push(place);
    }
}

/// What could stand there instead.
fn instead(value: &Value) -> Vec<Value> {
    let mut all =
        vec![json!(null), json!(0), json!(1.5), json!(""), json!("x"), json!(true), json!([]), json!({})];
    match value {
        Value::String(s) => {
            let near =
                [format!("{s}x"), format!(" {s}"), format!("{s}\n"), format!("{s}\u{e9}"), s.to_uppercase()];
            all.extend(near.map(Value::String));
            all.extend(
                ["2021-12-31T23:59:59.999999Z", "2026-11-20T12:00:00+02:00", "FI", "*"].map(Value::from),
            );
        }
        Value::Number(n) => {
            let n = n.as_i64().expect("whole numbers");
            all.extend([n + 1, n - 1, -n, n * 1_000].map(Value::from));
        }
        Value::Array(list) => all.push(json!([list.clone(), list.clone()].concat())),
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("more".to_owned(), json!(1));
            all.push(Value::Object(more));
        }
        _ => {}
    }
    all
}

/// The document without what is at a place.
fn without(document: &Value, place: &str) -> Value {
    let mut document = document.clone();
    let (parent, name) = place.rsplit_once('/').expect("below the top");
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&name.replace("~1", "/"))),
        Some(Value::Array(list)) => drop(list.remove(name.parse().expect("a position"))),
        _ => {}
    }
    document
}

/// A document with each of its claims removed, of another type, and a little different; and what was done.
pub fn changed(good: &Value) -> Vec<(String, Value)> {
    let (mut found, mut all) = (Vec::new(), Vec::new());
    places(good, "", &mut found);
    for place in found {
        let value = good.pointer(&place).expect("a place");
        all.push((format!("{place}: removed"), without(good, &place)));
        for other in instead(value).into_iter().filter(|other| other != value) {
            let (what, mut document) = (format!("{place}: {other}"), good.clone());
            *document.pointer_mut(&place).expect("a place") = other;
            all.push((what, document));
        }
    }
    all
}

fn cases(made: &mut Made) -> Vec<Case> {
    let mut cases = vec![made.case("as it should be")];
    for (name, of) in DOCUMENTS {
        let good = of(made).clone();
        for (what, document) in changed(&good) {
            *of(made) = document;
            cases.push(made.case(format!("{name} {what}")));
        }
        *of(made) = good;
    }
    cases
}

#[tokio::test]
async fn both_verifiers_agree_on_every_claim_that_is_changed_and_signed() {
    let mut made = Made::new();
    let cases = cases(&mut made);
    let agreed = compare("claims", &cases).await;
    assert!(agreed.cases > 1_000, "only {} cases", agreed.cases);
    assert!((2..agreed.cases / 3).contains(&agreed.accepted), "{} of {}", agreed.accepted, agreed.cases);
}
