//! Chains that hold, and every way in which one does not.

use charter_signing::{Algorithm, Signer as _, SoftwareSigner};
use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000;

/// An entity with its key.
struct Party {
    id: String,
    signer: SoftwareSigner,
}

impl Party {
    fn new(name: &str) -> Self {
        let signer = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
        Self { id: format!("https://{name}.example"), signer }
    }

    fn keys(&self) -> Value {
        json!({ "keys": [self.signer.key().to_jwk()] })
    }

    fn signs(&self, claims: &Value) -> String {
        self.signer.sign(ENTITY_STATEMENT, claims.to_string().as_bytes()).expect("signed")
    }

    /// About itself, with more claims.
    fn configures(&self, superiors: &[&Party], more: &Value) -> String {
        let hints: Vec<&str> = superiors.iter().map(|superior| superior.id.as_str()).collect();
        let mut claims = json!({
            "iss": self.id, "sub": self.id, "iat": NOW, "exp": NOW + 1_000, "jwks": self.keys(),
            "metadata": { "federation_entity": { "organization_name": self.id }, "t": { "scope": "a b" } },
        });
        if !hints.is_empty() {
            claims["authority_hints"] = json!(hints);
        }
        self.signs(&with(claims, more))
    }

    /// About a subordinate, with more claims.
    fn states(&self, about: &Party, more: &Value) -> String {
        let claims = json!({
            "iss": self.id, "sub": about.id, "iat": NOW, "exp": NOW + 500, "jwks": about.keys(),
        });
        self.signs(&with(claims, more))
    }
}

fn with(mut claims: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims
}

/// An anchor, an intermediate and a leaf.
struct Three {
    anchor: Party,
    middle: Party,
    leaf: Party,
}

impl Three {
    fn new() -> Self {
        Self { anchor: Party::new("anchor"), middle: Party::new("middle"), leaf: Party::new("leaf") }
    }

    /// With more claims of the leaf, of the statement about it, of that about the intermediate.
    fn chain(&self, [leaf, lower, upper]: [&Value; 3]) -> Vec<String> {
        vec![
            self.leaf.configures(&[&self.middle], leaf),
            self.middle.states(&self.leaf, lower),
            self.anchor.states(&self.middle, upper),
            self.anchor.configures(&[], &json!({})),
        ]
    }
}

fn now() -> Timestamp {
    Timestamp::from_secs(NOW)
}

fn plain() -> Value {
    json!({})
}

fn refused(links: &[String]) -> String {
    verify(links, now()).expect_err("it does not hold")
}

#[test]
fn a_chain_that_holds_ends_with_its_first_link() {
    let three = Three::new();
    let links = three.chain([&plain(), &json!({ "exp": NOW + 90 }), &plain()]);
    let held = verify(&links, now()).expect("it holds");
    assert_eq!(held.exp, NOW + 90);
    assert_eq!(held.metadata().expect("sound")["t"], json!({ "scope": "a b" }));
    let alone = verify(&links[3..], now()).expect("an anchor by itself");
    assert_eq!((alone.exp, alone.statements().len()), (NOW + 1_000, 0));
    let delegation = |until: &Value| json!({ "metadata": { "trust_registry": { "valid": until } } });
    let from = Timestamp::from_secs(NOW - 10).to_string();
    let until = Timestamp::from_secs(NOW + 30).to_string();
    let valid = delegation(&json!([{ "from": from, "until": until }]));
    let held = verify(&three.chain([&plain(), &plain(), &valid]), now()).expect("it is in force");
    assert_eq!(held.exp, NOW + 30, "with the delegation");
    assert!(refused(&three.chain([&plain(), &plain(), &delegation(&json!([]))])).contains("not in force"));
    assert!(
        refused(&three.chain([&plain(), &plain(), &delegation(&json!("always"))])).contains("another form")
    );
}

#[test]
fn what_the_superiors_ask_for_becomes_of_the_metadata() {
    let three = Three::new();
    let lower = json!({
        "metadata": { "t": { "given": true }, "absent": { "x": 1 } },
        "metadata_policy": { "t": { "scope": { "subset_of": ["a", "c"] } } },
    });
    let upper = json!({
        "constraints": { "allowed_entity_types": ["t"] },
        "metadata_policy": { "t": { "scope": { "subset_of": ["a", "b"] } } },
        "metadata": { "t": { "not_for": "the leaf" } },
    });
    let held = verify(&three.chain([&plain(), &lower, &upper]), now()).expect("it holds");
    let metadata = held.metadata().expect("sound");
    assert_eq!(metadata["t"], json!({ "scope": "a", "given": true }));
    assert_eq!(metadata.len(), 2, "and the entity itself, though not in the list");
    let none = json!({ "constraints": { "allowed_entity_types": [] } });
    let held = verify(&three.chain([&plain(), &none, &plain()]), now()).expect("it holds");
    assert_eq!(held.metadata().expect("sound").keys().collect::<Vec<_>>(), ["federation_entity"]);
    let conflict = json!({ "metadata_policy": { "t": { "scope": { "value": "z" } } } });
    let held = verify(&three.chain([&plain(), &conflict, &upper]), now()).expect("the chain holds");
    assert!(held.metadata().expect_err("a conflict").contains("t.scope"));
    for wrong in [json!({ "t": null }), json!({ "t": { "x": null } }), json!([])] {
        let wrong = json!({ "metadata": wrong });
        let held = verify(&three.chain([&wrong, &plain(), &plain()]), now()).expect("the chain holds");
        assert!(held.metadata().expect_err("unsound").contains("metadata"));
    }
}

#[test]
fn constraints_hold_for_everybody_below() {
    let three = Three::new();
    let of = |constraints: Value| json!({ "constraints": constraints });
    for (lower, upper, good) in [
        (of(json!({ "max_path_length": 0 })), of(json!({ "max_path_length": 1 })), true),
        (plain(), of(json!({ "max_path_length": 0 })), false),
        (plain(), of(json!({ "naming_constraints": { "excluded": ["leaf.example"] } })), false),
        (plain(), of(json!({ "naming_constraints": { "permitted": ["leaf.example"] } })), false),
        (of(json!({ "naming_constraints": { "permitted": ["leaf.example"] } })), plain(), true),
        (of(json!({ "unknown": 1 })), plain(), true),
        (of(json!([])), plain(), false),
    ] {
        let went = verify(&three.chain([&plain(), &lower, &upper]), now());
        assert_eq!(went.is_ok(), good, "{lower} {upper}");
    }
}

#[test]
fn a_link_of_somebody_else_ends_the_chain() {
    let (three, stranger) = (Three::new(), Party::new("stranger"));
    let good = three.chain([&plain(), &plain(), &plain()]);
    let swapped = |n: usize, link: String| {
        let mut links = good.clone();
        links[n] = link;
        refused(&links)
    };
    let Three { anchor, middle, leaf } = &three;
    assert!(swapped(1, stranger.states(leaf, &plain())).contains("does not count"), "another's signature");
    assert!(swapped(1, middle.states(&stranger, &plain())).contains("somebody else"), "of somebody else");
    let false_keys = json!({ "jwks": stranger.keys() });
    assert!(swapped(1, middle.states(leaf, &false_keys)).contains("that its superior states"));
    assert!(swapped(1, middle.states(leaf, &json!({ "iss": anchor.id }))).contains("another issuer"));
    assert!(swapped(0, leaf.configures(&[anchor], &plain())).contains("does not name"), "its superior");
    assert!(swapped(0, leaf.configures(&[], &plain())).contains("does not name"), "no superior");
    assert!(swapped(0, leaf.configures(&[middle], &json!({ "iss": middle.id }))).contains("somebody else"));
    let cycle = [
        leaf.configures(&[middle], &plain()),
        middle.states(leaf, &plain()),
        leaf.states(middle, &plain()),
        anchor.states(leaf, &plain()),
        anchor.configures(&[], &plain()),
    ];
    assert!(refused(&cycle).contains("twice"));
    assert!(refused(&vec![good[0].clone(); 11]).contains("more than 8"));
    assert!(refused(&[]).contains("empty"));
}

#[test]
fn only_the_first_hints_are_looked_at() {
    let three = Three::new();
    let mut hints: Vec<String> = (0..MAX_HINTS).map(|n| format!("https://{n}.example")).collect();
    hints.push(three.middle.id.clone());
    let links = three.chain([&json!({ "authority_hints": hints }), &plain(), &plain()]);
    assert!(refused(&links).contains("does not name"));
    assert_eq!(super::hints(&links[0]).len(), MAX_HINTS);
    let links = three.chain([&json!({ "authority_hints": hints[1..] }), &plain(), &plain()]);
    assert!(verify(&links, now()).is_ok());
    assert_eq!(super::hints("no token"), []);
}

#[test]
fn links_that_are_over_malformed_or_not_understood_end_the_chain() {
    let three = Three::new();
    let huge = "x".repeat(MAX_LINK);
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    for (claims, why) in [
        (json!({ "exp": NOW }), "expired"),
        (json!({ "iat": NOW + 61 }), "future"),
        (json!({ "crit": ["x"], "x": 1 }), "must be understood"),
        (json!({ "exp": "soon" }), "another form"),
        (json!({ "jwks": { "keys": [] } }), ""),
        (json!({ "more": huge }), "longer than"),
        (json!({ "more": deep }), "no object of JSON"),
    ] {
        let lower = refused(&three.chain([&plain(), &claims, &plain()]));
        assert!(lower.contains(why), "{lower}");
        let leaf = refused(&three.chain([&claims, &plain(), &plain()]));
        assert!(leaf.contains(why), "{leaf}");
    }
    let own = json!({ "metadata_policy": {} });
    assert!(refused(&three.chain([&own, &plain(), &plain()])).contains("only a statement"));
    let hints = json!({ "authority_hints": ["https://anchor.example"] });
    assert!(refused(&three.chain([&plain(), &hints, &plain()])).contains("only a configuration"));
    let (anchor, good) = (&three.anchor, three.chain([&plain(), &plain(), &plain()]));
    let typed = anchor.signer.sign("jwt", br#"{"iss":"https://anchor.example"}"#).expect("signed");
    assert!(refused(&[good[0].clone(), typed]).contains("anchor's configuration"));
    let twice =
        format!("{{\"sub\":\"x\",{}", &json!({ "sub": anchor.id, "jwks": anchor.keys() }).to_string()[1..]);
    let twice = anchor.signer.sign(ENTITY_STATEMENT, twice.as_bytes()).expect("signed");
    assert!(refused(&[twice]).contains("stands once"));
}
