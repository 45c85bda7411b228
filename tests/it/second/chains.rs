//! Chains that are put together wrongly, asked about otherwise, or held against other anchors.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use charter_domain::{Action, AuthorityId, EntityId, Kind, Resource, Timestamp, scope::Jurisdiction};
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};
use serde_json::json;

use super::{
    case::{Case, compare},
    made::{AUTHORITY_STATEMENT, DIPLOMA, ENTITY_STATEMENT, Made, NOW, UNIVERSITY, file, signed},
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// Links in another order, too few, too many, and by others' keys.
fn assembled(made: &Made) -> Vec<Case> {
    let (base, links) = (made.case(""), made.links());
    let chain = |name: String, links: &[String]| base.with(name, |c| c.chain = file(links));
    let mut cases = Vec::new();
    for one in 0..links.len() {
        let mut left = links.clone();
        let link = left.remove(one);
        cases.push(chain(format!("without link {one}"), &left));
        for place in 0..=left.len() {
            let mut moved = left.clone();
            moved.insert(place, link.clone());
            cases.push(chain(format!("link {one} at {place}"), &moved));
            moved.insert(place, link.clone());
            cases.push(chain(format!("link {one} twice at {place}"), &moved));
        }
    }
    let claims = [&made.leaf, &made.to_agency, &made.to_ministry, &made.anchor];
    let strange = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    for (n, claims) in claims.into_iter().enumerate() {
        for (who, signer) in [
            ("root", &made.root),
            ("ministry", &made.ministry),
            ("agency", &made.agency),
            ("nobody", &strange),
        ] {
            for typ in [AUTHORITY_STATEMENT, ENTITY_STATEMENT, "JWT"] {
                let mut other = links.clone();
                other[n] = signed(signer, typ, claims);
                cases.push(chain(format!("link {n} by {who} as {typ}"), &other));
            }
        }
    }
    cases
}

/// Headers that say more, less or other than they may, under a signature that holds.
fn headers(made: &Made) -> Vec<Case> {
    let base = made.case("");
    let kid = made.agency.key().kid();
    let good = format!("{{\"alg\":\"ES256\",\"kid\":\"{kid}\",\"typ\":\"{AUTHORITY_STATEMENT}\"}}");
    let payload = made.leaf.to_string();
    let texts = [
        good.clone(),
        good.replace(',', ", "),
        good.replace("\"ES256\"", "\"none\""),
        good.replace("\"ES256\"", "\"EdDSA\""),
        good.replace("\"ES256\"", "\"HS256\""),
        good.replace("\"ES256\"", "null"),
        good.replace(kid, made.root.key().kid()),
        good.replace('}', ",\"crit\":[]}"),
        good.replace('}', ",\"b64\":true}"),
        good.replace('}', &format!(",\"jwk\":{}}}", made.agency.key().to_jwk())),
        good.replace('}', ",\"alg\":\"ES256\"}"),
        good.replace("\"alg\":\"ES256\",", ""),
        good.replace("statement+jwt", "statement+JWT"),
        good.replace("authority", "\\u0061uthority"),
        format!("{good} "),
        format!("[{good}]"),
        format!("[\"ES256\",\"{kid}\",\"{AUTHORITY_STATEMENT}\"]"),
    ];
    let bodies = [
        payload.clone(),
        format!(" {payload}\n"),
        payload.replacen('{', "{\"seq\":7,", 1),
        payload.replacen("\"seq\":7", "\"seq\":7.0", 1),
        payload.replacen("\"seq\":7", "\"seq\":7e0", 1),
        payload.replacen("\"seq\":7", "\"seq\":-0", 1),
        payload.replacen("\"seq\":7", "\"seq\":9223372036854775808", 1),
        payload.replacen("issue", "iss\\u0075e", 1),
        payload.replacen("FINEEC", "\\ud800", 1),
        payload.replacen("FINEEC", "a\tb", 1),
        payload.replacen("\"eqf\":[\"7\"]", "\"eqf\":[\"7\"],\"\\u0065qf\":[\"8\"]", 1),
        format!("{payload}{payload}"),
        format!("\u{feff}{payload}"),
    ];
    let token = |header: &str, payload: &str| {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let text = format!("{}.{}", part(header), part(payload));
        let signature = made.agency.raw(text.as_bytes()).expect("signs");
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    };
    let mut tokens: Vec<String> = texts.iter().map(|header| token(header, &payload)).collect();
    tokens.extend(bodies.iter().map(|body| token(&good, body)));
    let whole = token(&good, &payload);
    tokens.extend([
        format!("{whole}."),
        format!(".{whole}"),
        whole.replacen('.', "=.", 1),
        whole.replace('.', ""),
    ]);
    let link = |(n, token): (usize, String)| {
        let mut links = made.links();
        links[0] = token;
        base.with(format!("token {n}"), |c| c.chain = file(&links))
    };
    tokens.into_iter().enumerate().map(link).collect()
}

/// Other times, ages and questions.
fn asked(made: &Made) -> Vec<Case> {
    let base = made.case("");
    let mut cases = Vec::new();
    for text in [
        "2019-12-31T23:59:59Z",
        "2020-01-01T00:00:00Z",
        "2021-12-31T23:59:59.999999Z",
        "2022-01-01T00:00:00Z",
        "2027-05-31T23:59:59Z",
        "2027-06-01T00:00:00Z",
        "2028-01-01T00:00:00Z",
        "2029-01-01T00:00:00Z",
        "2030-01-01T00:00:00Z",
    ] {
        cases.push(base.with(format!("at {text}"), |c| c.at = at(text)));
    }
    for ahead in [-86_400, -661, -660, -659, -120, -61, -60, 61, 86_279, 86_280, 86_340, 86_400] {
        cases.push(base.with(format!("now {ahead} s later"), |c| {
            c.now = Timestamp::from_secs(NOW + ahead);
            c.max_age = None;
        }));
    }
    for age in [0, 59, 60, 299, 300, 301] {
        cases.push(base.with(format!("no older than {age} s"), |c| c.max_age = Some(age)));
    }
    for authority in
        ["did:web:root.example", "did:web:ministry.example", "did:web:agency.example", UNIVERSITY]
    {
        let authority = AuthorityId::parse(authority).expect("a DID");
        cases.push(base.with(format!("of {authority}"), |c| c.query.authority = authority));
    }
    for place in ["FI", "FI-01", "FI-02", "SE", "EU"] {
        let place = Jurisdiction::parse(place).expect("a code");
        let name = format!("in {}", place.as_str());
        cases.push(base.with(name, |c| c.query.context.jurisdiction = Some(place)));
    }
    for (name, value) in [("eqf", "6"), ("eqf", "7"), ("eqf", ""), ("isced", "7")] {
        let given = [(name.to_owned(), value.to_owned())].into();
        cases.push(base.with(format!("{name} {value}"), |c| c.query.context.conditions = given));
    }
    cases.push(base.with("recognition", |c| c.query.kind = Kind::Recognition));
    cases
        .push(base.with("entity", |c| c.query.entity = EntityId::parse("did:web:x.example").expect("an id")));
    cases.push(base.with("action", |c| c.query.action = Action::parse("verify").expect("an action")));
    let longer = Resource::parse(&format!("{DIPLOMA}s")).expect("a resource");
    cases.push(base.with("resource", |c| c.query.resource = longer));
    cases
}

/// Other anchor sets, and chain files of other spellings.
fn files(made: &Made) -> Vec<Case> {
    let (base, good) = (made.case(""), made.anchors());
    let other = SoftwareSigner::generate(Algorithm::Es256).expect("a key").key().to_jwk();
    let second = json!({ "authority_id": "did:web:b.example", "entity_id": "https://b.example",
                         "jwks": { "keys": [other.clone()] } });
    let (text, first) = (good.to_string(), good["anchors"][0].clone());
    let with = |pointer: &str, value: serde_json::Value| {
        let mut set = good.clone();
        *set.pointer_mut(pointer).expect("a place") = value;
        set.to_string()
    };
    let sets = [
        text.clone(),
        format!("{text}\n"),
        with("/version", json!(2)),
        with("/threshold", json!(2)),
        with("/anchors", json!([])),
        with("/anchors", json!([second])),
        with("/anchors", json!([second, first])),
        with("/anchors", json!([first, first])),
        with("/anchors/0/jwks/keys", json!([other])),
        with("/anchors/0/jwks/keys", json!([other, made.root.key().to_jwk()])),
        with("/anchors/0/authority_id", json!("did:web:b.example")),
        with("/anchors/0/entity_id", json!("https://b.example")),
        text.replacen('{', "{\"expires\":\"2026-11-20T12:00:01Z\",", 1),
        text.replacen('{', "{\"expires\":\"2026-11-20T12:00:00Z\",", 1),
        text.replacen('{', "{\"expires\":null,", 1),
        text.replacen('{', "{\"more\":1,", 1),
        text.replacen('{', "{\"version\":1,", 1),
    ];
    let mut cases: Vec<Case> = sets
        .into_iter()
        .enumerate()
        .map(|(n, set)| base.with(format!("anchors {n}"), |c| c.anchors = set.into_bytes()))
        .collect();
    let text = String::from_utf8(base.chain.clone()).expect("ASCII");
    let spelled = [
        text.replace(',', ", "),
        format!("{text}\n"),
        text.replace("[\"ey", "[\"\\u0065y"),
        "[]".to_owned(),
        format!("[{text}]"),
        text.replace('[', " ["),
        text.replace("\"]", "\",]"),
        String::new(),
    ];
    for (n, chain) in spelled.into_iter().enumerate() {
        cases.push(base.with(format!("spelling {n}"), |c| c.chain = chain.into_bytes()));
    }
    for place in (0..base.chain.len()).step_by(7) {
        cases.push(base.with(format!("byte {place}"), |c| c.chain[place] ^= 1 << (place % 6)));
    }
    cases
}

/// What a superior allows: names, paths, scopes, and no way back.
fn allowed(made: &mut Made) -> Vec<Case> {
    let (to_agency, to_ministry) = (made.to_agency.clone(), made.to_ministry.clone());
    let constraints = [
        json!({ "max_path_length": 0 }),
        json!({ "max_path_length": 1 }),
        json!({}),
        json!({ "naming_constraints": { "permitted": [".example"] } }),
        json!({ "naming_constraints": { "permitted": ["https://agency.example"] } }),
        json!({ "naming_constraints": { "permitted": ["ministry.example", "AGENCY.example"] } }),
        json!({ "naming_constraints": { "permitted": ["example"] } }),
        json!({ "naming_constraints": { "excluded": ["agency.example"] } }),
        json!({ "naming_constraints": { "excluded": [".agency.example", "https://agency.exampl"] } }),
    ];
    let granted = [
        ("may_delegate", json!(false)),
        ("may_delegate", json!(true)),
        ("jurisdictions", json!([])),
        ("jurisdictions", json!(["FI-01"])),
        ("jurisdictions", json!(["FI-02", "FI-01"])),
        ("jurisdictions", json!(["EU"])),
        ("actions", json!(["*"])),
        ("actions", json!(["verify", "issue"])),
        ("resources", json!([DIPLOMA])),
        ("resources", json!(["https://schemas.example/*"])),
        ("resources", json!(["https://schemas.example/diploma*"])),
        ("until", json!("2029-06-01T00:00:00Z")),
        ("until", json!("2029-06-01T00:00:01Z")),
        ("until", json!("2026-11-20T12:00:00Z")),
    ];
    let key = |n: usize| format!("{n:064x}");
    let keys = [
        json!([]),
        json!([key(1), key(2), key(3), key(4)]),
        json!([key(1), key(2), key(3), key(4), key(5)]),
        json!([key(1), key(1)]),
        json!(["0A".repeat(32)]),
        json!(["0a".repeat(31)]),
        json!([1]),
        json!(key(1)),
    ];
    let mut changes = vec![
        ("/sub".to_owned(), json!("https://root.example")),
        ("/sub".to_owned(), json!("https://agency.example")),
        ("/metadata/trust_registry/authority_id".to_owned(), json!("did:web:root.example")),
    ];
    changes.extend(constraints.map(|value| ("/constraints".to_owned(), value)));
    changes.extend(keys.map(|value| ("/metadata/trust_registry/tls_spki_sha256".to_owned(), value)));
    changes.extend(granted.map(|(name, value)| (format!("/metadata/trust_registry/scope/0/{name}"), value)));
    let mut cases = Vec::new();
    for (place, value) in changes {
        for upper in [true, false] {
            let (name, document) =
                if upper { ("ministry", &mut made.to_ministry) } else { ("agency", &mut made.to_agency) };
            *document.pointer_mut(&place).expect("a place") = value.clone();
            cases.push(made.case(format!("{name} {place}: {value}")));
            (made.to_agency, made.to_ministry) = (to_agency.clone(), to_ministry.clone());
        }
    }
    cases
}

#[tokio::test]
async fn both_verifiers_agree_on_chains_questions_and_anchors() {
    let mut made = Made::new();
    let all = [assembled(&made), headers(&made), asked(&made), files(&made), allowed(&mut made)];
    let agreed = compare("chains", &all.concat()).await;
    assert!(
        agreed.accepted > 20 && agreed.cases > agreed.accepted + 300,
        "{}/{}",
        agreed.accepted,
        agreed.cases
    );
}
