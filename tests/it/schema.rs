//! Schemas through both doors: revisions and ids, deprecation, references, and documents against them.

use charter_proto::charter::registry::v1::{
    self as pb, propose_request::Change, registry_service_client::RegistryServiceClient,
    schema_service_client::SchemaServiceClient,
};
use charter_tests::{TestApp, ask::error, governed::Governed, terminal::Terminal};
use serde_json::{Value, json};
use tonic::Status;

use crate::governance::said;

const URI: &str = "https://schemas.example/degree";

/// Proposed by an officer, approved by an approver.
pub async fn enact(g: &Governed, change: Change) -> Result<pb::Proposal, Status> {
    let draft = g.person("olga").proposes(change).await?;
    g.person("anna").approves(&draft).await
}

pub fn publish(resource: &str, uri: &str, schema: &Value) -> Change {
    Change::Schema(pb::PutSchemaRequest {
        registry_id: String::new(),
        resource: resource.to_owned(),
        uri: uri.to_owned(),
        schema_json: schema.to_string(),
        ..Default::default()
    })
}

async fn published(app: &TestApp, name: &str) -> Value {
    let reply = app.rest().get(&format!("/api/v1/schemas/{name}")).await;
    assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    reply.json()
}

async fn validated(
    app: &TestApp,
    resource: &str,
    document: &str,
) -> Result<pb::ValidateDocumentResponse, Status> {
    let request = pb::ValidateDocumentRequest {
        resource: resource.to_owned(),
        document_json: document.to_owned(),
        ..Default::default()
    };
    let reply = SchemaServiceClient::new(app.channel()).validate_document(request).await;
    let body = json!({ "resource": resource, "document_json": document });
    let rest = app.rest().post("/api/v1/schemas:validate", &body).await;
    match &reply {
        Ok(reply) => {
            let (answer, rest) = (reply.get_ref(), rest.json());
            assert_eq!(
                (rest["valid"].as_bool(), &rest["schema_id"]),
                (Some(answer.valid), &json!(answer.schema_id))
            );
            assert_eq!(rest["faults"].as_array().map(Vec::len), Some(answer.faults.len()));
        }
        Err(status) => assert_eq!(rest.problem().1, error(status).reason, "{}", rest.text()),
    }
    Ok(reply?.into_inner())
}

#[tokio::test]
async fn publishing_again_makes_a_revision_and_annotations_do_not_change_the_id() {
    let g = Governed::start().await;
    let plain = json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}});
    let mut noted = plain.clone();
    noted["title"] = json!("Degree");
    let wider = json!({"type": "object"});
    for schema in [&plain, &noted, &wider] {
        enact(&g, publish("Degree", URI, schema)).await.expect("published");
    }
    let revisions: Vec<Value> = vec![
        published(&g.app, "Degree@1").await,
        published(&g.app, "Degree@2").await,
        published(&g.app, "Degree").await,
    ];
    assert_eq!(
        revisions.iter().map(|r| r["revision"].as_u64()).collect::<Vec<_>>(),
        [Some(1), Some(2), Some(3)]
    );
    assert_eq!(revisions[0]["schema_id"], revisions[1]["schema_id"]);
    assert_ne!(revisions[0]["sha256"], revisions[1]["sha256"]);
    assert_ne!(revisions[1]["schema_id"], revisions[2]["schema_id"]);
    let by_id = published(&g.app, revisions[0]["schema_id"].as_str().expect("an id")).await;
    assert_eq!(by_id["revision"], 2, "the latest of those with the id");
    let by_content = published(&g.app, revisions[1]["sha256"].as_str().expect("a hash")).await;
    assert_eq!(by_content["schema"], noted);
    let request = pb::ListSchemasRequest { resource: "Degree".to_owned(), ..Default::default() };
    let list = RegistryServiceClient::new(g.app.channel()).list_schemas(request).await.expect("a page");
    assert_eq!(list.into_inner().schemas.iter().map(|s| s.revision).collect::<Vec<_>>(), [1, 2, 3]);
    let page = g.app.rest().get("/api/v1/schemas?resource=Degree&page_size=2").await.json();
    assert_eq!(page["schemas"].as_array().map(Vec::len), Some(2));
    assert_ne!(page["next_page_token"], "");
    for (path, line) in [("Degree@4", 404), ("Nothing", 404), ("Degree@0", 404)] {
        assert_eq!(g.app.rest().get(&format!("/api/v1/schemas/{path}")).await.status, line, "{path}");
    }
}

#[tokio::test]
async fn a_deprecated_revision_says_so_and_still_validates() {
    let g = Governed::start().await;
    let old = json!({"type": "object", "required": ["name"]});
    enact(&g, publish("Degree", URI, &old)).await.expect("published");
    enact(&g, publish("Degree", URI, &json!({"type": "object"}))).await.expect("published");
    let new_id = published(&g.app, "Degree").await["schema_id"].as_str().expect("an id").to_owned();
    let deprecate = |revision: u32, replaced_by: &str| {
        Change::DeprecateSchema(pb::DeprecateSchema {
            resource: "Degree".to_owned(),
            revision,
            code: "SUPERSEDED".to_owned(),
            replaced_by: replaced_by.to_owned(),
        })
    };
    for (change, line) in [
        (deprecate(3, ""), "409 ILLEGAL_TRANSITION"),
        (deprecate(2, &new_id), "409 ILLEGAL_TRANSITION"),
        (deprecate(1, "x"), "400 INVALID"),
        (deprecate(1, &"0".repeat(64)), "404 NOT_FOUND"),
    ] {
        assert_eq!(said(&g.person("olga").proposes(change).await.expect_err("refused")), line);
    }
    let rival = g.person("olga").proposes(deprecate(1, "")).await.expect("proposed");
    let done = enact(&g, deprecate(1, &new_id)).await.expect("deprecated");
    assert_eq!((done.measure.as_str(), done.state.as_str()), ("DEPRECATE_SCHEMA", "EXECUTED"));
    g.person("anna").approves(&rival).await.expect_err("it is already");
    let shown = published(&g.app, "Degree@1").await;
    assert_eq!(
        (&shown["deprecation"]["code"], &shown["deprecation"]["replaced_by"]),
        (&json!("SUPERSEDED"), &json!(new_id))
    );
    let request = pb::ValidateDocumentRequest {
        resource: "Degree".to_owned(),
        revision: 1,
        document_json: "{}".to_owned(),
        ..Default::default()
    };
    let answer =
        SchemaServiceClient::new(g.app.channel()).validate_document(request).await.expect("validated");
    let answer = answer.into_inner();
    assert!(answer.deprecated && !answer.valid);
    assert_eq!((answer.faults[0].instance.as_str(), answer.faults[0].schema.as_str()), ("", "/required"));
}

#[tokio::test]
async fn references_lead_to_what_was_published_and_stay_with_that_revision() {
    let g = Governed::start().await;
    let referring = json!({"properties": {"holder": {"$ref": "person#/$defs/name"}}});
    let remote = g.person("olga").proposes(publish("Degree", URI, &referring)).await.expect_err("refused");
    assert_eq!((said(&remote).as_str(), error(&remote).field.as_str()), ("400 INVALID", "schema_json"));
    let person = "https://schemas.example/person";
    enact(&g, publish("Person", person, &json!({"$defs": {"name": {"type": "string"}}})))
        .await
        .expect("published");
    enact(&g, publish("Degree", URI, &referring)).await.expect("published");
    let shown = published(&g.app, "Degree").await;
    assert_eq!(shown["references"][person], published(&g.app, "Person").await["sha256"]);
    enact(&g, publish("Person", person, &json!({"$defs": {"name": {"type": "integer"}}})))
        .await
        .expect("published");
    assert!(validated(&g.app, "Degree", r#"{"holder": "Aino"}"#).await.expect("validated").valid);
    let faults = validated(&g.app, "Degree", r#"{"holder": 7}"#).await.expect("validated").faults;
    assert_eq!(faults[0].instance, "/holder");
    for bad in [
        json!({"$ref": "#/$defs/none"}),
        json!({"$ref": "#"}),
        json!({"pattern": "(?=x)"}),
        json!({"type": "nothing"}),
        json!({"$ref": "http://169.254.169.254/latest"}),
        json!({"const": "x".repeat(70_000)}),
    ] {
        let refused = g.person("olga").proposes(publish("Bomb", "https://schemas.example/b", &bad)).await;
        assert_eq!(said(&refused.expect_err("refused")), "400 INVALID", "{:.80}", bad.to_string());
    }
}

/// An event is an entry of the log, and shorter than what a message can hold.
#[tokio::test]
async fn the_largest_schema_becomes_an_event_and_a_larger_one_is_no_proposal() {
    let g = Governed::start().await;
    let olga = g.person("olga");
    let of = |length: usize| publish("Large", URI, &json!({"description": "x".repeat(length)}));
    let refused = olga.proposes(of(65_200)).await.expect_err("no log could hold it");
    assert!(refused.message().contains("at most 65535"), "{refused:?}");
    let bytes = refused.message().split_whitespace().find_map(|w| w.parse::<usize>().ok());
    let largest = 65_200 + 65_535 - bytes.expect("how long it would be");
    for validate_only in [true, false] {
        let refused = olga.asks_for(of(largest + 1), validate_only).await.expect_err("a byte too long");
        assert_eq!((said(&refused).as_str(), error(&refused).field.as_str()), ("400 INVALID", "schema_json"));
        olga.asks_for(of(largest), true).await.expect("checked");
    }
    let small = olga.proposes(publish("Large", URI, &json!({}))).await.expect("proposed");
    let refused = olga.amends(&small, of(largest + 1)).await.expect_err("a byte too long");
    assert_eq!((said(&refused).as_str(), error(&refused).field.as_str()), ("400 INVALID", "schema_json"));
    let body = json!({ "reason": "", "change": { "schema": { "resource": "Large", "uri": URI,
        "schema_json": json!({"description": "x".repeat(largest + 1)}).to_string() } } });
    let reply = olga.sends("POST", "/api/v1/proposals", &body).await;
    assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{}", reply.text());

    assert_eq!(enact(&g, of(largest)).await.expect("published").state, "EXECUTED");
    let shown = published(&g.app, "Large").await;
    assert_eq!(shown["schema"]["description"].as_str().map(str::len), Some(largest));
    let events = g.person("aino").reads_events("").await.expect("read");
    let longest = events.iter().map(|e| e.to_string().len()).max().expect("some");
    assert!((65_000..=65_535).contains(&longest), "{longest}");
}

#[tokio::test]
async fn documents_are_bounded_and_a_costly_one_is_given_up() {
    let g = Governed::start().await;
    let branch = json!({"properties": {"a": {"$ref": "#"}}});
    let costly = json!({"allOf": [branch, branch, branch]});
    enact(&g, publish("Costly", URI, &costly)).await.expect("published");
    let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let refused = validated(&g.app, "Costly", &nested(31)).await.expect_err("given up");
    assert!(refused.message().contains("more work"), "{refused:?}");
    assert!(validated(&g.app, "Costly", &nested(3)).await.expect("validated").valid);
    for (document, line) in [
        (nested(33), "400 INVALID"),
        ("{".to_owned(), "400 INVALID"),
        (format!("\"{}\"", "x".repeat(256 * 1024)), "413 TOO_LARGE"),
    ] {
        assert_eq!(said(&validated(&g.app, "Costly", &document).await.expect_err("refused")), line);
    }
    assert_eq!(said(&validated(&g.app, "Nothing", "{}").await.expect_err("refused")), "404 NOT_FOUND");
}

#[tokio::test]
async fn the_command_line_publishes_shows_and_validates() {
    let g = Governed::start().await;
    let terminal = Terminal::default();
    let file = |name: &str, text: &str| {
        let path = terminal.home().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let (url, token) = (g.app.url(), file("token", g.person("olga").token()));
    let schema = file("schema.json", r#"{"type": "object", "required": ["name"]}"#);
    let charter = async |args: &[&str]| {
        terminal.charter(&[&["schema"][..], args, &["--server", &url][..]].concat()).await
    };
    let why = ["--propose", "--why", "as tested", "--token-file", &token];
    let publish = [&["publish", "Degree", &schema, "--uri", URI][..], &why[..]].concat();
    let proposed = charter(&publish).await;
    assert_eq!(proposed.code, 0, "{}", proposed.err);
    let drafts = g.person("anna").lists("").await.expect("a list");
    let draft = drafts.iter().find(|p| p.measure == "PUBLISH_SCHEMA").expect("proposed");
    g.person("anna").approves(draft).await.expect("approved");
    let shown = charter(&["show", "Degree@1", "-o", "json"]).await;
    let shown: Value = serde_json::from_str(&shown.out).expect("JSON");
    assert_eq!((&shown["revision"], &shown["uri"]), (&json!(1), &json!(URI)));
    assert!(charter(&["list"]).await.out.contains("Degree"));
    let (good, bad) = (file("good.json", r#"{"name": "Aino"}"#), file("bad.json", "{}"));
    assert_eq!(charter(&["validate", "Degree", &good]).await.code, 0);
    let refused = charter(&["validate", shown["schema_id"].as_str().expect("an id"), &bad]).await;
    assert_eq!((refused.code, refused.out.contains("/required")), (3, true), "{}", refused.out);
    assert_eq!(charter(&["show", "Nothing"]).await.code, 4);
    assert_eq!(charter(&["types"]).await.code, 0);
}
