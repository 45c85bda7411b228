//! Recognitions that are followed: every claim of each side changed, and one where it does not belong.

use charter_domain::{AuthorityId, Timestamp};
use charter_signing::{Algorithm, SoftwareSigner};
use serde_json::{Value, json};

use super::{
    case::{Case, compare},
    claims,
    made::{AUTHORITY_STATEMENT, ENTITY_STATEMENT, Made, NOW, file, jwks, signed},
};

const RECOGNITION: &str = "recognition-statement+jwt";

/// What one authority says of another that it recognises for diplomas.
fn recognition(by: &str, of: &str, keys: &SoftwareSigner) -> Value {
    json!({
        "iss": format!("https://{by}.example"), "sub": format!("https://{of}.example"),
        "iat": NOW - 300, "exp": NOW + 86_000, "authority_id": format!("did:web:{by}.example"),
        "peer_id": format!("did:web:{of}.example"), "jwks": jwks(keys), "endpoint": format!("https://{of}.example:7443"),
        "scope": [{ "actions": ["issue"], "resources": ["https://schemas.example/diploma/*"], "jurisdictions": ["FI"],
                    "until": "2028-06-01T00:00:00Z" }],
        "may_follow": true, "one_sided": false, "valid": [{ "from": "2021-01-01T00:00:00Z", "until": "2029-03-01T00:00:00Z" }],
        "tls_spki_sha256": ["0a".repeat(32)], "seq": 3,
    })
}

/// A question that is followed, proven by these links.
fn followed(made: &Made, name: impl Into<String>, links: &[String]) -> Case {
    made.case("").with(name, |case| {
        case.chain = file(links);
        case.query.context.follow_recognition = true;
    })
}

/// What the ministry says of the root in turn.
fn in_turn(made: &Made) -> Value {
    recognition("ministry", "root", &made.root)
}

/// The root recognises the ministry, and this token says so.
fn by(made: &Made, name: impl Into<String>, token: String) -> Case {
    let counter = signed(&made.ministry, RECOGNITION, &in_turn(made));
    both(made, name, [counter, token])
}

/// The same, and the ministry recognises the root by the first of them.
fn both(made: &Made, name: impl Into<String>, sides: [String; 2]) -> Case {
    let mut links = made.links();
    drop(links.splice(2..3, sides));
    followed(made, name, &links)
}

fn changed(made: &Made) -> Vec<Case> {
    let good = recognition("root", "ministry", &made.ministry);
    let case = |(name, claims): (String, Value)| by(made, name, signed(&made.root, RECOGNITION, &claims));
    let ours = claims::changed(&good).into_iter().map(case);
    let first = signed(&made.root, RECOGNITION, &good);
    let case = |(name, claims): (String, Value)| {
        let counter = signed(&made.ministry, RECOGNITION, &claims);
        both(made, format!("in turn {name}"), [counter, first.clone()])
    };
    ours.chain(claims::changed(&in_turn(made)).into_iter().map(case)).collect()
}

/// The peer's side left out, by somebody else, or where none is due.
fn sides(made: &Made) -> Vec<Case> {
    let claims = recognition("root", "ministry", &made.ministry);
    let first = signed(&made.root, RECOGNITION, &claims);
    let mut alone = claims.clone();
    alone["one_sided"] = json!(true);
    let alone = signed(&made.root, RECOGNITION, &alone);
    let links = made.links();
    let [leaf, to_agency, _, anchor] = links.as_slice() else { unreachable!("four links") };
    let chain = |name: &str, links: &[&String]| {
        followed(made, name, &links.iter().map(|link| (*link).clone()).collect::<Vec<_>>())
    };
    let mut all = vec![
        chain("nothing in turn", &[leaf, to_agency, &first, anchor]),
        chain("nothing in turn, nobody below", &[leaf, &first, anchor]),
        chain("one-sided", &[leaf, to_agency, &alone, anchor]),
        by(made, "one-sided with a statement in turn", alone.clone()),
    ];
    for (who, signer) in [("root", &made.root), ("agency", &made.agency)] {
        let counter = signed(signer, RECOGNITION, &in_turn(made));
        all.push(both(made, format!("in turn signed by {who}"), [counter, first.clone()]));
    }
    let third = signed(&made.ministry, RECOGNITION, &recognition("ministry", "agency", &made.agency));
    all.push(both(made, "in turn of another", [third, first]));
    all
}

/// Under other keys and types, in other places, and asked about otherwise.
fn placed(made: &Made) -> Vec<Case> {
    let claims = recognition("root", "ministry", &made.ministry);
    let first = signed(&made.root, RECOGNITION, &claims);
    let base = by(made, "followed", first.clone());
    let second = signed(&made.ministry, RECOGNITION, &recognition("ministry", "agency", &made.agency));
    let direct = signed(&made.root, RECOGNITION, &recognition("root", "agency", &made.agency));
    let ministry = AuthorityId::parse("did:web:ministry.example").expect("a DID");
    let counter = signed(&made.ministry, RECOGNITION, &in_turn(made));
    let [of_root, of_ministry] = [("root", &made.root), ("ministry", &made.ministry)]
        .map(|(of, keys)| signed(&made.agency, RECOGNITION, &recognition("agency", of, keys)));
    let links = made.links();
    let [leaf, to_agency, to_ministry, anchor] = links.as_slice() else { unreachable!("four links") };
    let chain = |name: &str, links: &[&String]| {
        followed(made, name, &links.iter().map(|link| (*link).clone()).collect::<Vec<_>>())
    };
    let below = chain("below a delegation", &[leaf, &of_ministry, &second, to_ministry, anchor]);
    let strange = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    let mut closed = claims.clone();
    closed["may_follow"] = json!(false);
    let mut all = vec![
        chain("nobody below the peer", &[leaf, &of_root, &direct, anchor]),
        chain("two hops", &[leaf, &second, &counter, &first, anchor]),
        chain("two hops and a delegation", &[leaf, to_agency, &first, &counter, &first, anchor]),
        chain("as the statement", &[&first, to_ministry, anchor]),
        chain("as the configuration", &[leaf, to_agency, &first]),
        below.with("below a delegation, asked of who recognises", |c| c.query.authority = ministry.clone()),
        below,
        base.with("asked of the peer", |c| c.query.authority = ministry.clone()),
        base.with("not to be followed", |c| c.query.context.follow_recognition = false),
        by(made, "nobody may follow", signed(&made.root, RECOGNITION, &closed)),
        by(made, "a delegation as a recognition", signed(&made.root, RECOGNITION, &made.to_ministry)),
    ];
    for (who, signer) in [("ministry", &made.ministry), ("agency", &made.agency), ("nobody", &strange)] {
        all.push(by(made, format!("signed by {who}"), signed(signer, RECOGNITION, &claims)));
    }
    for typ in [ENTITY_STATEMENT, AUTHORITY_STATEMENT, "JWT"] {
        all.push(by(made, format!("as {typ}"), signed(&made.root, typ, &claims)));
    }
    for text in
        ["2020-06-01T00:00:00Z", "2021-12-31T23:59:59Z", "2028-06-01T00:00:00Z", "2029-03-01T00:00:00Z"]
    {
        all.push(base.with(format!("at {text}"), |c| c.at = Timestamp::parse(text).expect("a time")));
    }
    for age in [59, 299, 300] {
        all.push(base.with(format!("no older than {age} s"), |c| c.max_age = Some(age)));
    }
    all.push(base);
    all
}

#[tokio::test]
async fn both_verifiers_agree_on_recognitions() {
    let made = Made::new();
    let placed = placed(&made);
    let proven = placed.iter().filter(|case| case.verdict().is_ok()).map(|case| case.name.as_str());
    assert_eq!(
        proven.collect::<Vec<_>>(),
        [
            "nobody below the peer",
            "below a delegation, asked of who recognises",
            "no older than 300 s",
            "followed"
        ]
    );
    let sides = sides(&made);
    let proven = sides.iter().filter(|case| case.verdict().is_ok()).map(|case| case.name.as_str());
    assert_eq!(proven.collect::<Vec<_>>(), ["one-sided"]);
    let all = [placed, sides, changed(&made)].concat();
    let agreed = compare("recognised", &all).await;
    assert!(agreed.cases > 300 && agreed.accepted > 20, "{} of {}", agreed.accepted, agreed.cases);
}
