//! Keys in a PKCS#11 token, of SoftHSM2: a real server process makes them there, signs with them, finds them again, and
//! moves to them from sealed ones. Nothing private is said in logs or answers.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use charter_domain::time::Clock;
use charter_server::clock::WallClock;
use charter_tests::{
    AUTHORITY, Rest, TestApp,
    database::Database,
    issuer::Issuer,
    program::{built, free_address},
    terminal::{self, Done, Terminal},
};
use serde_json::{Value, json};
use tokio::process::Child;

use crate::kept::until;

pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "8153-pin-of-the-user";
const ENTITY: &str = "did:web:university.example";
/// A process starts, or a document is signed again, within this on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A token called `charter`, found by what `softhsm2.conf` says, and the file `pin`.
pub async fn make_token(home: &Path) {
    let tokens = home.join("tokens");
    std::fs::create_dir(&tokens).expect("a directory");
    let conf = format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display());
    let conf = file(home, "softhsm2.conf", &conf);
    file(home, "pin", &format!("{PIN}\n"));
    let args = ["--init-token", "--free", "--label", "charter", "--so-pin", "8153-officer", "--pin", PIN];
    let mut command = terminal::command(Path::new("softhsm2-util"), home, &args);
    command.env("SOFTHSM2_CONF", conf);
    assert!(Path::new(MODULE).exists(), "softhsm2 is missing: run `scripts/setup test`");
    let made = terminal::run(command).await;
    assert_eq!(made.code, 0, "{made:?}");
}

fn file(home: &Path, name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = home.join(name);
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    path
}

/// A registry of a process of its own, which can be stopped and started again.
struct Site {
    terminal: Terminal,
    issuer: Arc<Issuer>,
    database: Database,
    address: SocketAddr,
    running: Option<Child>,
}

impl Site {
    async fn start(store: &str) -> Self {
        let free = free_address();
        let mut site = Self {
            terminal: Terminal::default(),
            issuer: Issuer::start(&Arc::new(WallClock)),
            database: Database::create().await,
            address: free,
            running: None,
        };
        make_token(site.terminal.home()).await;
        let settings = format!(
            "cache = {{ lease_ms = 1000, poll_ms = 250 }}\ndocuments = {{ renew_every_secs = 1 }}\n\
             limits = {{ deadline_ms = 10000 }}\n{}",
            site.issuer.toml()
        );
        let build = TestApp::build().registry(AUTHORITY).settings(&settings);
        site.file("charter.toml", &build.toml(&site.database, site.terminal.home(), free));
        site.serve(store).await;
        site
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        file(self.terminal.home(), name, text)
    }

    /// `charterd` at this site; with `store` the token is configured too.
    fn command(&self, store: &str, args: &[&str]) -> tokio::process::Command {
        let home = self.terminal.home();
        let config = home.join("charter.toml");
        let mut command = terminal::command(&built("charterd"), home, args);
        command.arg("--config").arg(config).env("SOFTHSM2_CONF", home.join("softhsm2.conf"));
        command.env("CHARTER_LOG__FILTER", "trace,h2=info,hyper=info,tower=info");
        if !store.is_empty() {
            command.env("CHARTER_KEYS__STORE", store);
            command.env("CHARTER_KEYS__PKCS11__MODULE", MODULE);
            command.env("CHARTER_KEYS__PKCS11__TOKEN_LABEL", "charter");
            command.env("CHARTER_KEYS__PKCS11__PIN_FILE", home.join("pin"));
        }
        command
    }

    async fn serve(&mut self, store: &str) {
        let log = self.terminal.home().join("said.txt");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let other = log.try_clone().expect("a log");
        let mut command = self.command(store, &["serve"]);
        let child = command.stdout(Stdio::from(log)).stderr(Stdio::from(other)).spawn();
        self.running = Some(child.expect("charterd runs"));
        let reach = self.address;
        let up = async || tokio::net::TcpStream::connect(reach).await.is_ok() && self.rest().ready().await;
        until(SOON, "the server is ready", up).await;
    }

    /// Asked to stop, it ends well.
    async fn stop(&mut self) {
        let mut child = self.running.take().expect("it runs");
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        let asked = rustix::process::kill_process(id.expect("a process"), rustix::process::Signal::TERM);
        asked.expect("asked to stop");
        let ended = tokio::time::timeout(SOON, child.wait()).await.expect("in time").expect("ended");
        assert_eq!(ended.code(), Some(0));
    }

    fn rest(&self) -> Rest {
        Rest::new(self.address)
    }

    /// What a start that fails says.
    async fn fails(&self, store: &str, args: &[&str]) -> Done {
        let done = terminal::run(self.command(store, args)).await;
        assert_eq!(done.code, 1, "{done:?}");
        done
    }

    async fn charter(&self, args: &[&str]) -> Done {
        let url = format!("http://{}", self.address);
        self.terminal.charter(&[args, &["--server", &url]].concat()).await
    }

    async fn asks(&self, token: &str, args: &[&str]) -> Done {
        let token = self.file("bearer", token);
        let done = self.charter(&[args, &["--token-file", token.to_str().expect("UTF-8")]].concat()).await;
        assert_eq!(done.code, 0, "{args:?} {done:?}");
        done
    }

    /// An entity, then two security officers and the seal.
    async fn seals(&self, store: &str) {
        let record = json!([{
            "identifier": ENTITY, "names": { "en": "University" }, "country": "FI",
            "authorizations": [{ "action": "issue", "resource": "Degree" }],
        }]);
        let records = self.file("records.json", &record.to_string());
        let token = std::fs::read_to_string(self.terminal.home().join("token")).expect("a token");
        self.asks(token.trim(), &["import", records.to_str().expect("UTF-8")]).await;
        let url = self.issuer.url();
        let init = ["init", "--issuer", &url, "--administrator", "alice", "--administrator", "bob"];
        let sealed = terminal::run(self.command(store, &init)).await;
        assert_eq!(sealed.code, 0, "{sealed:?}");
    }

    async fn rotates(&self) {
        let alice = self.issuer.approver_token("alice");
        let drafted = self.asks(&alice, &["key", "rotate", "--why", "each year"]).await;
        let id = drafted.out.split("proposal ").nth(1).and_then(|rest| rest.split(':').next());
        let bob = self.issuer.approver_token("bob");
        self.asks(&bob, &["approval", "approve", id.expect("an id"), "-y"]).await;
    }

    async fn kids(&self) -> Vec<String> {
        let list = self.rest().get("/api/v1/keys").await.json();
        let kid = |key: &Value| key["kid"].as_str().expect("text").to_owned();
        list["keys"].as_array().expect("keys").iter().map(kid).collect()
    }

    /// The key that signed the statement in a chain, exported now and verified with what is pinned.
    async fn proves(&self, anchors: &Path) -> String {
        // With a time it comes from the documents on file: a kept answer may still have those of the key before.
        let now = WallClock.now().to_string();
        let exported = self.charter(&["chain", "export", ENTITY, "issue", "Degree", "--at", &now]).await;
        assert_eq!(exported.code, 0, "{exported:?}");
        let chain = self.file("chain.json", &exported.out);
        let (chain, anchors) = (chain.to_str().expect("UTF-8"), anchors.to_str().expect("UTF-8"));
        let verified = self.charter(&["chain", "verify", chain, "--anchor", anchors, "--offline"]).await;
        assert_eq!(verified.code, 0, "{verified:?}");
        let links: Vec<String> = serde_json::from_str(&exported.out).expect("a chain");
        charter_signing::jws::kid(&links[0]).expect("a kid")
    }

    async fn pins(&self) -> PathBuf {
        let anchors = self.rest().get("/.well-known/trust-anchors").await.text();
        self.file("anchors.json", &anchors)
    }

    /// By kid, what is kept of each private key.
    async fn kept(&self) -> Vec<(String, String)> {
        let admin = self.database.admin(&self.database.name).await;
        let rows = admin.query("select kid, jwe from sealed_keys order by kid", &[]).await.expect("read");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The same of the keys of its transparency log.
    async fn kept_of_log(&self) -> Vec<String> {
        let admin = self.database.admin(&self.database.name).await;
        let rows = admin.query("select kept from log_keys order by purpose", &[]).await.expect("read");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Nothing private in what was logged at the finest level, nor in what anybody can read.
    async fn says_nothing_private(&self) {
        let log = std::fs::read_to_string(self.terminal.home().join("said.txt")).expect("a log");
        assert!(log.contains("/readyz"), "the log says what was asked: {log}");
        let kek = std::fs::read_to_string(self.terminal.home().join("kek")).expect("a key");
        let mut secrets = vec![PIN.to_owned(), kek.trim().to_owned()];
        secrets.extend(self.kept().await.into_iter().map(|(_, kept)| kept).filter(|k| k.starts_with("ey")));
        secrets.extend(self.kept_of_log().await.into_iter().filter(|k| k.starts_with("ey")));
        let mut said = vec![("log".to_owned(), log)];
        for path in [
            "/api/v1/keys",
            "/.well-known/openid-federation",
            "/.well-known/openid-federation-historical-keys",
            "/.well-known/did.json",
            "/.well-known/trust-anchors",
        ] {
            said.push((path.to_owned(), self.rest().get(path).await.text()));
        }
        let bob = self.issuer.approver_token("bob");
        for args in [&["approval", "list", "-o", "json"][..], &["audit", "export"]] {
            said.push((args.join(" "), self.asks(&bob, args).await.out));
        }
        for (place, text) in &said {
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{place} tells a secret");
            }
            let member = text.replace([' ', '\\'], "");
            assert!(!member.contains("\"d\":\""), "{place} tells a private JWK");
        }
    }
}

#[tokio::test]
async fn a_server_signs_with_keys_that_are_made_in_a_token_and_found_again() {
    let mut site = Site::start("pkcs11").await;
    site.seals("pkcs11").await;
    let first = site.kids().await;
    let pinned = site.pins().await;
    assert_eq!(site.proves(&pinned).await, first[0]);
    assert_eq!(site.kept().await, [(first[0].clone(), format!("pkcs11:object={}", first[0]))]);
    // The keys of the log are of Ed25519, and there too.
    let of_log = site.kept_of_log().await;
    assert!(of_log.len() == 2 && of_log.iter().all(|kept| kept.starts_with("pkcs11:object=")), "{of_log:?}");
    let signed = async || site.rest().get("/log/checkpoint").await.status == 200;
    until(SOON, "the token signs checkpoints", signed).await;
    site.stop().await;

    site.serve("pkcs11").await;
    assert_eq!(site.kids().await, first, "found, not made again");
    assert_eq!(site.kept_of_log().await, of_log);
    site.rotates().await;
    let both = site.kids().await;
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    let signed = async || site.proves(&pinned).await == both[1];
    until(SOON, "the new key signs, and the old one vouches for it", signed).await;
    assert_eq!(site.kept().await.len(), 2);
    site.says_nothing_private().await;
    site.stop().await;

    let without = site.fails("", &["serve"]).await;
    assert!(without.err.contains("in a token, and none is configured"), "{without:?}");
    let doctor = terminal::run(site.command("pkcs11", &["doctor"])).await;
    assert!(doctor.out.lines().any(|l| l.starts_with("PKCS#11 token") && l.ends_with("ok")), "{doctor:?}");
    site.file("pin", "1111-not-the-pin");
    let refused = site.fails("pkcs11", &["serve"]).await;
    assert!(refused.err.contains("keys.pkcs11") && !refused.err.contains("1111-not"), "{refused:?}");
    let open = site.file("pin", PIN);
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("its mode");
    let refused = site.fails("pkcs11", &["serve"]).await;
    assert!(refused.err.contains("chmod 600"), "{refused:?}");
}

#[tokio::test]
async fn a_registry_moves_into_a_token_by_a_rotation() {
    let mut site = Site::start("sealed").await;
    site.seals("sealed").await;
    let pinned = site.pins().await;
    site.rotates().await;
    let sealed = site.kids().await;
    assert!(site.kept().await.iter().all(|(_, kept)| kept.starts_with("ey")), "as ciphertext");
    site.stop().await;
    site.serve("pkcs11").await;
    assert_eq!(site.kids().await, sealed);
    site.rotates().await;
    let new = site.kids().await[2].clone();
    let signed = async || site.proves(&pinned).await == new;
    until(SOON, "the key in the token signs", signed).await;
    let kept = site.kept().await;
    assert_eq!(kept.iter().filter(|(_, kept)| kept.starts_with("pkcs11:")).count(), 1);
    site.says_nothing_private().await;
    site.stop().await;
}
