//! Ids that annotations do not change, and bombs that are refused.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

const URI: &str = "https://schemas.example/degree";

fn checked(schema: &Value) -> Result<(), Invalid> {
    graph::check(&parse(&schema.to_string())?, URI, &BTreeMap::new())
}

fn refused(schema: &Value) -> String {
    checked(schema).expect_err("refused").reason
}

#[test]
fn annotations_do_not_change_the_id_and_everything_else_does() {
    let plain =
        json!({"type": "object", "properties": {"title": {"type": "string"}}, "enum": [{"title": 1}]});
    let noted = json!({"title": "Degree", "$comment": "x", "type": "object", "enum": [{"title": 1}],
        "properties": {"title": {"type": "string", "description": "its title", "default": "", "readOnly": true}}});
    assert_eq!(id(&plain), id(&noted));
    assert_ne!(sha256(&plain), sha256(&noted));
    for other in [
        json!({"type": "object", "properties": {}, "enum": [{"title": 1}]}),
        json!({"type": "object", "properties": {"title": {"type": "string"}}, "enum": [{}]}),
        json!({"type": "array", "properties": {"title": {"type": "string"}}, "enum": [{"title": 1}]}),
    ] {
        assert_ne!(id(&plain), id(&other), "{other}");
    }
    let nested = |inner: Value| json!({"allOf": [{"items": {"not": inner}}], "$defs": {"deprecated": true}});
    assert_eq!(id(&nested(json!({"examples": [1]}))), id(&nested(json!({}))));
    assert_eq!(stripped(&nested(json!({})))["$defs"], json!({"deprecated": true}));
}

#[test]
fn references_lead_to_schemas_at_hand() {
    for good in [
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}),
        json!({"$ref": "#a", "$defs": {"x": {"$anchor": "a"}}}),
        json!({"$ref": "other", "$defs": {"x": {"$id": "https://schemas.example/other", "type": "string"}}}),
        json!({"$ref": DIALECT}),
        json!({"properties": {"a~/b": {}, "c": {"$ref": "#/properties/a~0~1b"}}}),
        // A tree ends where the document does.
        json!({"type": "object", "properties": {"child": {"$ref": "#"}}, "items": {"$ref": "#"}}),
    ] {
        checked(&good).unwrap_or_else(|e| panic_with(&good, &e));
    }
    for remote in ["https://elsewhere.example/x", "other", "//x/y", "file:///etc/passwd", "urn:x:y#/a"] {
        assert!(refused(&json!({"properties": {"a": {"$ref": remote}}})).contains("bundle"), "{remote}");
    }
    for lost in ["#/nowhere", "#nothing", "#/properties", "#/properties/a/const"] {
        let schema = json!({"properties": {"a": {"const": {"type": "string"}}, "b": {"$ref": lost}}});
        assert!(refused(&schema).contains("no schema"), "{lost}");
    }
    let published =
        BTreeMap::from([("https://schemas.example/other".to_owned(), json!({"$anchor": "here"}))]);
    let referring = json!({"$ref": "other#here"});
    assert_eq!(graph::check(&referring, URI, &published), Ok(()));
    assert_eq!(graph::outside(&referring, URI).map(|o| o.len()), Ok(1));
    assert!(graph::check(&json!({"$ref": "other#gone"}), URI, &published).is_err());
}

fn panic_with(schema: &Value, e: &Invalid) {
    panic!("{schema}: {e}")
}

#[test]
fn bombs_are_refused() {
    let pattern = |p: &str| json!({"pattern": p});
    let mut deep = json!({});
    for _ in 0..20 {
        deep = json!({"properties": {"a": deep}});
    }
    let chain: Map<_, _> =
        (0..60).map(|n| (format!("d{n}"), json!({"$ref": format!("#/$defs/d{}", n + 1)}))).collect();
    let many: Map<_, _> = (0..2_001).map(|n| (format!("p{n}"), true.into())).collect();
    let words: Map<_, _> =
        (0..1_001).map(|n| (format!("p{n}"), json!({"type": "string", "minLength": 1}))).collect();
    let patterns: Map<_, _> = (0..51).map(|n| (format!("^p{n}"), json!({}))).collect();
    for (bomb, why) in [
        (json!({"const": "x".repeat(MAX_BYTES)}), "longer"),
        (deep, "nested"),
        (json!({"properties": words}), "keywords"),
        (json!({"enum": vec![1; 1_001]}), "enum"),
        (pattern(&"a".repeat(513)), "patterns"),
        (json!({"patternProperties": patterns}), "patterns"),
        (json!({"$ref": "#"}), "loop"),
        (json!({"allOf": [{"$ref": "#"}]}), "loop"),
        (
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
            "loop",
        ),
        (json!({"if": true, "then": {"not": {"$ref": "#"}}}), "loop"),
        (json!({"$defs": chain, "$ref": "#/$defs/d0"}), "no schema"),
        (json!({"$dynamicRef": "#x"}), "$dynamicRef"),
        (json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "dialect"),
        (json!({"properties": {"a": 1}}), "no object"),
        (json!({"properties": {"x": {"properties": {"x": {"minimum": 1.5}}}}}), "fraction"),
    ] {
        assert!(refused(&bomb).contains(why), "{why}: {}", refused(&bomb));
    }
    // Booleans are free.
    assert_eq!(checked(&json!({"properties": many})), Ok(()));
}
