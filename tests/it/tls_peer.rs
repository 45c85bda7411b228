//! A registry at another: staff there as a service with the role `PEER_REGISTRY`, signed in by its client certificate.

use std::net::SocketAddr;

use charter_proto::charter::registry::v1::{
    self as pb, credential_service_client::CredentialServiceClient, propose_request::Change,
    witness_service_client::WitnessServiceClient,
};
use charter_tests::{
    AUTHORITY,
    governed::{Governed, ISSUER, Person, status},
    hand_log::HandLog,
    pki::{Pair, Pki},
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    credential::{bind, bound, in_days, revokes},
    governance::said,
    tls::{charter, listener},
    witness::{ORIGIN, asks, time_of},
};

const LOGS: &str = "/api/v1/witnessed-logs";

/// A sealed registry that witnesses a log and asks for certificates: the second listener has everything, the third what
/// is for peers.
async fn governed(pki: &Pki, log: &HandLog) -> Governed {
    let tls = listener(pki, "optional");
    let listeners = format!("{tls}\n{tls}\nservices = [\"peer\"]");
    Governed::start_as(|build| build.registry(AUTHORITY).details(&log.setting()).listener(&listeners)).await
}

/// A certificate of the peer, and the id of its binding.
async fn peer(g: &Governed, pki: &Pki) -> (i64, Pair, String) {
    let number = g.appoints("peer", &["PEER_REGISTRY"], true).await;
    let pair = pki.client("peer", 1, 3_000);
    let wish = bind(number, "CERTIFICATE", &pair.sha256(), &["READ_LINKS"], in_days(g, 90));
    let id = bound(g, wish).await;
    (number, pair, id)
}

/// A client with or without a certificate, at one listener.
struct Client<'a> {
    pki: &'a Pki,
    to: SocketAddr,
    pair: Option<&'a Pair>,
}

impl Client<'_> {
    async fn lists(&self) -> Result<Vec<pb::WitnessedLog>, tonic::Status> {
        let mut client = WitnessServiceClient::new(self.pki.channel(self.to, self.pair));
        let reply = client.list_witnessed_logs(pb::ListWitnessedLogsRequest::default()).await?;
        Ok(reply.into_inner().logs)
    }

    /// Status and body over REST.
    async fn gets(&self, path: &str) -> (u16, Value) {
        let mut stream = self.pki.connect(self.to, self.pair, "http/1.1").await.expect("a handshake");
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.expect("an answer and an orderly end");
        let reply = String::from_utf8(reply).expect("text");
        let (head, body) = reply.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).expect("JSON"))
    }

    /// Refused at both doors, alike.
    async fn is_unknown(&self, what: &str) {
        let refused = self.lists().await.expect_err(what);
        assert_eq!(said(&refused), "401 UNAUTHENTICATED", "{what}");
        let (status, body) = self.gets(LOGS).await;
        assert_eq!((status, &body["code"]), (401, &Value::from("UNAUTHENTICATED")), "{what}");
    }
}

#[tokio::test]
async fn a_peer_sees_by_its_certificate_how_its_log_stands_until_that_is_revoked() {
    let (pki, log) = (Pki::new(), HandLog::new(ORIGIN, 20));
    let g = governed(&pki, &log).await;
    let request = log.request(0, 9);
    let time = time_of(&g.app, &request, &asks(&g.app, &request).await);
    let (_, pair, id) = peer(&g, &pki).await;
    let other = pki.client("other", 1, 3_000);
    for to in [g.app.addresses[1], g.app.addresses[2]] {
        let client = |pair| Client { pki: &pki, to, pair };
        let logs = client(Some(&pair)).lists().await.expect("it is the peer");
        let seen: Vec<_> =
            logs.iter().map(|log| (log.origin.as_str(), log.state.as_str(), log.size)).collect();
        assert_eq!(seen, [(ORIGIN, "COSIGNED", 9)]);
        assert_eq!(logs[0].root, log.root(9).to_string());
        assert_eq!(logs[0].cosigned_at.map(|at| at.seconds.unsigned_abs()), Some(time));
        let (status, body) = client(Some(&pair)).gets(LOGS).await;
        let shown = &body["logs"][0];
        assert_eq!((status, &shown["origin"], &shown["size"]), (200, &Value::from(ORIGIN), &Value::from(9)));
        assert_eq!(
            (&shown["state"], &shown["root"]),
            (&Value::from("COSIGNED"), &Value::from(&*logs[0].root))
        );
        client(None).is_unknown("no certificate").await;
        client(Some(&other)).is_unknown("another of the same authority").await;
    }
    revokes(&g, &g.person("alice"), &id).await.expect("revoked");
    for to in [g.app.addresses[1], g.app.addresses[2]] {
        Client { pki: &pki, to, pair: Some(&pair) }.is_unknown("revoked").await;
    }
}

#[tokio::test]
async fn a_peer_does_nothing_else() {
    let (pki, log) = (Pki::new(), HandLog::new(ORIGIN, 1));
    let g = governed(&pki, &log).await;
    let (_, pair, _) = peer(&g, &pki).await;
    let to = g.app.addresses[1];
    let draft = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    let person = Person::anonymous(&g.app, pki.channel(to, Some(&pair)));
    let mut credentials = CredentialServiceClient::new(pki.channel(to, Some(&pair)));
    for (refused, what) in [
        (person.proposes(status(ISSUER, "SUSPENDED")).await.map(drop), "proposing"),
        (person.approves(&draft).await.map(drop), "approving"),
        (person.refuses(&draft, "no").await.map(drop), "refusing"),
        (person.suspends_at_once(ISSUER).await.map(drop), "an emergency"),
        (person.lists("").await.map(drop), "reading proposals"),
        (person.reads_events("").await.map(drop), "reading the audit"),
        (person.client().list_staff(pb::ListStaffRequest::default()).await.map(drop), "reading who is staff"),
        (
            credentials.list_credentials(pb::ListCredentialsRequest::default()).await.map(drop),
            "reading credentials",
        ),
    ] {
        assert_eq!(said(&refused.expect_err(what)), "403 DENIED", "{what}");
    }
    let client = Client { pki: &pki, to, pair: Some(&pair) };
    for path in [
        "/api/v1/proposals",
        "/api/v1/procedures",
        "/api/v1/staff",
        "/api/v1/events",
        "/api/v1/accesses",
        "/api/v1/credentials",
        "/api/v1/webhooks",
        "/api/v1/privacy/records?subject=olga",
    ] {
        let (status, body) = client.gets(path).await;
        assert_eq!((status, &body["code"]), (403, &Value::from("DENIED")), "{path}");
    }
    assert_eq!(g.person("aino").lists("OPEN").await.expect("listed").len(), 1, "the draft is as it was");
}

/// The role gives a certificate one thing, and the certificate of another role that one only if it names it.
#[tokio::test]
async fn a_certificate_of_a_peer_is_bound_for_reading_links_and_nothing_else() {
    let (pki, log) = (Pki::new(), HandLog::new(ORIGIN, 1));
    let g = governed(&pki, &log).await;
    let number = g.appoints("peer", &["PEER_REGISTRY"], true).await;
    let pair = pki.client("peer", 1, 3_000);
    let until = in_days(&g, 90);
    for scope in ["SUSPEND", "DELEGATE", "READ_STAFF", "READ_PROPOSALS", "READ_AUDIT", "REVOKE_CREDENTIAL"] {
        for scopes in [[scope].as_slice(), &["READ_LINKS", scope]] {
            let wish = bind(number, "CERTIFICATE", &pair.sha256(), scopes, until);
            let refused = g.person("alice").proposes(wish).await.expect_err(scope);
            assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION", "{scope}");
        }
    }
    let robot = g.appoints("robot", &["OFFICER"], true).await;
    bound(&g, bind(robot, "CERTIFICATE", &pair.sha256(), &["SUSPEND"], until)).await;
    let client = Client { pki: &pki, to: g.app.addresses[1], pair: Some(&pair) };
    let refused = client.lists().await.expect_err("not named");
    assert_eq!(said(&refused), "403 DENIED");
    let (status, body) = client.gets(LOGS).await;
    assert_eq!((status, &body["code"]), (403, &Value::from("DENIED")));
}

#[tokio::test]
async fn a_dismissed_peer_sees_nothing() {
    let (pki, log) = (Pki::new(), HandLog::new(ORIGIN, 1));
    let g = governed(&pki, &log).await;
    let (number, pair, _) = peer(&g, &pki).await;
    let client = Client { pki: &pki, to: g.app.addresses[2], pair: Some(&pair) };
    let logs = client.lists().await.expect("in office");
    assert_eq!(logs.len(), 1);
    let dismiss = Change::Dismiss(pb::DismissStaff { staff_id: number });
    let draft = g.person("alice").proposes(dismiss).await.expect("proposed");
    g.person("bob").approves(&draft).await.expect("approved");
    client.is_unknown("dismissed").await;
}

#[tokio::test]
async fn charter_shows_a_peer_how_its_log_stands() {
    let (pki, log) = (Pki::new(), HandLog::new(ORIGIN, 9));
    let g = governed(&pki, &log).await;
    let request = log.request(0, 9);
    time_of(&g.app, &request, &asks(&g.app, &request).await);
    peer(&g, &pki).await;
    let url = format!("https://{}", g.app.addresses[2]);
    let (ca, cert, key) = (pki.file("ca.pem"), pki.file("peer.pem"), pki.file("peer.key"));
    let base = ["log", "witnessed", "--ca-file", &ca, "--client-cert", &cert, "--client-key", &key];
    let (exit, table) = charter(&url, &base).await;
    assert_eq!(exit, Some(0), "{table}");
    assert!(table.contains(ORIGIN) && table.contains("COSIGNED"), "{table}");
    let (exit, text) = charter(&url, &[base.as_slice(), &["-o", "json"]].concat()).await;
    let shown: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((exit, &shown["logs"][0]["size"]), (Some(0), &Value::from(9)), "{text}");
    assert_eq!(shown["logs"][0]["root"], log.root(9).to_string());
}
