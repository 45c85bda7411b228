//! The life of an entity from the command line alone: sealed, proposed, approved, suspended, reinstated, revoked, and
//! read again as of then and now (docs/WALKTHROUGH.md).

use std::{path::PathBuf, sync::Arc};

use charter_domain::time::Clock;
use charter_server::clock::WallClock;
use charter_tests::{
    AUTHORITY, TestApp, TestClock,
    app::SETTINGS,
    issuer::Issuer,
    program::built,
    terminal::{self, Click, Done, Terminal},
};
use futures::future::join_all;

const ENTITY: &str = "did:web:university.example";
const OTHER: &str = "did:web:college.example";

struct Site {
    app: TestApp,
    issuer: Arc<Issuer>,
    settings: String,
    terminal: Terminal,
}

impl Site {
    async fn start() -> Self {
        let clock = Arc::<TestClock>::default();
        // Whoever signs in meanwhile asks as often as the wall's clock lets them.
        let issuer = Issuer::start(&Arc::new(WallClock));
        let settings = format!("{SETTINGS}\n{}", issuer.toml());
        let app = TestApp::build().clock(&clock).settings(&settings).start().await;
        Self { app, issuer, settings, terminal: Terminal::default() }
    }

    /// Each in a profile of their own, with a second factor.
    async fn sign_in(&self, persons: &[&str]) {
        let login = async |person: &&str| {
            let args = ["--profile", person, "--step-up"];
            let done = self.terminal.login(&self.issuer, &args, Click::StepUp(person)).await;
            assert_eq!(done.code, 0, "{done:?}");
        };
        join_all(persons.iter().map(login)).await;
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.terminal.home().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        path
    }

    /// `charter` with the bootstrap token or as somebody who has signed in.
    async fn charter(&self, who: &str, args: &[&str]) -> Done {
        self.now();
        let (url, token) = (self.app.url(), self.file("token", &self.app.token));
        let with = match who {
            "bootstrap" => ["--token-file", token.to_str().expect("UTF-8")],
            person => ["--profile", person],
        };
        self.terminal.charter(&[args, &["--server", &url], &with].concat()).await
    }

    async fn charterd(&self, args: &[&str]) -> Done {
        terminal::run(terminal::command(&built("charterd"), self.terminal.home(), args)).await
    }

    /// The server's clock goes as the wall's here, since the programs beside it have that one.
    fn now(&self) -> String {
        self.app.clock.set(WallClock.now());
        self.app.clock.now().to_string()
    }

    async fn check(&self, entity: &str, at: Option<&str>) -> i32 {
        let url = self.app.url();
        let mut args = vec!["check", entity, "issue", "Degree", "--server", &url];
        if let Some(at) = at {
            args.extend(["--at", at]);
        }
        self.now();
        self.terminal.charter(&args).await.code
    }

    /// Proposed by one and approved by another; the proposal's id.
    async fn decide(&self, proposer: &str, approver: &str, args: &[&str]) -> String {
        let drafted = self.charter(proposer, args).await;
        assert_eq!(drafted.code, 0, "{args:?} {}", drafted.err);
        let id = proposal(&drafted.out);
        let done = self.charter(approver, &["approval", "approve", &id, "-y"]).await;
        assert_eq!(done.code, 0, "{args:?} {}", done.err);
        id
    }
}

/// The id in `proposal ID: MEASURE`.
fn proposal(out: &str) -> String {
    let rest = out.split("proposal ").nth(1).and_then(|rest| rest.split(':').next());
    rest.unwrap_or_default().trim().to_owned()
}

#[tokio::test]
async fn the_life_of_an_entity_from_the_command_line_alone() {
    let site = Site::start().await;
    let records = site.file(
        "records.json",
        &serde_json::json!([ENTITY, OTHER].map(|identifier| serde_json::json!({
            "identifier": identifier, "names": { "en": identifier }, "country": "FI",
            "authorizations": [{ "action": "issue", "resource": "Degree" }],
        })))
        .to_string(),
    );
    let loaded = site.charter("bootstrap", &["import", records.to_str().expect("UTF-8")]).await;
    assert_eq!(loaded.code, 0, "{}", loaded.err);
    assert_eq!(site.check(ENTITY, None).await, 0);

    // Two administrators, and the seal.
    let build = TestApp::build().settings(&site.settings).registry(AUTHORITY);
    let config =
        site.file("charterd.toml", &build.toml(&site.app.database, site.app.directory(), site.app.address));
    let (url, config) = (site.issuer.url(), config.to_str().expect("UTF-8").to_owned());
    let init = ["--config", &config, "init", "--issuer", &url, "--administrator", "alice", "--administrator"];
    let one = site.charterd(&[&init[..], &["alice"]].concat()).await;
    assert_eq!(one.code, 1, "one person twice: {}", one.err);
    let sealed = site.charterd(&[&init[..], &["bob"]].concat()).await;
    assert_eq!(sealed.code, 0, "{}", sealed.err);
    assert_eq!(site.charterd(&[&init[..], &["carol"]].concat()).await.code, 1, "it is final");
    site.sign_in(&["alice", "bob", "olga", "anna", "aino", "stranger"]).await;
    let again = site.charter("bootstrap", &["import", records.to_str().expect("UTF-8")]).await;
    assert!(again.code != 0 && again.err.contains("sealed"), "{} {}", again.code, again.err);
    for (subject, role) in [("olga", "OFFICER"), ("anna", "APPROVER"), ("aino", "AUDITOR")] {
        let appoint =
            ["staff", "appoint", "--issuer", &url, "--subject", subject, "--role", role, "--why", "hired"];
        site.decide("alice", "bob", &appoint).await;
    }

    // Nobody alone: the loader's command says how, the proposer cannot approve.
    let revoke = ["entity", "revoke", ENTITY, "--reason", "CLOSED"];
    let alone = site.charter("bootstrap", &[&revoke[..], &["-y"]].concat()).await;
    assert_eq!(alone.code, 7, "{}", alone.err);
    assert!(alone.err.contains("--propose"), "{}", alone.err);
    let suspend =
        ["entity", "suspend", ENTITY, "--reason", "UNDER_REVIEW", "--propose", "--why", "a complaint"];
    let drafted = site.charter("olga", &suspend).await;
    let id = proposal(&drafted.out);
    assert_eq!(site.charter("olga", &["approval", "approve", &id, "-y"]).await.code, 6);
    let shown = site.charter("aino", &["approval", "show", &id]).await;
    assert!(shown.out.contains("SUSPEND") && shown.out.contains("ACTIVE"), "{}", shown.out);
    assert_eq!(site.check(ENTITY, None).await, 0);
    assert_eq!(site.charter("anna", &["approval", "approve", &id, "-y"]).await.code, 0);
    assert_eq!(site.check(ENTITY, None).await, 3);
    assert_eq!(site.charter("anna", &["approval", "approve", &id, "-y"]).await.code, 7, "it is executed");

    let between = site.now();
    let reinstate = ["entity", "reinstate", ENTITY, "--reason", "CLEARED", "--propose", "--why", "unfounded"];
    site.decide("olga", "anna", &reinstate).await;
    assert_eq!(site.check(ENTITY, None).await, 0);
    let before = site.now();
    site.decide("olga", "anna", &[&revoke[..], &["--propose", "--why", "it closed"]].concat()).await;
    assert_eq!(site.check(ENTITY, None).await, 3, "now");
    assert_eq!(site.check(ENTITY, Some(&before)).await, 0, "as of before the revocation");
    assert_eq!(site.check(ENTITY, Some(&between)).await, 3, "as of the suspension");
    let back = site.charter("olga", &reinstate).await;
    assert_eq!(back.code, 7, "revoked is final: {}", back.err);

    let emergency = ["entity", "emergency-suspend", OTHER, "--reason", "KEY_STOLEN", "-y"];
    assert_eq!(site.charter("olga", &emergency).await.code, 0);
    assert_eq!(site.check(OTHER, None).await, 3);
    assert_eq!(site.charter("olga", &emergency).await.code, 6, "not twice in 30 days");

    let audit = site.charter("aino", &["audit", "export", "--subject", ENTITY]).await;
    let kinds: Vec<String> = audit
        .out
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).expect("JSON")["kind"].to_string())
        .collect();
    assert_eq!(kinds.iter().filter(|k| k.contains("StatusChanged")).count(), 3, "{kinds:?}");
    assert_eq!(site.charter("stranger", &["audit", "list"]).await.code, 6);
}
