//! Lists of issuers and attributes: envelope, pages, texts of errors, entity tags, and who is in no list.

use std::time::Duration;

use charter_domain::time::Clock as _;
use charter_tests::{AUTHORITY, TestApp};
use http::Method;
use http_body_util::Full;
use serde_json::{Value, json};

use super::{TIR, UNIVERSITY, attribute, base, ids, keeping, problem, read, refused};
use crate::logged;

const BAD: &str = "Bad Request";

#[tokio::test]
async fn a_list_has_ebsis_envelope_and_its_last_page_names_itself_as_next() {
    let app = TestApp::start().await;
    logged::loads(&app, AUTHORITY, 0, 12).await;
    let (rest, url) = (app.rest(), format!("{}{TIR}/issuers", base(&app)));
    let link = |number: u32, size: u32| format!("{url}?page[after]={number}&page[size]={size}");
    let first = read(&rest, &format!("{TIR}/issuers")).await;
    let item = |did: &str| json!({ "did": did, "href": format!("{url}/{did}") });
    let entity = |n: usize| item(&format!("did:web:issuer-{n}.example"));
    let items: Vec<Value> = std::iter::once(item(AUTHORITY)).chain((0..9).map(entity)).collect();
    let links =
        json!({ "first": link(1, 10), "prev": link(1, 10), "next": link(2, 10), "last": link(2, 10) });
    let whole = json!({ "self": link(1, 10), "items": items, "total": 13, "pageSize": 10, "links": links });
    assert_eq!(first, whole);
    let last = read(&rest, &format!("{TIR}/issuers?page%5Bafter%5D=2&page[size]=10")).await;
    assert_eq!(last["items"], (9..12).map(entity).collect::<Value>());
    let links =
        json!({ "first": link(1, 10), "prev": link(1, 10), "next": link(2, 10), "last": link(2, 10) });
    assert_eq!((&last["links"], &last["self"]), (&links, &json!(link(2, 10))));
    let beyond = read(&rest, &format!("{TIR}/issuers?page[after]=9&page[size]=1")).await;
    assert_eq!((&beyond["items"], &beyond["links"]["next"]), (&json!([entity(7)]), &json!(link(10, 1))));
    let beyond = read(&rest, &format!("{TIR}/issuers?page[after]=4294967295&page[size]=50")).await;
    assert_eq!((&beyond["items"], &beyond["links"]["next"]), (&json!([]), &json!(link(1, 50))));
}

#[tokio::test]
async fn pages_and_parameters_that_cannot_be_are_refused_in_ebsis_words() {
    let app = TestApp::start().await;
    let rest = app.rest();
    let size = "PageSize should not be greater than 50";
    let word = "[\"page[after] must not be less than 1\",\"page[after] must be a number conforming to the specified \
                constraints\"]";
    for (query, title, detail) in [
        ("page[size]=51", "Bad Paging Request", size),
        ("page[size]=0", BAD, "[\"page[size] must not be less than 1\"]"),
        ("page[after]=0", BAD, "[\"page[after] must not be less than 1\"]"),
        ("page[after]=abc", BAD, word),
    ] {
        let reply = rest.get(&format!("{TIR}/issuers?{query}")).await;
        assert_eq!(problem(&reply), refused(400, title, detail), "{query}");
    }
    for query in ["size=10", "page[size]=1&page%5Bsize%5D=1", "version=latest"] {
        let reply = rest.get(&format!("{TIR}/issuers?{query}")).await;
        assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{query}");
    }
    let form = rest.get(&format!("{TIR}/issuers/{AUTHORITY}?version=v3")).await;
    let detail = "[\"version must be one of the following values: latest, deprecated\"]";
    assert_eq!(problem(&form), refused(400, BAD, detail));
}

#[tokio::test]
async fn who_and_what_is_not_there_is_said_in_ebsis_words() {
    let app = TestApp::start().await;
    app.registry(AUTHORITY).registers(UNIVERSITY).authorized("issue", "Degree").await;
    let rest = app.rest();
    let issuer = |did: &str| format!("{TIR}/issuers/{did}");
    let did = "[\"did must be a valid DID v1\"]";
    for bad in
        ["university", "did:key:z6Mk", "did:ebsi:zzz", "did%3Aebsi%3Ax", "did:web:", "did:web:a%20b%2Fc?"]
    {
        let reply = rest.get(&issuer(bad)).await;
        let known = bad.starts_with("did:web:a");
        let expected = if known {
            refused(404, "Issuer Not Found", "Issuer did:web:a%20b%2Fc not found")
        } else {
            refused(400, BAD, did)
        };
        assert_eq!(problem(&reply), expected, "{bad}");
    }
    let (nobody, zero) = ("did:web:nobody.example", "00".repeat(32));
    let detail = format!("Issuer {nobody} not found");
    for path in ["", "/attributes", &format!("/attributes/{zero}"), "/proxies"] {
        let reply = rest.get(&format!("{}{path}", issuer(nobody))).await;
        assert_eq!(problem(&reply), refused(404, "Issuer Not Found", &detail), "{path}");
    }
    let detail = format!("Attribute 0x{zero} not found");
    for id in [zero.clone(), format!("0x{zero}")] {
        let reply = rest.get(&format!("{}/attributes/{id}", issuer(UNIVERSITY))).await;
        assert_eq!(problem(&reply), refused(404, "Attribute Not Found", &detail));
    }
    let own = ids(&rest, UNIVERSITY).await.remove(0);
    let of_another = rest.get(&format!("{}/attributes/{own}", issuer(AUTHORITY))).await;
    assert_eq!(problem(&of_another).0, 404, "an attribute is of one issuer");
    let revision = rest.get(&format!("{}/attributes/{own}/revisions/0x{zero}", issuer(UNIVERSITY))).await;
    let detail = format!("Revision 0x{zero} not found");
    assert_eq!(problem(&revision), refused(404, "Revision Not Found", &detail));
    let proxy = rest.get(&format!("{}/proxies/0x01", issuer(UNIVERSITY))).await;
    let detail = format!("Proxy 0x01 of issuer {UNIVERSITY} can't be found");
    assert_eq!(problem(&proxy), refused(404, "Proxy Not Found", &detail));
    let long = rest.get(&issuer(&format!("did:web:{}", "a".repeat(3_000)))).await;
    assert_eq!(long.problem(), (400, "INVALID".to_owned()));
}

#[tokio::test]
async fn an_issuer_has_both_forms_one_revision_and_no_proxies() {
    let app = keeping().await;
    app.registry(AUTHORITY)
        .registers(UNIVERSITY)
        .authorized("issue", "Degree")
        .authorized("issue", "Diploma")
        .await;
    let (rest, url) = (app.rest(), format!("{}{TIR}/issuers/{UNIVERSITY}", base(&app)));
    let path = format!("{TIR}/issuers/{UNIVERSITY}");
    let one = read(&rest, &path).await;
    assert_eq!(
        one,
        json!({ "did": UNIVERSITY, "attributes": format!("{url}/attributes"), "hasAttributes": true })
    );
    let encoded = read(&rest, &format!("{TIR}/issuers/did%3Aweb%3Auniversity.example?version=latest")).await;
    assert_eq!(encoded, one);
    let all = ids(&rest, UNIVERSITY).await;
    assert_eq!(all.len(), 2);
    let id = &all[0];
    let shown = read(&rest, &format!("{path}/attributes/{id}")).await;
    assert_eq!(read(&rest, &format!("{path}/attributes/0x{}", id.to_uppercase())).await, shown);
    let old = read(&rest, &format!("{path}?version=deprecated")).await;
    assert_eq!(
        (&old["attributes"][0], old["attributes"].as_array().map(Vec::len)),
        (&shown["attribute"], Some(2))
    );
    let revisions = format!("{path}/attributes/{id}/revisions");
    let list = read(&rest, &revisions).await;
    let item = json!([{ "id": id, "href": format!("{url}/attributes/{id}/revisions/{id}") }]);
    assert_eq!((&list["items"], &list["total"]), (&item, &json!(1)));
    let old = read(&rest, &format!("{revisions}?version=deprecated")).await;
    assert_eq!(old["items"], json!([shown["attribute"]]));
    assert_eq!(read(&rest, &format!("{revisions}/0x{id}")).await, shown);
    let proxies = read(&rest, &format!("{path}/proxies")).await;
    assert_eq!((&proxies["items"], &proxies["total"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn what_is_held_is_not_sent_again() {
    let app = keeping().await;
    app.registry(AUTHORITY).registers(UNIVERSITY).authorized("issue", "Degree").await;
    let rest = app.rest();
    let id = ids(&rest, UNIVERSITY).await.remove(0);
    for path in [format!("{TIR}/issuers"), format!("{TIR}/issuers/{UNIVERSITY}/attributes/{id}")] {
        let tag = rest.get(&path).await.header("etag").to_owned();
        assert!(tag.len() > 10, "{tag}");
        let held = |tag: &str| {
            rest.request(Method::GET, &path)
                .header("if-none-match", tag)
                .body(Full::default())
                .expect("a request")
        };
        let same = rest.send(held(&tag)).await;
        assert_eq!(
            (same.status, same.text().as_str(), same.header("etag")),
            (304, "", tag.as_str()),
            "{path}"
        );
        assert_eq!(rest.send(held("\"other\"")).await.status, 200);
        assert_eq!(same.header("cache-control"), "no-cache");
    }
}

#[tokio::test]
async fn who_cannot_be_said_in_ebsis_terms_is_in_no_list() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let later = app.clock.now().plus(Duration::from_secs(3_600)).to_string();
    let named =
        ["urn:entity:1", "did:web:verifies.example", "did:web:limited.example", "did:web:later.example"];
    registry.registers(named[0]).authorized("issue", "Degree").await;
    registry.registers(named[1]).authorized("verify", "Degree").await;
    registry.registers(named[2]).authorized("issue", "Degree").provided("eqf_level", &["7"]).await;
    registry.registers(named[3]).authorized("issue", "Degree").valid(&later, "").await;
    let part = registry.registers("did:web:part.example").authorized("issue", "Degree").within("FI-01").await;
    let rest = app.rest();
    let list = read(&rest, &format!("{TIR}/issuers")).await;
    let dids: Vec<&str> =
        list["items"].as_array().expect("items").iter().filter_map(|i| i["did"].as_str()).collect();
    assert_eq!(dids, [AUTHORITY, &part]);
    for did in &named[1..] {
        let reply = rest.get(&format!("{TIR}/issuers/{did}")).await;
        assert_eq!(problem(&reply).1, "Issuer Not Found", "{did}");
    }
    // A part of a country has no name there, and the country would be wider.
    assert_eq!(read(&rest, &format!("{TIR}/issuers/{part}")).await["hasAttributes"], false);
    app.clock.advance(Duration::from_secs(3_600));
    let list = read(&rest, &format!("{TIR}/issuers")).await;
    assert_eq!((&list["total"], &list["items"][1]["did"]), (&json!(3), &json!(named[3])));
    assert_eq!(attribute(&rest, named[3]).await["issuerType"], "TI");
}

/// A client that encodes segments of paths as RFC 3986 has it sends `%25`; one that follows our links sends what they have.
#[tokio::test]
async fn a_did_with_a_port_is_found_however_its_percent_is_sent() {
    let app = TestApp::start().await;
    let did = "did:web:university.example%3A8443";
    app.registry(AUTHORITY).registers(did).authorized("issue", "Degree").await;
    for sent in [did, "did:web:university.example%253A8443", "did%3Aweb%3Auniversity.example%253A8443"] {
        let found = read(&app.rest(), &format!("{TIR}/issuers/{sent}")).await;
        assert_eq!((&found["did"], &found["hasAttributes"]), (&json!(did), &json!(true)), "{sent}");
    }
}
