//! Registries that mean ill or are broken: lists without an end, giant and deep answers, other hosts, silence.

use charter_federation::protocol::ebsi::{Clause, Fault, MAX_LINKS, MAX_PAGES, MAX_REQUESTS};
use charter_signing::Signer as _;
use charter_tests::ebsi::{Chain, Reply, Server, chain::document};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// A good chain of four whose registry then answers otherwise at one path.
async fn with(path: impl FnOnce(&Chain) -> String, reply: impl FnOnce(&Chain) -> Reply) -> (Fault, Server) {
    let server = Server::start().await;
    let chain = Chain::good(&server.url, 4);
    chain.publish(&server);
    server.answers(path(&chain), reply(&chain));
    (chain.judged().await.expect_err("not accredited"), server)
}

fn attribute(chain: &Chain) -> String {
    chain.path(3, &chain.statements[3].id)
}

#[tokio::test]
async fn lists_end() {
    let (fault, server) = with(|c| c.list(3), |_| Reply::Endless).await;
    assert_eq!((fault.link, fault.clause), (0, Clause::Bound), "{fault}");
    assert!(server.asked().len() <= MAX_PAGES + 2, "{}", server.asked().len());
    // A list that gives the same page whatever is asked for.
    let next = |c: &Chain| json!({ "next": format!("{}{}?page[after]=9999", c.base, c.list(3)) });
    let same = |c: &Chain| {
        let items = [json!({ "id": "ab" })];
        Reply::Text(json!({ "items": items, "links": next(c) }).to_string())
    };
    let (fault, server) = with(|c| c.list(3), same).await;
    assert_eq!(fault.clause, Clause::Unreachable, "there is no such attribute: {fault}");
    assert!(server.asked().len() <= 5, "{:?}", server.asked());
}

#[tokio::test]
async fn a_page_is_no_longer_than_the_whole_list_may_be() {
    let giant = |_: &Chain| {
        let items: Vec<_> = (0..10_000).map(|n| json!({ "id": format!("{n:x}") })).collect();
        Reply::Text(json!({ "items": items }).to_string())
    };
    let (fault, server) = with(|c| c.list(3), giant).await;
    assert_eq!((fault.link, fault.clause), (0, Clause::Bound), "{fault}");
    assert!(server.asked().len() <= 2, "{:?}", server.asked());
}

#[tokio::test]
async fn a_registry_with_more_than_is_looked_at_is_asked_so_often_and_no_oftener() {
    let many = |c: &Chain| {
        Reply::List((0..500).map(|n| format!("{n:064x}")).chain([c.statements[3].id.clone()]).collect())
    };
    let (fault, server) = with(|c| c.list(3), many).await;
    assert_eq!(fault.clause, Clause::Unreachable, "{fault}");
    assert!(server.asked().len() <= MAX_REQUESTS, "{}", server.asked().len());
}

#[tokio::test]
async fn a_chain_has_so_many_links_and_no_more() {
    let server = Server::start().await;
    let chain = Chain::good(&server.url, MAX_LINKS);
    chain.publish(&server);
    chain.judged().await.expect("accredited");
    let longer = Chain::good(&server.url, MAX_LINKS + 1);
    longer.publish(&server);
    let fault = longer.judged().await.expect_err("too long");
    assert_eq!((fault.link, fault.clause), (MAX_LINKS - 1, Clause::Bound), "{fault}");
}

#[tokio::test]
async fn giant_and_deep_answers_are_not_read() {
    let large = |bytes: usize| {
        move |c: &Chain| {
            let mut all = c.attribute(&c.statements[3]);
            let body = format!("{}{}", all["attribute"]["body"].as_str().expect("a body"), "A".repeat(bytes));
            all["attribute"]["hash"] = json!(format!("{:x}", Sha256::digest(&body)));
            all["attribute"]["body"] = json!(body);
            Reply::Text(all.to_string())
        }
    };
    let (fault, _) = with(attribute, large(1 << 20)).await;
    assert_eq!(fault.clause, Clause::Unreachable, "{fault}");
    let (fault, _) = with(attribute, large(100 << 10)).await;
    assert_eq!(fault.clause, Clause::Malformed, "{fault}");
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    let deeper = deep.clone();
    let (fault, _) = with(attribute, move |_| Reply::Text(format!("{{\"did\":{deep}}}"))).await;
    assert_eq!(fault.clause, Clause::Malformed, "{fault}");
    let (fault, _) = with(|c| c.list(3), move |_| Reply::Text(deeper)).await;
    assert_eq!(fault.clause, Clause::Malformed, "{fault}");
    let twice = |c: &Chain| {
        let one = c.attribute(&c.statements[3]).to_string();
        Reply::Text(one.replacen('{', "{\"did\":\"did:ebsi:zOther\",", 1))
    };
    assert_eq!(with(attribute, twice).await.0.clause, Clause::Malformed);
}

#[tokio::test]
async fn nobody_else_is_asked() {
    let other = Server::start().await;
    let copy = Chain::good(&other.url, 4);
    copy.publish(&other);
    // A redirect to a registry that has everything.
    let to = format!("{}{}", other.url, copy.list(3));
    let (fault, _) = with(|c| c.list(3), move |_| Reply::Redirect(to)).await;
    assert_eq!(fault.clause, Clause::Unreachable, "{fault}");
    // Links in lists are not followed: ids are, and must be some.
    let url = other.url.clone();
    let list = move |_: &Chain| {
        let items = [json!({ "id": format!("../../{url}"), "href": url })];
        Reply::Text(json!({ "items": items }).to_string())
    };
    let (fault, _) = with(|c| c.list(3), list).await;
    assert_eq!(fault.clause, Clause::Malformed, "{fault}");
    assert!(other.asked().is_empty(), "{:?}", other.asked());
}

#[tokio::test]
async fn documents_of_others_and_attributes_of_others_do_not_count() {
    let (fault, _) = with(
        |c| c.document(2),
        |c| {
            let jwk = c.parties[2].signer.key().to_jwk();
            Reply::Text(document(&c.parties[1].did, Some(&jwk)).to_string())
        },
    )
    .await;
    assert_eq!((fault.link, fault.clause), (0, Clause::Parties), "{fault}");
    let (fault, _) = with(attribute, |c| Reply::Text(c.attribute(&c.statements[2]).to_string())).await;
    assert_eq!((fault.link, fault.clause), (0, Clause::Parties), "{fault}");
    let (fault, _) = with(|c| c.document(1), |_| Reply::Text("{}".to_owned())).await;
    assert_eq!((fault.link, fault.clause), (1, Clause::Malformed), "{fault}");
}
