//! The optional routes of the Ayra profile, in its shapes, over what is recorded.

use charter_tests::{AUTHORITY, TestApp};
use serde_json::{Value, json};

const ONE: &str = "did:web:one.example";
const TWO: &str = "did:web:two.example";

async fn started() -> TestApp {
    let app = TestApp::build().registry(AUTHORITY).under("did:web:below.example", AUTHORITY).start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ONE).authorized("issue", "Degree").await;
    registry.registers(TWO).authorized("issue", "Diploma").await;
    registry.delegates(&app.registry("did:web:below.example"), &["Degree"]).await;
    app
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().filter_map(|i| i["entity_id"].as_str()).collect()
}

#[tokio::test]
async fn entities_are_listed_whole_or_by_what_they_may_do() {
    let app = started().await;
    let rest = app.rest();
    let all = rest.get("/entities").await.json();
    assert_eq!(ids(&all), [ONE, TWO]);
    assert_eq!(all["pagination"], json!({ "limit": 100, "offset": 0, "total": 2 }));
    assert_eq!(all["items"][0]["authority_id"], AUTHORITY);
    let second = rest.get("/entities?limit=1&offset=1").await.json();
    assert_eq!((ids(&second), &second["pagination"]["total"]), (vec![TWO], &json!(2)));
    let may = "/entities?action=issue&resource=Degree";
    assert_eq!(ids(&rest.get(may).await.json()), [ONE]);
    app.registry(AUTHORITY).suspends(ONE).await;
    assert_eq!(rest.get(may).await.json()["items"], json!([]));
    assert_eq!(ids(&rest.get("/entities").await.json()), [ONE, TWO], "it is recorded still");
    for (bad, said) in [
        ("?action=issue", (400, "INVALID")),
        ("?limit=0", (400, "INVALID")),
        ("?limit=1001", (400, "INVALID")),
        ("?offset=-1", (400, "INVALID")),
        ("?guess=1", (400, "INVALID")),
        ("?time=1999-01-01T00:00:00Z", (400, "TIME_OUT_OF_RANGE")),
        ("?authority_id=did:web:other.example", (404, "UNKNOWN_AUTHORITY")),
    ] {
        let reply = rest.get(&format!("/entities{bad}")).await;
        assert_eq!(reply.problem(), (said.0, said.1.to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn what_is_answered_in_lists_is_what_is_answered_one_by_one() {
    let app = started().await;
    let rest = app.rest();
    let one = rest.get(&format!("/entities/{ONE}")).await.json();
    assert_eq!((&one["entity_id"], &one["status"]), (&json!(ONE), &json!("active")));
    let list = rest.get(&format!("/entities/{ONE}/authorizations")).await.json();
    let question =
        json!({ "entity_id": ONE, "authority_id": AUTHORITY, "action": "issue", "resource": "Degree" });
    let asked = rest.post("/authorization", &question).await.json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    for member in ["entity_id", "authority_id", "action", "resource", "authorized"] {
        assert_eq!(list[0][member], asked[member], "{member}");
    }
    assert_eq!(list[0]["meta"]["reason"], asked["meta"]["reason"]);
    let nobody = rest.get("/entities/did:web:nobody.example/authorizations").await;
    assert_eq!(nobody.problem(), (404, "UNKNOWN_ENTITY".to_owned()));
}

#[tokio::test]
async fn ecosystems_and_lookups_say_what_is_known() {
    let app = started().await;
    let rest = app.rest();
    let own = rest.get(&format!("/ecosystems/{AUTHORITY}")).await.json();
    assert_eq!(own["id"], AUTHORITY);
    let below = rest.get("/ecosystems/did:web:below.example").await.json();
    assert_eq!((&below["delegated_by"], &below["in_force"]), (&json!(AUTHORITY), &json!(true)));
    let unknown = rest.get("/ecosystems/did:web:nobody.example").await;
    assert_eq!(unknown.problem(), (404, "UNKNOWN_AUTHORITY".to_owned()));
    assert_eq!(rest.get(&format!("/ecosystems/{AUTHORITY}/recognitions")).await.json(), json!([]));
    let terms = rest.get("/lookups/authorizations").await.json();
    assert_eq!(terms[1], json!({ "action": "issue", "resource": "Diploma" }));
    assert_eq!(rest.get("/lookups/didMethods").await.json()[0]["identifier"], "did:web");
    assert_eq!(rest.get("/lookups/assuranceLevels").await.json(), json!([]));
    for lookup in ["assuranceLevels", "authorizations", "didMethods"] {
        let other = rest.get(&format!("/lookups/{lookup}?authority_id=did:web:other.example")).await;
        assert_eq!(other.problem(), (404, "UNKNOWN_AUTHORITY".to_owned()), "{lookup}");
    }
}
