//! `charterd emergency`: two officers at their own machines, without a configuration, a database or a network.

use charter_domain::time::Clock as _;
use charter_server::clock::WallClock;
use charter_tests::{
    AUTHORITY, TestApp,
    program::built,
    terminal::{Done, Terminal, command, run},
};

use super::{ISSUER, PATH, says};

struct Desk(Terminal);

impl Desk {
    fn file(&self, name: &str) -> String {
        self.0.home().join(name).to_str().expect("UTF-8").to_owned()
    }

    async fn runs(&self, args: &[&str]) -> Done {
        run(command(&built("charterd"), self.0.home(), &[&["emergency"][..], args].concat())).await
    }

    async fn makes_key(&self, name: &str) {
        let [key, kek] = ["key", "kek"].map(|end| self.file(&format!("{name}.{end}")));
        let done = self.runs(&["key", "--out", &key, "--kek", &kek]).await;
        assert!(done.code == 0 && done.out.contains("emergency.officers"), "{done:?}");
    }

    async fn denies(&self, officer: &str, to: &str, what: &[&str]) -> Done {
        let [key, kek] = ["key", "kek"].map(|end| self.file(&format!("{officer}.{end}")));
        let to = self.file(to);
        self.runs(&[&["deny", "--key", &key, "--kek", &kek, "--to", &to][..], what].concat()).await
    }
}

#[tokio::test]
async fn two_officers_sign_a_file_that_a_server_takes() {
    let desk = Desk(Terminal::default());
    for name in ["aino", "bo"] {
        desk.makes_key(name).await;
    }
    let [one, two] = ["aino.key.pub", "bo.key.pub"].map(|name| desk.file(name));
    let folder = desk.file("denials");
    let settings = format!("emergency = {{ officers = [\"{one}\", \"{two}\"], dir = \"{folder}\" }}");
    let app = TestApp::build().registry(AUTHORITY).details(&settings).start().await;
    app.registry(AUTHORITY).registers(ISSUER).authorized("issue", "Degree").await;
    let hours = |n: u64| WallClock.now().plus(std::time::Duration::from_secs(n * 3_600)).to_string();
    let what = |until: &str| {
        ["--registry", AUTHORITY, "--reason", "KEY_COMPROMISE", "--until", until, ISSUER].map(str::to_owned)
    };
    let good = what(&hours(4));
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    for (until, why) in [(hours(25), "24 hours"), ("2020-01-01T00:00:00Z".to_owned(), "over already")] {
        let bad = what(&until);
        let bad: Vec<&str> = bad.iter().map(String::as_str).collect();
        let done = desk.denies("aino", "bad.json", &bad).await;
        assert!(done.code != 0 && done.err.contains(why), "{done:?}");
    }
    let first = desk.denies("aino", "first.json", &good).await;
    assert!(first.code == 0 && first.out.contains("another officer"), "{first:?}");
    let from = desk.file("first.json");
    let again = desk.denies("aino", "again.json", &["--from", &from]).await;
    assert!(again.code != 0 && again.err.contains("signed this denial already"), "{again:?}");
    let changed = desk.denies("bo", "changed.json", &["--from", &from, "--reason", "FRAUD"]).await;
    assert_ne!(changed.code, 0, "{changed:?}");
    let second = desk.denies("bo", "second.json", &["--from", &from]).await;
    assert!(second.code == 0 && second.out.contains(PATH), "{second:?}");
    let file = desk.file("second.json");
    let shown = desk.runs(&["show", &file]).await;
    assert!(shown.code == 0 && shown.out.contains(ISSUER) && shown.out.contains(AUTHORITY), "{shown:?}");
    let halfway = std::fs::read(&from).expect("a file");
    assert_eq!(app.rest().post_text(PATH, halfway).await.status, 400, "one officer is not enough");
    app.clock.set(WallClock.now());
    let whole = std::fs::read(&file).expect("a file");
    let reply = app.rest().post_text(PATH, whole).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    says(&app, ISSUER, "200 no SUSPENDED").await;
}
