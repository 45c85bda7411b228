//! The interface describes itself: every route, as it is checked in, with examples that hold; and a page that needs
//! nothing from elsewhere.

use charter_server::{openapi, rest::ROUTES};
use charter_tests::{TestApp, program::root};
use serde_json::{Value, json};

#[test]
fn every_route_is_described_and_every_description_has_its_route() {
    let document = openapi::document();
    for route in ROUTES {
        let described = openapi::all().any(|o| {
            let verb = o.path.strip_prefix(route.path).is_some_and(|rest| rest.starts_with(':'));
            o.method == route.method && (o.path == route.path || verb)
        });
        let (method, path) = (route.method, route.path);
        assert!(
            described,
            "{method} {path}: add a row to server/src/openapi/operations.rs, or to a file beside it"
        );
    }
    let mut ids = std::collections::BTreeSet::new();
    for operation in openapi::all() {
        let made = &document["paths"][openapi::template(operation.path)][operation.method.to_lowercase()];
        assert_eq!(made["operationId"], operation.id, "{} has no route", operation.path);
        assert!(ids.insert(operation.id), "{} stands twice", operation.id);
    }
    assert_eq!((&document["openapi"], &document["info"]["title"]), (&json!("3.1.0"), &json!("Charter")));
    assert!(document["info"]["contact"].is_null(), "the library's authors are not ours");
}

#[test]
fn what_is_checked_in_is_what_is_served() {
    let kept = std::fs::read_to_string(root().join("schemas/openapi.json")).unwrap_or_default();
    let accept = "look at the change, then accept it: `make openapi`";
    assert!(kept == openapi::text(), "the description of the interface has changed; {accept}");
}

#[test]
fn references_lead_somewhere_and_examples_hold() {
    let document = openapi::document();
    let (mut examples, mut references) = (0, 0);
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let media = operation["requestBody"]["content"].as_object().into_iter().flatten();
            let answers = operation["responses"].as_object().expect("responses").values();
            let answers = answers.filter_map(|r| r["content"].as_object()).flatten();
            for (_, content) in media.chain(answers) {
                let reference = content["schema"]["$ref"].as_str();
                let found = reference.and_then(|r| document.pointer(r.trim_start_matches('#')));
                assert_eq!(found.is_some(), reference.is_some(), "{method} {path}");
                references += usize::from(found.is_some());
                if let (Some(schema), example @ Value::Object(_)) = (found, &content["example"]) {
                    let validator = jsonschema::validator_for(schema).expect("a schema");
                    assert!(validator.is_valid(example), "{method} {path}");
                    examples += 1;
                }
            }
        }
    }
    assert!(examples >= 4 && references > 20, "{examples} {references}");
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let rest = app.rest();
    let served = rest.get("/openapi.json").await;
    assert_eq!((served.header("content-type"), served.text()), ("application/json", openapi::text()));
    let leads = rest.get("/docs").await;
    assert_eq!((leads.status, leads.header("location")), (308, "docs/"));
    let page = rest.get("/docs/").await;
    assert!(page.header("content-type").starts_with("text/html"), "{}", page.text());
    for part in ["default-src 'none'", "script-src 'self';", "connect-src 'self'"] {
        assert!(page.header("content-security-policy").contains(part), "{part}");
    }
    let start = rest.get("/docs/swagger-initializer.js").await.text();
    assert!(start.contains("../openapi.json"), "{start}");
    for text in [page.text(), start] {
        assert!(
            !text.contains("http://") && !text.contains("https://") && !text.contains("src=\"//"),
            "{text}"
        );
        assert!(!text.contains("<script>"), "no script in the page itself");
    }
    let files = page.text();
    let links: Vec<&str> = files.split(['"', '\'']).filter_map(|part| part.strip_prefix("./")).collect();
    assert!(links.len() >= 4, "{links:?}");
    for link in links {
        assert_eq!(rest.get(&format!("/docs/{link}")).await.status, 200, "{link}");
    }
    assert_eq!(rest.get("/docs/nothing.js").await.problem(), (404, "NOT_FOUND".to_owned()));
}
