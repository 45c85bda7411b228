//! Children and accreditors, spellings of one schema, and what a scope of ours is made of.

use super::*;

const FIN: &str = "https://publications.europa.eu/resource/authority/atu/FIN";
const DEU: &str = "https://publications.europa.eu/resource/authority/atu/DEU";
const EUR: &str = "https://publications.europa.eu/resource/authority/atu/EUR";
const NOR: &str = "https://publications.europa.eu/resource/authority/atu/NOR";

fn entry(schema: &str, types: &[&str], limits: Option<&[&str]>) -> AccreditedFor {
    let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    AccreditedFor { schema: schema.to_owned(), types: owned(types), limits: limits.map(owned) }
}

fn rights(entries: Vec<AccreditedFor>) -> Rights {
    Rights::parse(entries).expect("rights")
}

fn one(schema: &str, kind: &str, limits: Option<&[&str]>) -> Rights {
    rights(vec![entry(schema, &["VerifiableCredential", "VerifiableAttestation", kind], limits)])
}

#[test]
fn a_child_has_the_same_or_less_by_schema_type_and_place() {
    let degree = one("s", "Degree", Some(&[FIN, DEU]));
    for good in [
        one("s", "Degree", Some(&[FIN])),
        one("s", "Degree", Some(&[DEU, FIN])),
        rights(vec![]),
        rights(vec![entry("other", &["VerifiableCredential"], None)]),
    ] {
        assert_eq!(degree.contains(&good), Ok(()), "{good:?}");
    }
    for (bad, clause) in [
        (one("s", "Licence", Some(&[FIN])), Clause::Scope),
        (one("t", "Degree", Some(&[FIN])), Clause::Scope),
        (one("s", "Degree", Some(&[NOR])), Clause::Jurisdiction),
        (one("s", "Degree", Some(&[FIN, NOR])), Clause::Jurisdiction),
        (one("s", "Degree", None), Clause::Jurisdiction),
        (Rights::All, Clause::Scope),
    ] {
        assert_eq!(degree.contains(&bad).expect_err("more").0, clause, "{bad:?}");
    }
    // A schema of one entry does not go with the type of another.
    let two = rights(vec![entry("s", &["Degree"], None), entry("t", &["Licence"], None)]);
    assert_eq!(two.contains(&one("t", "Degree", None)).expect_err("crossed").0, Clause::Scope);
    assert_eq!(Rights::All.contains(&two), Ok(()));
    assert_eq!(Rights::All.contains(&Rights::All), Ok(()));
}

#[test]
fn the_union_has_its_members_and_no_more() {
    let union = one("s", "Degree", Some(&[EUR]));
    assert_eq!(union.contains(&one("s", "Degree", Some(&[FIN]))), Ok(()));
    assert!(union.contains(&one("s", "Degree", Some(&[NOR]))).is_err());
    assert!(one("s", "Degree", Some(&[FIN])).contains(&union).is_err());
    let atlantis = one("s", "Degree", Some(&["https://atlantis.example"]));
    assert_eq!(atlantis.contains(&atlantis), Ok(()));
    assert!(union.contains(&atlantis).is_err());
    assert_eq!(atlantis.scope(&[], true), Scope::default(), "no place of ours: nothing, not everything");
}

#[test]
fn one_schema_has_many_spellings() {
    let hash = [7_u8; 32];
    let hex: String = hash.iter().map(|b| format!("{b:02X}")).collect();
    let base58 = format!("z{}", base58::encode(&hash));
    let key = schema_key(&base58);
    assert_eq!(key, hex.to_ascii_lowercase());
    for same in [
        format!("0x{hex}"),
        hex.clone(),
        format!("https://api-pilot.ebsi.eu/trusted-schemas-registry/v3/schemas/{base58}"),
        format!("ebsi:pilot:trusted-schemas-registry:/schemas/0x{hex}"),
    ] {
        assert_eq!(schema_key(&same), key, "{same}");
    }
    for other in ["https://a.example/schemas/degree", "https://b.example/schemas/degree", "degree", "zdegree"]
    {
        assert_eq!(schema_key(other), other, "no hash: another URL is another schema");
    }
}

#[test]
fn a_scope_of_ours_issues_what_is_mapped_where_it_was_given() {
    let given = rights(vec![
        entry("s", &["Degree", "Diploma", "*"], Some(&[FIN])),
        entry("t", &["Degree"], Some(&[DEU])),
        entry("s", &["VerifiableAccreditationToAttest"], None),
    ]);
    let plain = given.scope(&[], true);
    let text = serde_json::to_value(&plain).expect("JSON");
    assert_eq!(text.as_array().map(Vec::len), Some(2), "{text}");
    assert_eq!(text[0]["resources"], serde_json::json!(["Degree"]));
    assert_eq!(text[0]["jurisdictions"], serde_json::json!(["DE", "FI"]));
    assert_eq!(
        (&text[0]["actions"], &text[0]["may_delegate"]),
        (&serde_json::json!(["issue"]), &true.into())
    );
    let degree = Mapping { kind: "Degree".into(), schema: Some("s".into()), resource: "urn:degree".into() };
    let mapped = serde_json::to_value(given.scope(std::slice::from_ref(&degree), false)).expect("JSON");
    assert_eq!(mapped.as_array().map(Vec::len), Some(1), "{mapped}");
    assert_eq!(mapped[0]["resources"], serde_json::json!(["urn:degree"]));
    assert_eq!(mapped[0]["jurisdictions"], serde_json::json!(["FI"]));
    let all = Mapping { resource: "*".into(), ..degree };
    assert_eq!(given.scope(&[all], false), Scope::default());
    assert!(given.gives("Degree") && !given.gives("Licence"));
    let many: Vec<String> = (0..600).map(|n| format!("T{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(Rights::parse(vec![entry("s", &many, None)]).expect_err("too many").0, Clause::Bound);
}

/// 64 KiB of types and places would be millions of rights.
#[test]
fn types_and_places_do_not_multiply_and_names_are_short() {
    let names: Vec<String> = (0..5_000).map(|n| format!("{n:x}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let long = "s".repeat(MAX_NAME + 1);
    let long = long.as_str();
    for bad in [
        entry("s", &names, Some(&names)),
        entry("s", &["Degree"], Some(&names)),
        entry("s", &names[..30], Some(&names[..30])),
        entry(long, &["Degree"], None),
        entry("s", &[long], None),
        entry("s", &["Degree"], Some(&[long])),
    ] {
        assert_eq!(Rights::parse(vec![bad]).expect_err("too many").0, Clause::Bound);
    }
}
