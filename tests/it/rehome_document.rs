//! docs/REHOMING.md: the lines of its table, in their order, by the programs, where they are to be run.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use charter_domain::time::Clock as _;
use charter_server::clock::WallClock;
use charter_tests::{
    AUTHORITY, TestApp,
    app::{Build, SETTINGS},
    governed::ISSUER,
    program::{Served, built, root},
    terminal::{self, Done, Terminal},
};

use crate::{
    hosted::{TENANT, Two},
    kept::until,
    logged,
    rehome::{ANY, Site, build, delegates},
};

const SOON: Duration = Duration::from_secs(30);

/// Where a line is run, and the line.
fn lines() -> Vec<(String, String)> {
    let document = std::fs::read_to_string(root().join("docs/REHOMING.md")).expect("the document");
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (place, does) = (cells.next()?, cells.next()?);
        let command = does.split('`').nth(1)?;
        command.starts_with("charter").then(|| (place.to_owned(), command.to_owned()))
    };
    document.lines().filter(|line| line.starts_with('|')).filter_map(row).collect()
}

struct Desk {
    two: Two,
    site: Site,
    terminal: Terminal,
    /// Configuration files.
    old: PathBuf,
    new: PathBuf,
    /// What stands for the words of the document.
    words: HashMap<&'static str, String>,
}

impl Desk {
    /// Each site has a configuration file; what the registry is to answer is delegated to it.
    async fn new() -> Self {
        let two = Two::start_as(Build::owner).await;
        delegates(&two).await;
        let (site, terminal) = (Site::new(&two).await, Terminal::default());
        let settings = format!("{SETTINGS}\n{}", two.g.issuer.toml());
        let host = TestApp::build().settings(&settings).registry(AUTHORITY).under(TENANT, AUTHORITY).owner();
        let (old, new) = (site.file("old.toml"), site.file("new.toml"));
        let app = &two.g.app;
        std::fs::write(&old, host.toml(&app.database, app.directory(), app.address)).expect("written");
        let own = build(&two, &site.dir, "").toml(&site.database, site.dir.path(), ANY.into());
        std::fs::write(&new, own).expect("written");
        let path = |name: &str| site.file(name).display().to_string();
        let kid = kid(&two).await;
        let words = [
            ("DID", TENANT.to_owned()),
            ("TEXT", "agreed".to_owned()),
            ("KID", kid),
            ("site.jwk", path("site.jwk")),
            ("FILE", path("first")),
        ];
        Self { two, site, terminal, old, new, words: words.into() }
    }

    /// The words of a line after the program's name; what is optional is given.
    fn args(&self, line: &str) -> Vec<String> {
        let line = line.replace(['[', ']'], "");
        let word = |word: &str| self.words.get(word).cloned().unwrap_or_else(|| word.to_owned());
        line.split_whitespace().skip(1).map(word).collect()
    }

    /// `charterd` with the configuration of a site; what it printed.
    async fn operates(&self, place: &str, line: &str) -> String {
        let config = if place == "old site" { &self.old } else { &self.new };
        let args = [self.args(line), vec!["--config".to_owned(), text(config)]].concat();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let done = terminal::run(terminal::command(&built("charterd"), self.terminal.home(), &args)).await;
        assert_eq!(done.code, 0, "`{line}` at the {place}: {done:?}");
        done.out
    }

    /// `charter` as somebody at the host.
    async fn asks(&self, who: &str, args: &[String]) -> Done {
        use std::os::unix::fs::PermissionsExt as _;
        let token = self.terminal.home().join("token");
        std::fs::write(&token, self.two.token(who)).expect("written");
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        let (url, token) = (self.two.g.app.url(), text(&token));
        let args = args.iter().map(String::as_str).chain(["--server", &url, "--token-file", &token]);
        self.terminal.charter(&args.collect::<Vec<_>>()).await
    }

    /// Proposed by one and approved by another, of the registry or its superior.
    async fn decides(&self, place: &str, line: &str) {
        let (registry, people) =
            if place == "registry" { (TENANT, ["tina", "tom"]) } else { (AUTHORITY, ["otto", "anna"]) };
        let named = |args: Vec<String>| [args, vec!["--registry".to_owned(), registry.to_owned()]].concat();
        let drafted = self.asks(people[0], &named(self.args(line))).await;
        assert_eq!(drafted.code, 0, "`{line}` of the {place}: {drafted:?}");
        let id = drafted.out.split("proposal ").nth(1).and_then(|rest| rest.split(':').next());
        let approve = ["approval", "approve", id.expect("an id"), "-y"].map(str::to_owned).to_vec();
        let done = self.asks(people[1], &named(approve)).await;
        assert!(done.code == 0 && done.out.contains("executed"), "{done:?}");
    }

    /// Runs one line, and keeps what it has printed for those after it.
    async fn does(&mut self, (place, line): &(String, String)) {
        if !line.starts_with("charterd") {
            return self.decides(place, line).await;
        }
        let said = self.operates(place, line).await;
        let after = |mark: &str| said.split(mark).nth(1).map(|rest| rest.trim().to_owned());
        match line.split(' ').nth(2).expect("what it does") {
            "key" => drop(self.words.insert("THUMBPRINT", said.trim().to_owned())),
            "import" => {
                let receipt = after("receipt for `charterd rehome finish`:").expect("a receipt");
                self.words.insert("RECEIPT", receipt);
            }
            "finish" => {
                let code = after("code for `charterd rehome start`:").expect("a code");
                self.words.insert("CODE", code);
            }
            _ => {}
        }
    }

    async fn status(&self, place: &str) -> String {
        self.operates(place, "charterd rehome status --registry DID").await
    }

    /// Whether the host's server knows that the registry has left.
    async fn has_left(&self, left: bool) {
        let app = &self.two.g.app;
        let id = logged::id(app, TENANT);
        until(SOON, "the host has seen it", async || app.app.hosted.holds.has_moved(id) == left).await;
    }

    async fn line(&self) -> String {
        // The programs go by the time of the wall.
        self.two.g.app.clock.set(WallClock.now());
        self.two.g.app.anonymous().asks(ISSUER, "issue", "Degree").of(TENANT).rest().await.line()
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// The key by which the registry is known.
async fn kid(two: &Two) -> String {
    let id = logged::id(&two.g.app, TENANT);
    let keys = two.g.app.app.hosted.keys(id).await.expect("its keys").to_json();
    let keys: serde_json::Value = serde_json::from_str(&keys).expect("JSON");
    keys["keys"][0]["kid"].as_str().expect("a kid").to_owned()
}

#[tokio::test]
async fn the_lines_of_the_document_move_a_registry() {
    let lines = lines();
    let steps: Vec<&str> = lines.iter().filter_map(|(_, line)| line.split(' ').nth(2)).collect();
    assert_eq!(steps, ["key", "rehome", "export", "import", "finish", "start", "narrow"]);
    let mut desk = Desk::new().await;
    assert_eq!(desk.line().await, "200 yes ACTIVE");

    // Begun, and brought back; the next time takes another approval.
    for line in &lines[..3] {
        desk.does(line).await;
    }
    desk.has_left(true).await;
    assert!(!desk.status("old site").await.is_empty(), "a move that was begun");
    desk.operates("old site", "charterd rehome abort --registry DID").await;
    desk.has_left(false).await;
    until(SOON, "it answers again", async || desk.line().await == "200 yes ACTIVE").await;
    let again = desk.site.file("second").display().to_string();
    desk.words.insert("FILE", again);

    for line in &lines[1..6] {
        desk.does(line).await;
    }
    desk.has_left(true).await;
    for (place, code) in [("old site", "CODE"), ("new site", "RECEIPT")] {
        let listed = desk.status(place).await;
        assert!(listed.contains(&desk.words[code]), "{place}: {listed}");
    }
    let own = build(&desk.two, &desk.site.dir, "");
    let served = Served::start(desk.site.dir.path(), |address| {
        own.toml(&desk.site.database, desk.site.dir.path(), address)
    })
    .await;
    desk.words.insert("URL", served.url());
    desk.does(&lines[6]).await;
    until(SOON, "found at the new address", async || desk.line().await == "200 yes ACTIVE").await;
}
