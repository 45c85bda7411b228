//! The same from the command line: the sector's staff at their server, the root's at theirs.

use std::path::PathBuf;

use charter_domain::time::Clock as _;
use charter_tests::{
    governed::Governed,
    terminal::{Done, Terminal},
};
use serde_json::Value;

use super::actors::{SECTOR, Two};
use crate::key::DAY;

const ABOVE: [&str; 2] = ["--superior", "https://root.example"];

struct Desks {
    two: Two,
    terminal: Terminal,
}

impl Desks {
    fn token(&self, g: &Governed, who: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.terminal.home().join("token");
        std::fs::write(&path, g.issuer.approver_token(who)).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        path
    }

    async fn asks(&self, g: &Governed, who: &str, args: &[&str]) -> Done {
        let (token, url) = (self.token(g, who), g.app.url());
        let more = ["--server", url.as_str(), "--token-file", token.to_str().expect("UTF-8")];
        self.terminal.charter(&[args, &more].concat()).await
    }

    async fn does(&self, g: &Governed, who: &str, args: &[&str]) -> Value {
        let done = self.asks(g, who, &[args, &["-o", "json"]].concat()).await;
        assert_eq!(done.code, 0, "{args:?} {done:?}");
        serde_json::from_str(&done.out).expect("JSON")
    }

    /// Approved by Anna; what is proposed is in the answer.
    async fn approves(&self, g: &Governed, answer: &Value) {
        self.approves_as(g, "anna", answer).await;
    }

    async fn approves_as(&self, g: &Governed, who: &str, answer: &Value) {
        let id = answer["proposal"]["proposal_id"].as_str().expect("an id");
        let done = self.asks(g, who, &["approval", "approve", id, "-y"]).await;
        assert!(done.code == 0 && done.out.contains("executed"), "{done:?}");
    }

    /// States of the sector's keys in use, and whether the root states each; anybody may ask.
    async fn keys(&self) -> Vec<(String, bool)> {
        let (root, sector) = (self.two.root.app.url(), self.two.sector.app.url());
        let args = ["federation", "rotate", "status", "--from", &root, "--server", &sector, "-o", "json"];
        let done = self.terminal.charter(&args).await;
        assert_eq!(done.code, 0, "{done:?}");
        let said: Value = serde_json::from_str(&done.out).expect("JSON");
        let keys = said["keys"].as_array().expect("a list").iter();
        let state = |key: &Value| key["state"].as_str().unwrap_or_default().to_owned();
        let mut keys: Vec<_> = keys.map(|key| (state(key), key["stated"] == true)).collect();
        keys.sort();
        keys
    }

    /// The sector announces another key, and the root states both before it signs.
    async fn rotates(&self) {
        let (root, sector) = (&self.two.root, &self.two.sector);
        let (active, announced) = ("ACTIVE".to_owned(), "ANNOUNCED".to_owned());
        assert_eq!(self.keys().await, [(active.clone(), true)], "the one in use");
        let propose = ["federation", "rotate", "propose", "--why", "each year another"];
        let early = self.asks(sector, "alice", &propose).await;
        assert!(early.code != 0 && early.err.contains("active_from"), "{early:?}");
        let from = sector.app.clock.now().plus(2 * DAY).to_string();
        let ahead = [&propose[..], &["--active-from", &from]].concat();
        let proposed = self.does(sector, "alice", &ahead).await;
        assert_eq!(proposed["proposal"]["measure"], "ROTATE_KEY", "{proposed}");
        self.approves_as(sector, "bob", &proposed).await;
        assert_eq!(self.keys().await, [(active.clone(), true), (announced.clone(), false)]);
        let jwks = self.terminal.home().join("jwks.json");
        std::fs::write(&jwks, proposed["superior_jwks"].to_string()).expect("written");
        let jwks = jwks.to_str().expect("UTF-8");
        let narrow = ["delegation", "narrow", SECTOR, "--jwks", jwks, "--why", "its next key"];
        let narrowed = self.does(root, "otto", &narrow).await;
        self.approves(root, &narrowed).await;
        assert_eq!(self.keys().await, [(active, true), (announced, true)]);
        assert_eq!(self.two.asks().rest().await.line(), "200 yes ACTIVE");
    }
}

#[tokio::test]
async fn a_sector_joins_rotates_and_leaves_by_commands() {
    let desks = Desks { two: Two::start().await, terminal: Terminal::default() };
    let (root, sector) = (&desks.two.root, &desks.two.sector);
    let url = root.app.url();

    // Tried out, it is signed and goes nowhere.
    let apply = ["federation", "join", "apply", "--contact", "office@sector.example", "--answers-as-own"];
    let what = ["--resource", "edu:*", "--action", "issue", "--may-delegate", "--to", url.as_str()];
    let apply = [&apply[..], &ABOVE, &what].concat();
    let tried = desks.does(sector, "otto", &[&apply[..], &["--dry-run"]].concat()).await;
    assert!(tried["application"].as_str().is_some_and(|token| token.split('.').count() == 3), "{tried}");
    assert!(desks.two.listed("").await.is_empty());
    let receipt = desks.does(sector, "otto", &apply).await;
    let id = receipt["receipt"]["application_id"].as_str().expect("an id").to_owned();

    // The root's staff look, and accept less.
    let shown = desks.asks(root, "otto", &["federation", "applications", "show", &id]).await;
    assert!(shown.code == 0 && shown.out.contains(SECTOR) && shown.out.contains("thumbprint"), "{shown:?}");
    let listed = desks.does(root, "otto", &["federation", "applications", "list"]).await;
    assert_eq!(listed["applications"].as_array().map(Vec::len), Some(1), "{listed}");
    let accept = ["federation", "applications", "accept", &id, "--why", "as applied for"];
    let less = ["--resource", "edu:degree", "--action", "issue"];
    let accepted = desks.does(root, "otto", &[&accept[..], &less].concat()).await;
    desks.approves(root, &accepted).await;
    let status = ["federation", "join", "status", &id, "--to", url.as_str()];
    let told = desks.does(sector, "otto", &[&status[..], &ABOVE].concat()).await;
    assert_eq!(told["receipt"]["state"], "ACCEPTED", "{told}");
    assert_eq!(desks.two.asks().rest().await.line(), "200 yes ACTIVE");

    // The sector records it; the key that the root states is the one in use.
    let record = ["federation", "join", "record", "--from", url.as_str(), "--why", "the root delegated"];
    let recorded = desks.does(sector, "otto", &record).await;
    assert_eq!(recorded["proposal"]["measure"], "JOIN_SUPERIOR", "{recorded}");
    desks.approves(sector, &recorded).await;
    assert_eq!(desks.two.hints().await, ["https://root.example"]);
    desks.rotates().await;

    // And leaves.
    let leave = ["federation", "leave", "record", "--reason", "MERGED", "--why", "merged"];
    let left = desks.does(sector, "otto", &[&leave[..], &ABOVE].concat()).await;
    desks.approves(sector, &left).await;
    let notify = ["federation", "leave", "notify", "--to", url.as_str()];
    let told = desks.does(sector, "otto", &[&notify[..], &ABOVE].concat()).await;
    assert_eq!(
        (&told["receipt"]["purpose"], &told["receipt"]["state"]),
        (&"LEAVE".into(), &"RECEIVED".into())
    );
    let refuse = ["federation", "applications", "refuse", "--why", "ask the ministry first"];
    let id = told["receipt"]["application_id"].as_str().expect("an id");
    let refused = desks.does(root, "otto", &[&refuse[..], &[id]].concat()).await;
    assert_eq!(refused["application"]["state"], "REFUSED", "{refused}");
}
