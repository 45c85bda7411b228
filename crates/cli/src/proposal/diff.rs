//! What would change, field by field: the new values from the change itself, the present ones as the server says.

use serde_json::{Map, Value};

use crate::output;

/// Fields that the change does not have (a dismissal's roles, who is appointed) come after its own.
pub fn table(change_json: &str, diff_json: &str) -> String {
    let (change, diff) = (object(change_json), object(diff_json));
    let data = change.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
    let side =
        |name: &String, side: &str| diff.get(name).and_then(|d| d.get(side)).map_or(String::new(), text);
    let own = data.iter().map(|(name, value)| vec![name.clone(), side(name, "from"), text(value)]);
    let further = diff.keys().filter(|name| !data.contains_key(*name));
    let further = further.map(|name| vec![name.clone(), side(name, "from"), side(name, "to")]);
    output::table(&["FIELD", "NOW", "PROPOSED"], own.chain(further))
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_what_is_and_what_would_be() {
        let change = r#"{"kind":"StatusChanged","data":{"target_id":"7","state":"REVOKED"}}"#;
        let diff = r#"{"state":{"from":"ACTIVE","to":"ENDED"},"roles":{"from":["AUDITOR"],"to":null}}"#;
        let table = table(change, diff);
        let rows: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            rows,
            [
                vec!["FIELD", "NOW", "PROPOSED"],
                vec!["target_id", "7"],
                vec!["state", "ACTIVE", "REVOKED"],
                vec!["roles", r#"["AUDITOR"]"#, "-"],
            ]
        );
    }
}
