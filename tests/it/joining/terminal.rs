//! The same from the command line: the sector's staff at their server, the root's at theirs.

use std::path::PathBuf;

use charter_tests::{
    governed::Governed,
    terminal::{Done, Terminal},
};
use serde_json::Value;

use super::actors::{SECTOR, Two};

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
        let id = answer["proposal"]["proposal_id"].as_str().expect("an id");
        let done = self.asks(g, "anna", &["approval", "approve", id, "-y"]).await;
        assert!(done.code == 0 && done.out.contains("executed"), "{done:?}");
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
    let keys = ["federation", "rotate", "status", "--from", url.as_str()];
    let keys =
        desks.terminal.charter(&[&keys[..], &["--server", &sector.app.url(), "-o", "json"]].concat()).await;
    let keys: Value = serde_json::from_str(&keys.out).expect("JSON");
    assert_eq!((&keys["keys"][0]["state"], &keys["keys"][0]["stated"]), (&"ACTIVE".into(), &true.into()));

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
