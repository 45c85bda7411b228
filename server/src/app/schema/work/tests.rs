//! What bounds work: counted steps and the linear engine; and that an ordinary schema is far from either.

use serde_json::json;

use super::*;

const URI: &str = "https://schemas.example/x";

async fn told(schema: Value, document: Value) -> Result<Vec<Fault>, String> {
    let done = validate(URI.to_owned(), schema, BTreeMap::new(), document).await;
    done.map_err(|e| e.detail)
}

#[tokio::test]
async fn faults_are_named_by_their_places() {
    let schema = json!({"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string"}, "grades": {"items": {"type": "integer", "minimum": 0}}}});
    assert_eq!(told(schema.clone(), json!({"name": "x", "grades": [1, 2]})).await, Ok(vec![]));
    let faults = told(schema.clone(), json!({"grades": [1, -1, 2.5]})).await.expect("validated");
    let places: Vec<_> = faults.iter().map(|f| (f.instance.as_str(), f.schema.as_str())).collect();
    assert!(places.contains(&("", "/required")), "{places:?}");
    assert!(places.contains(&("/grades/1", "/properties/grades/items/minimum")), "{places:?}");
    assert!(places.contains(&("/grades/2", "/properties/grades/items/type")), "{places:?}");
    assert!(faults.iter().all(|f| !f.message.is_empty() && !f.message.contains("2.5")), "{faults:?}");
    let many = told(schema, json!({"name": "x", "grades": vec!["x"; 5_000]})).await.expect("validated");
    assert_eq!(many.len(), MAX_FAULTS);
}

/// Doubling at each level: in one place, and at each step into the document.
#[tokio::test]
async fn what_doubles_at_every_step_is_given_up() {
    let twice =
        |n: usize| json!({"allOf": [{"$ref": format!("#/$defs/d{n}")}, {"$ref": format!("#/$defs/d{n}")}]});
    let mut defs: serde_json::Map<_, _> = (0..14).map(|n| (format!("d{n}"), twice(n + 1))).collect();
    defs.insert("d14".to_owned(), json!({"type": "object"}));
    for n in 15..40 {
        defs.insert(format!("d{n}"), json!({"type": "object"}));
    }
    let branch = json!({"properties": {"a": {"$ref": "#"}}});
    let deep = json!({"allOf": [branch, branch, branch]});
    let mut document = json!({});
    for _ in 0..30 {
        document = json!({"a": document});
    }
    let said = told(deep, document).await.expect_err("given up");
    assert!(said.contains("more work"), "{said}");
    let wide = json!({"items": {"$ref": "#/$defs/d0"}, "$defs": defs});
    let said = told(wide, json!(vec![json!({}); 100])).await.expect_err("given up");
    assert!(said.contains("more work"), "{said}");
    assert_eq!(told(json!({"type": "object"}), json!({})).await, Ok(vec![]), "the next one is served");
}

#[tokio::test]
async fn patterns_are_matched_in_linear_time_or_refused() {
    let evil = json!({"pattern": "^(a+)+$"});
    let faults = told(evil, json!(format!("{}!", "a".repeat(100_000)))).await.expect("validated in time");
    assert_eq!(faults.len(), 1);
    for refused in ["(?=a)b", "(a)\\1", "(?:\\w{100}){100}", "("] {
        let done = compile(URI.to_owned(), json!({"pattern": refused}), BTreeMap::new()).await;
        assert!(done.is_err(), "{refused}");
    }
    let wrong = compile(URI.to_owned(), json!({"type": "objekt"}), BTreeMap::new()).await;
    assert!(wrong.expect_err("no schema").detail.contains("/type"));
}

#[test]
fn documents_are_bounded() {
    let nested = |levels: usize| format!("{}1.5{}", "[".repeat(levels), "]".repeat(levels));
    assert!(document(&nested(32)).is_ok());
    assert!(document(&nested(33)).is_err() && document(&nested(200)).is_err());
    assert!(document(&format!("\"{}\"", "x".repeat(MAX_DOCUMENT))).is_err());
    assert!(document("{").is_err());
}
