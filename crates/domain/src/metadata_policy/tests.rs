//! Tables: policies from the top down, what an entity says, and what comes of it.

use serde_json::{Map, Value, json};

use super::{Metadata, MetadataPolicy};

/// Policies on the parameter `p` of the type `t`, as a chain has them.
fn chain(name: &str, policies: &Value) -> Result<MetadataPolicy, String> {
    let claims = |policy: &Value| {
        let policy = json!({ "metadata_policy": { "t": { name: policy } } });
        policy.as_object().expect("an object").clone()
    };
    let statements: Vec<Map<String, Value>> =
        policies.as_array().expect("a list").iter().map(claims).collect();
    MetadataPolicy::resolve(&statements.iter().collect::<Vec<_>>()).map_err(|e| e.to_string())
}

/// What becomes of parameter `name`; `absent` stands for a parameter that is not there.
fn outcome(name: &str, policies: &Value, given: &Value) -> Result<Value, String> {
    let policy = chain(name, policies)?;
    let mut metadata = match given {
        Value::String(text) if text == "absent" => json!({ "t": {} }),
        given => json!({ "t": { name: given } }),
    };
    let metadata: &mut Metadata = metadata.as_object_mut().expect("an object");
    policy.apply(metadata).map_err(|e| e.to_string())?;
    Ok(metadata["t"].get(name).cloned().unwrap_or_else(|| json!("absent")))
}

fn good(table: &[(Value, Value, Value)]) {
    for (policies, given, expected) in table {
        assert_eq!(outcome("p", policies, given).as_ref(), Ok(expected), "{policies} on {given}");
    }
}

/// The policies are sound; this metadata does not comply.
fn unfit(table: &[(Value, Value)]) {
    for (policies, given) in table {
        assert!(chain("p", policies).is_ok(), "{policies}");
        assert!(outcome("p", policies, given).is_err(), "{policies} on {given}");
    }
}

/// The policies themselves are in error.
fn wrong(table: &[Value]) {
    for policies in table {
        let refused = chain("p", policies).expect_err(&policies.to_string());
        assert!(refused.starts_with("`t.p` "), "{refused}");
    }
}

#[test]
fn each_operator_alone() {
    good(&[
        (json!([{ "value": "a" }]), json!("b"), json!("a")),
        (json!([{ "value": ["a"] }]), json!("absent"), json!(["a"])),
        (json!([{ "value": null }]), json!("b"), json!("absent")),
        (json!([{ "value": { "x": 1 } }]), json!("b"), json!({ "x": 1 })),
        (json!([{ "add": ["a", "b"] }]), json!(["b", "c"]), json!(["b", "c", "a"])),
        (json!([{ "add": ["a"] }]), json!("absent"), json!(["a"])),
        (json!([{ "add": [{ "x": 1 }] }]), json!([{ "x": 1 }]), json!([{ "x": 1 }])),
        (json!([{ "default": 5 }]), json!("absent"), json!(5)),
        (json!([{ "default": 5 }]), json!(false), json!(false)),
        (json!([{ "one_of": ["a", "b"] }]), json!("b"), json!("b")),
        (json!([{ "one_of": ["a"] }]), json!("absent"), json!("absent")),
        (json!([{ "one_of": [1, 2] }]), json!(2), json!(2)),
        (json!([{ "subset_of": ["a", "b"] }]), json!(["b", "c"]), json!(["b"])),
        (json!([{ "subset_of": ["a"] }]), json!(["c"]), json!([])),
        (json!([{ "subset_of": ["a"] }]), json!("absent"), json!("absent")),
        (json!([{ "superset_of": ["a"] }]), json!(["b", "a"]), json!(["b", "a"])),
        (json!([{ "superset_of": ["a"] }]), json!("absent"), json!("absent")),
        (json!([{ "essential": true }]), json!({}), json!({})),
        (json!([{ "essential": false }]), json!("absent"), json!("absent")),
        (json!([{}]), json!("b"), json!("b")),
        (json!([]), json!("b"), json!("b")),
        (json!([{ "regexp": "^a$" }]), json!("b"), json!("b")),
    ]);
    unfit(&[
        (json!([{ "add": ["a"] }]), json!("a")),
        (json!([{ "add": ["a"] }]), json!([true])),
        (json!([{ "one_of": ["a"] }]), json!("b")),
        (json!([{ "one_of": ["a"] }]), json!(["a"])),
        (json!([{ "one_of": ["a"] }]), json!(true)),
        (json!([{ "subset_of": ["a"] }]), json!("a")),
        (json!([{ "superset_of": ["a", "b"] }]), json!(["a"])),
        (json!([{ "superset_of": [] }]), json!("a")),
        (json!([{ "essential": true }]), json!("absent")),
        (json!([{ "essential": true }]), json!(null)),
        (json!([{ "default": "a" }]), json!(null)),
        (json!([{ "value": "a" }]), json!(null)),
        (json!([{ "subset_of": ["a"] }]), Value::Array(vec![json!("a"); 1_001])),
    ]);
}

#[test]
fn operators_are_applied_in_their_order() {
    good(&[
        (json!([{ "essential": true, "subset_of": ["a", "b", "c"] }]), json!(["a", "e"]), json!(["a"])),
        (json!([{ "essential": true, "subset_of": ["a", "b", "c"] }]), json!(["d", "e"]), json!([])),
        (json!([{ "essential": false, "subset_of": ["a", "b"] }]), json!("absent"), json!("absent")),
        (json!([{ "essential": true, "default": "a" }]), json!("absent"), json!("a")),
        (json!([{ "default": ["a"], "add": ["b"] }]), json!("absent"), json!(["b"])),
        (json!([{ "add": ["b"], "subset_of": ["b"] }]), json!(["a"]), json!(["b"])),
        (json!([{ "add": ["b"], "superset_of": ["a", "b"] }]), json!(["a"]), json!(["a", "b"])),
        (json!([{ "default": "a", "one_of": ["a"] }]), json!("absent"), json!("a")),
        (json!([{ "value": null, "essential": false }]), json!("a"), json!("absent")),
        (json!([{ "value": ["a", "b"], "add": ["a"] }]), json!(["z"]), json!(["a", "b"])),
    ]);
    unfit(&[
        (json!([{ "essential": true, "subset_of": ["a", "b", "c"] }]), json!("absent")),
        (json!([{ "subset_of": ["a", "b"], "superset_of": ["a"] }]), json!(["b"])),
        (json!([{ "default": "z", "one_of": ["a"] }]), json!("absent")),
    ]);
}

#[test]
fn combinations_that_are_errors() {
    wrong(&[
        json!([{ "value": ["a"], "add": ["b"] }]),
        json!([{ "value": null, "add": ["b"] }]),
        json!([{ "value": null, "default": "a" }]),
        json!([{ "value": null, "essential": true }]),
        json!([{ "value": null, "one_of": ["a"] }]),
        json!([{ "value": "b", "one_of": ["a"] }]),
        json!([{ "value": ["b"], "subset_of": ["a"] }]),
        json!([{ "value": "a", "subset_of": ["a"] }]),
        json!([{ "value": ["a"], "superset_of": ["a", "b"] }]),
        json!([{ "add": ["b"], "subset_of": ["a"] }]),
        json!([{ "add": ["a"], "one_of": ["a"] }]),
        json!([{ "one_of": ["a"], "subset_of": ["a"] }]),
        json!([{ "one_of": ["a"], "superset_of": ["a"] }]),
        json!([{ "subset_of": ["a"], "superset_of": ["a", "b"] }]),
    ]);
    good(&[
        (
            json!([{ "value": "a", "one_of": ["a"], "default": "z", "essential": true }]),
            json!("b"),
            json!("a"),
        ),
        (
            json!([{ "value": ["a"], "subset_of": ["a", "b"], "superset_of": ["a"] }]),
            json!("b"),
            json!(["a"]),
        ),
    ]);
}

#[test]
fn configurations_of_another_type_are_errors() {
    wrong(&[
        json!(["a"]),
        json!([null]),
        json!([{ "add": "a" }]),
        json!([{ "add": ["a", 1] }]),
        json!([{ "add": [null] }]),
        json!([{ "default": null }]),
        json!([{ "one_of": "a" }]),
        json!([{ "one_of": [true] }]),
        json!([{ "subset_of": null }]),
        json!([{ "superset_of": [["a"]] }]),
        json!([{ "essential": "true" }]),
        json!([{ "essential": null }]),
        json!([{ "add": vec!["a"; 1_001] }]),
        json!([{ "value": vec!["a"; 1_001] }]),
    ]);
    for policy in [json!([]), json!("t"), json!({ "t": [] }), json!({ "t": null })] {
        let claims = json!({ "metadata_policy": policy });
        let claims = claims.as_object().expect("an object");
        assert!(MetadataPolicy::resolve(&[claims]).is_err(), "{policy}");
    }
}

#[test]
fn what_is_below_can_only_narrow() {
    good(&[
        (json!([{ "value": "a" }, { "value": "a" }]), json!("b"), json!("a")),
        (json!([{ "add": ["a"] }, { "add": ["b", "a"] }]), json!("absent"), json!(["a", "b"])),
        (json!([{ "default": "a" }, { "default": "a" }]), json!("absent"), json!("a")),
        (json!([{ "one_of": ["a", "b"] }, { "one_of": ["b", "c"] }]), json!("b"), json!("b")),
        (json!([{ "subset_of": ["a", "b"] }, { "subset_of": ["b", "c"] }]), json!(["a", "b"]), json!(["b"])),
        (json!([{ "subset_of": ["a"] }, { "subset_of": ["b"] }]), json!(["a"]), json!([])),
        (json!([{ "superset_of": ["a"] }, { "superset_of": ["b"] }]), json!(["b", "a"]), json!(["b", "a"])),
        (json!([{ "essential": false }, { "essential": false }]), json!("absent"), json!("absent")),
        (json!([{ "subset_of": ["a", "b"] }, { "add": ["b"] }]), json!(["a"]), json!(["a", "b"])),
        (json!([{ "one_of": ["a"] }, {}, { "default": "a" }]), json!("absent"), json!("a")),
    ]);
    unfit(&[
        (json!([{ "one_of": ["a", "b"] }, { "one_of": ["b", "c"] }]), json!("a")),
        (json!([{ "superset_of": ["a"] }, { "superset_of": ["b"] }]), json!(["a"])),
        (json!([{ "essential": true }, { "essential": false }]), json!("absent")),
        (json!([{ "essential": false }, { "essential": true }]), json!("absent")),
    ]);
}

#[test]
fn policies_that_contradict_each_other_are_errors() {
    wrong(&[
        json!([{ "value": "a" }, { "value": "b" }]),
        json!([{ "value": "a" }, { "value": null }]),
        json!([{ "default": "a" }, { "default": "b" }]),
        json!([{ "one_of": ["a"] }, { "one_of": ["b"] }]),
        json!([{ "value": "a" }, { "one_of": ["b"] }]),
        json!([{ "subset_of": ["a"] }, { "add": ["b"] }]),
        json!([{ "subset_of": ["a", "b"], "superset_of": ["a"] }, { "subset_of": ["b"] }]),
        json!([{ "subset_of": ["a"] }, { "superset_of": ["a", "b"] }]),
        json!([{ "one_of": ["a"] }, { "subset_of": ["a"] }]),
        json!([{ "essential": true }, { "value": null }]),
        json!([{ "default": "a" }, {}, { "value": null }]),
    ]);
}

#[test]
fn a_scope_is_a_list_of_words() {
    let on = |policies: Value, given: Value| outcome("scope", &policies, &given);
    assert_eq!(on(json!([{ "subset_of": ["a", "b"] }]), json!("b c  a")), Ok(json!("b a")));
    assert_eq!(on(json!([{ "default": "a b" }]), json!("absent")), Ok(json!("a b")));
    assert_eq!(on(json!([{ "default": ["a", "b"] }]), json!("absent")), Ok(json!("a b")));
    assert_eq!(on(json!([{ "value": "a b" }, { "value": ["a", "b"] }]), json!("c")), Ok(json!("a b")));
    assert_eq!(on(json!([{ "add": ["b"] }]), json!("a")), Ok(json!("a b")));
    assert_eq!(on(json!([{ "value": "a b", "superset_of": ["a"] }]), json!("z")), Ok(json!("a b")));
    assert_eq!(on(json!([{ "value": null }]), json!("z")), Ok(json!("absent")));
    for (policies, given) in [
        (json!([{ "superset_of": ["c"] }]), json!("a b")),
        (json!([{ "subset_of": ["a"] }]), json!(["a"])),
        (json!([{ "one_of": ["a"] }]), json!("a")),
        (json!([{ "value": 1 }]), json!("a")),
    ] {
        assert!(on(policies.clone(), given.clone()).is_err(), "{policies} on {given}");
    }
}

#[test]
fn critical_operators_that_are_not_understood_end_the_chain() {
    let asks = |critical: Value| {
        let (upper, lower) = (json!({ "metadata_policy": {} }), json!({ "metadata_policy_crit": critical }));
        let claims = [upper.as_object().expect("an object"), lower.as_object().expect("an object")];
        MetadataPolicy::resolve(&claims).expect_err("refused").to_string()
    };
    assert!(asks(json!(["regexp"])).contains("`regexp`, which is not understood"));
    assert!(asks(json!(["value"])).contains("standard operator `value`"));
    for malformed in [json!([]), json!("regexp"), json!([1]), json!({})] {
        assert!(asks(malformed.clone()).contains("list of one or more names"), "{malformed}");
    }
}

#[test]
fn types_and_parameters_are_apart_from_each_other() {
    let claims = json!({ "metadata_policy": {
        "t": { "p": { "value": 1 }, "p#fi": { "value": 2 } },
        "elsewhere": { "p": { "essential": true } },
    } });
    let policy = MetadataPolicy::resolve(&[claims.as_object().expect("an object")]).expect("sound");
    let mut metadata = json!({ "t": { "p": 0, "q": 0 }, "u": { "p": 0 } });
    policy.apply(metadata.as_object_mut().expect("an object")).expect("complies");
    assert_eq!(metadata, json!({ "t": { "p": 1, "q": 0, "p#fi": 2 }, "u": { "p": 0 } }));
}

#[test]
fn a_fault_names_what_it_is_about_and_stays_short() {
    let (kind, name) = ("k".repeat(1_000), "\u{1b}n".repeat(1_000));
    let claims = json!({ "metadata_policy": { kind: { name: { "default": null } } } });
    let refused = MetadataPolicy::resolve(&[claims.as_object().expect("an object")]).expect_err("refused");
    assert!(refused.field.len() == 129 && !refused.field.contains('\u{1b}'), "{}", refused.field);
}
