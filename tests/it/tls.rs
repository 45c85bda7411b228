//! TLS on a listener, and services that sign in with a client certificate.

use std::{net::SocketAddr, path::Path, time::Duration};

use charter_proto::charter::registry::v1::{self as pb, registry_service_client::RegistryServiceClient};
use charter_tests::{
    AUTHORITY, TestApp,
    app::SETTINGS,
    governed::{Governed, ISSUER, Person, status},
    pki::{Pair, Pki},
    program::built,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};
use tokio_rustls::client::TlsStream;

use crate::{
    credential::{bind, bound, in_days, revokes},
    governance::said,
    kept::until,
};

/// For what comes at all, on a busy machine.
const LATEST: Duration = Duration::from_secs(30);

/// A second listener, with TLS.
pub fn listener(pki: &Pki, auth: &str) -> String {
    let (certificate, key, ca) = (pki.file("server.pem"), pki.file("server.key"), pki.file("ca.pem"));
    let clients = match auth {
        "none" => String::new(),
        asked => format!(", client_ca_file = \"{ca}\", client_auth = \"{asked}\""),
    };
    format!(
        "[[listeners]]\naddress = \"127.0.0.1:0\"\nregistry = \"{AUTHORITY}\"\n\
         tls = {{ cert_file = \"{certificate}\", key_file = \"{key}\"{clients} }}"
    )
}

/// What a client with a certificate is told when it proposes something.
async fn tries(g: &Governed, pki: &Pki, pair: Option<&Pair>) -> Result<pb::Proposal, tonic::Status> {
    Person::anonymous(&g.app, pki.channel(g.app.addresses[1], pair))
        .proposes(status(ISSUER, "SUSPENDED"))
        .await
}

#[tokio::test]
async fn a_listener_with_tls_speaks_both_protocols_and_no_plaintext() {
    let pki = Pki::new();
    let app = TestApp::build().listener(&listener(&pki, "optional")).start().await;
    let to = app.addresses[1];
    let mut client = RegistryServiceClient::new(pki.channel(to, None));
    let found = client.get_registry(pb::GetRegistryRequest::default()).await.expect("over HTTP/2");
    assert_eq!(found.into_inner().registry.expect("one").authority_id, AUTHORITY);
    let mut stream = pki.connect(to, None, "http/1.1").await.expect("a handshake");
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.expect("an answer and an orderly end");
    assert!(reply.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&reply));
    let mut plain = TcpStream::connect(to).await.expect("connected");
    plain.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
    let mut reply = Vec::new();
    let _ = plain.read_to_end(&mut reply).await;
    assert!(!reply.starts_with(b"HTTP"), "no plaintext is answered: {reply:?}");
    assert!(Pki::new().connect(to, None, "h2").await.is_err(), "a client that does not trust it");
}

/// A handshake in the time that the server gives: a busy machine may need another.
async fn shaken(pki: &Pki, to: SocketAddr) -> TlsStream<TcpStream> {
    let end = Instant::now() + LATEST;
    loop {
        match pki.connect(to, None, "h2").await {
            Ok(stream) => return stream,
            Err(error) => assert!(Instant::now() < end, "no handshake: {error}"),
        }
    }
}

#[tokio::test]
async fn whoever_stalls_before_or_after_the_handshake_is_let_go() {
    let pki = Pki::new();
    let settings = SETTINGS.replace("limits = {", "limits = { first_bytes_ms = 300, max_connections = 2,");
    let app = TestApp::build().settings(&settings).listener(&listener(&pki, "none")).start().await;
    let to = app.addresses[1];
    let ends = async |stream: &mut (dyn tokio::io::AsyncRead + Unpin + Send)| {
        let mut rest = Vec::new();
        let end = tokio::time::timeout(LATEST, stream.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "it was kept open");
    };
    for start in [b"".as_slice(), b"\x16\x03\x01\x02\x00", b"PRI "] {
        let mut stream = TcpStream::connect(to).await.expect("connected");
        let _sent = stream.write_all(start).await;
        ends(&mut stream).await;
    }
    for start in [b"".as_slice(), b"GET", b"PRI * HTTP"] {
        let mut stream = shaken(&pki, to).await;
        // On a busy machine it may be let go by now.
        let _sent = stream.write_all(start).await;
        ends(&mut stream).await;
    }
    let mut plain = TcpStream::connect(app.address).await.expect("connected");
    let _sent = plain.write_all(b"PRI * HTTP").await;
    ends(&mut plain).await;
}

#[tokio::test]
async fn an_address_has_so_many_handshakes_at_once_and_connections_that_are_open_do_not_count() {
    let pki = Pki::new();
    let settings =
        SETTINGS.replace("limits = {", "limits = { max_handshakes_per_address = 2, first_bytes_ms = 60000,");
    let app = TestApp::build().settings(&settings).listener(&listener(&pki, "none")).start().await;
    let to = app.addresses[1];
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut stream = pki.connect(to, None, "http/1.1").await.expect("one at a time");
        // The first bytes are part of it.
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
        let mut reply = [0; 15];
        stream.read_exact(&mut reply).await.expect("an answer");
        assert_eq!(&reply, b"HTTP/1.1 200 OK");
        open.push(stream);
    }
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(TcpStream::connect(to).await.expect("connected"));
    }
    until(LATEST, "nobody else is let in", async || pki.connect(to, None, "h2").await.is_err()).await;
    drop(silent);
    until(LATEST, "there is room again", async || pki.connect(to, None, "h2").await.is_ok()).await;
}

#[tokio::test]
async fn a_certificate_is_its_service_while_it_is_bound_and_only_then() {
    let pki = Pki::new();
    let g = Governed::start_as(|build| build.listener(&listener(&pki, "optional"))).await;
    let robot = g.appoints("robot", &["OFFICER"], true).await;
    let [good, other] = ["good", "other"].map(|name| pki.client(name, 1, 3_000));
    let refused = tries(&g, &pki, Some(&good)).await.expect_err("not bound yet");
    assert_eq!(said(&refused), "401 UNAUTHENTICATED");
    let wish = bind(robot, "CERTIFICATE", &good.sha256(), &["SUSPEND"], in_days(&g, 90));
    let id = bound(&g, wish).await;
    let proposed = tries(&g, &pki, Some(&good)).await.expect("it is the service");
    assert_eq!(proposed.proposer, robot);
    for (pair, what) in [(None, "no certificate"), (Some(&other), "another of the same authority")] {
        let refused = tries(&g, &pki, pair).await.expect_err(what);
        assert_eq!(said(&refused), "401 UNAUTHENTICATED", "{what}");
    }
    // Refused in the handshake: of another authority, expired, not valid yet.
    let foreign = Pki::new().client("foreign", 1, 3_000);
    for (pair, what) in [
        (&foreign, "another authority"),
        (&pki.client("expired", 1, 2), "expired"),
        (&pki.client("early", 3_000, 3_001), "early"),
    ] {
        assert!(tries(&g, &pki, Some(pair)).await.is_err(), "{what}");
        let tunnel = pki.connect(g.app.addresses[1], Some(pair), "http/1.1").await;
        // In TLS 1.3 the client learns of it with the first answer.
        let answered = match tunnel {
            Err(_) => false,
            Ok(mut stream) => {
                let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await;
                stream.read_u8().await.is_ok()
            }
        };
        assert!(!answered, "{what}");
    }
    let person = Person::anonymous(&g.app, pki.channel(g.app.addresses[1], Some(&good)));
    assert_eq!(said(&person.approves(&proposed).await.expect_err("a service")), "403 DENIED");
    // What a bearer token says goes before the certificate.
    let olga = person.with_token(g.issuer.token("olga"));
    assert_ne!(olga.proposes(status(ISSUER, "SUSPENDED")).await.expect("Olga").proposer, robot);
    let wrong = person.with_token("wrong".to_owned());
    let refused = wrong.proposes(status(ISSUER, "SUSPENDED")).await.expect_err("not its certificate instead");
    assert_eq!(said(&refused), "401 UNAUTHENTICATED");
    // As a key it is nothing.
    revokes(&g, &g.person("alice"), &id).await.expect("revoked");
    let refused = tries(&g, &pki, Some(&good)).await.expect_err("revoked");
    assert_eq!(said(&refused), "401 UNAUTHENTICATED");
}

#[tokio::test]
async fn a_binding_ends_before_its_certificate_and_with_its_owner() {
    let pki = Pki::new();
    let g = Governed::start_as(|build| build.listener(&listener(&pki, "required"))).await;
    let robot = g.appoints("robot", &["OFFICER"], true).await;
    let [short, long] = ["short", "long"].map(|name| pki.client(name, 1, 3_000));
    for (pair, days) in [(&short, 1), (&long, 90)] {
        bound(&g, bind(robot, "CERTIFICATE", &pair.sha256(), &["SUSPEND"], in_days(&g, days))).await;
        tries(&g, &pki, Some(pair)).await.expect("bound");
    }
    assert!(tries(&g, &pki, None).await.is_err(), "a certificate is required");
    g.app.clock.advance(Duration::from_secs(86_401));
    assert_eq!(said(&tries(&g, &pki, Some(&short)).await.expect_err("over")), "401 UNAUTHENTICATED");
    tries(&g, &pki, Some(&long)).await.expect("bound");
    let dismiss = pb::propose_request::Change::Dismiss(pb::DismissStaff { staff_id: robot });
    let draft = g.person("alice").proposes(dismiss).await.expect("proposed");
    g.person("bob").approves(&draft).await.expect("approved");
    assert_eq!(said(&tries(&g, &pki, Some(&long)).await.expect_err("dismissed")), "401 UNAUTHENTICATED");
}

/// How `charter` ends at a server, and all that it says.
pub async fn charter(url: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut command = tokio::process::Command::new(built("charter"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHARTER_")) {
        command.env_remove(name);
    }
    let output = command.args(args).args(["--server", url]).output().await.expect("it runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code(), text)
}

#[tokio::test]
async fn charter_speaks_tls_and_shows_its_certificate() {
    let pki = Pki::new();
    let g = Governed::start_as(|build| build.listener(&listener(&pki, "optional"))).await;
    let robot = g.appoints("robot", &["OFFICER", "OPERATOR"], true).await;
    pki.client("robot", 1, 3_000);
    let file = |name: &str| pki.file(name);
    let url = format!("https://{}", g.app.addresses[1]);
    let charter = async |args: &[&str]| charter(&url, args).await;
    let ca = file("ca.pem");
    let (number, until) = (robot.to_string(), in_days(&g, 30).to_string());
    let token = file("token");
    std::fs::write(&token, g.person("alice").token()).expect("written");
    let (cert, key, api_key) = (file("robot.pem"), file("robot.key"), file("api-key"));
    let by = ["--scope", "READ_CREDENTIALS", "--valid-until", &until, "--why", "nightly", "--ca-file", &ca];
    let signed = [by.as_slice(), &["--token-file", &token]].concat();
    let bind = ["staff", "credential", "bind", &number];
    let made = charter(&[bind.as_slice(), &["--key-file", &api_key], &signed].concat()).await;
    assert_eq!(made.0, Some(0), "{}", made.1);
    let secret = std::fs::read_to_string(&api_key).expect("a key");
    assert!(secret.starts_with("charter_") && !made.1.contains(secret.trim()), "{}", made.1);
    assert_eq!(mode(Path::new(&api_key)), 0o600);
    let again = charter(&[bind.as_slice(), &["--key-file", &api_key], &signed].concat()).await;
    assert_eq!(again.0, Some(2), "the file is there: {}", again.1);
    let certified = charter(&[bind.as_slice(), &["--certificate", &cert], &signed].concat()).await;
    assert_eq!(certified.0, Some(0), "{}", certified.1);
    let request =
        g.person("bob").signed(pb::ListProposalsRequest { state: "OPEN".to_owned(), ..Default::default() });
    let open = g.person("bob").client().list_proposals(request).await.expect("listed").into_inner().proposals;
    let of_certificate = open.iter().find(|p| p.change_json.contains("CERTIFICATE")).expect("proposed");
    g.person("bob").approves(of_certificate).await.expect("approved");
    let list = ["staff", "credential", "list", "--ca-file", &ca];
    let with = ["--client-cert", &cert, "--client-key", &key];
    let listed = charter(&[list.as_slice(), &with].concat()).await;
    assert!(listed.0 == Some(0) && listed.1.contains("READ_CREDENTIALS"), "{}", listed.1);
    let without = charter(&list).await;
    assert_eq!(without.0, Some(6), "no token and no certificate: {}", without.1);
    let untrusted = charter(&[&["registry", "get"][..], &[]].concat()).await;
    assert_ne!(untrusted.0, Some(0), "the system does not know this authority");
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn files_of_a_listener_are_looked_at_before_it_is_opened() {
    use std::os::unix::fs::PermissionsExt;
    let pki = Pki::new();
    let toml = |tls: &str| {
        format!(
            "[database]\nurl = \"host=/tmp\"\n[[registries]]\nauthority_id = \"did:web:a.example\"\nslug = \"a\"\n\
             name = \"A\"\njurisdiction = \"FI\"\npublic_url = \"http://127.0.0.1:1\"\n[[listeners]]\n\
             address = \"127.0.0.1:0\"\nregistry = \"did:web:a.example\"\ntls = {{ {tls} }}\n"
        )
    };
    let file = |name: &str| pki.file(name);
    let pair = format!("cert_file = \"{}\", key_file = \"{}\"", file("server.pem"), file("server.key"));
    let said = |tls: &str| charter_server::Config::from_toml(&toml(tls)).map(drop).map_err(|e| e.to_string());
    assert_eq!(said(&pair), Ok(()));
    let asks = format!("{pair}, client_auth = \"required\"");
    assert!(said(&asks).expect_err("of whom?").contains("client_ca_file"));
    let idle = format!("{pair}, client_ca_file = \"{}\"", file("ca.pem"));
    assert!(said(&idle).expect_err("for nothing").contains("client_auth"));
    assert!(said(&pair.replace("server.pem", "server.key")).is_err(), "a key is no certificate");
    let open = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(file("server.key"), open).expect("its mode");
    assert!(said(&pair).expect_err("others may read it").contains("chmod 600"));
}
