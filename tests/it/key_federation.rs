//! A registry below another loses its key: what the superior states decides what can be proven from above.

use std::time::Duration;

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_server::tasks::renewal;
use charter_tests::{
    AUTHORITY, TestApp,
    governed::{Governed, ISSUER},
};

use crate::{
    kept::until,
    key::{DAY, anchors, by_security, kid, rotates, stamp},
};

const ROOT: &str = "did:web:root.example";
/// In which a change below reaches the registries above.
const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_spare_key_that_the_superior_states_keeps_every_answer_provable() {
    let g = Governed::start().await;
    rotates(&g, 30 * DAY).await;
    let (stolen, spare) = (kid(&g, "ACTIVE").await, kid(&g, "ANNOUNCED").await);
    let listed = anchors(&g).await.anchors.remove(0).jwks;
    assert!(listed.find(&spare).is_some(), "announced, it is listed");
    let root = TestApp::build().clock(&g.app.clock).registry(ROOT).start().await;
    root.registry(ROOT).delegates(&g.app.registry(AUTHORITY), &["Degree"]).await;
    let asking = root.anonymous().asks(ISSUER, "issue", "Degree").with("evidence", "chain");
    let signed = async |key: &str| {
        let said = asking.rest().await;
        let of = said.chain.first().and_then(|link| charter_signing::jws::kid(link).ok());
        said.line() == "200 yes ACTIVE" && of.as_deref() == Some(key)
    };
    assert!(signed(&stolen).await, "before");
    let compromised_since = stamp(&g, Duration::ZERO);
    let (reason, kid) = ("COMPROMISED".to_owned(), stolen);
    by_security(&g, Change::RevokeKey(pb::RevokeKey { kid, reason, compromised_since })).await;
    until(SOON, "the root proves it by the spare key", async || signed(&spare).await).await;

    // A key that nobody above has heard of signs, and the root refuses what it cannot prove.
    rotates(&g, Duration::ZERO).await;
    assert!(renewal::once(&g.app.app).await.renewed > 0);
    g.appoints("eva", &["AUDITOR"], false).await; // Whatever moves the epoch: the root looks again.
    until(SOON, "refused", async || asking.rest().await.line() == "503 UNVERIFIABLE").await;
}
