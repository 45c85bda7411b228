//! The anchor set from the command line alone: keys, drafts, signatures, minutes; a registry that publishes the versions,
//! and verifiers that follow them or refuse.

use std::{collections::BTreeMap, fs::File, path::Path, process::Stdio};

use charter_tests::{
    TestApp,
    program::built,
    terminal::{Done, Terminal, command, run},
};
use http::Method;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

const ROOT: &str = "did:web:root.example";
const JOURNAL: &str = "did:web:journal.example";
const ISSUER: &str = "did:web:university.example";
const EXPIRES: &str = "2098-01-01T00:00:00Z";

/// Machines without a network: a folder with everything that is carried from one to the other.
struct Room {
    terminal: Terminal,
    /// Ids of the keys, by the names of their holders.
    kids: BTreeMap<&'static str, String>,
}

/// What follows a word at the beginning of a line.
fn after<'a>(done: &'a Done, word: &str) -> &'a str {
    let found = done.out.lines().find_map(|line| line.strip_prefix(word));
    assert!(found.is_some(), "no `{word}` in {done:?}");
    found.unwrap_or_default().trim()
}

/// The four lines below the fingerprint.
fn words(done: &Done) -> String {
    let lines = done.out.lines().skip_while(|line| !line.starts_with("fingerprint ")).skip(1).take(4);
    lines.collect::<Vec<_>>().join(" ")
}

impl Room {
    /// A root's list of keys, and four holders, of whom three sign the first version.
    async fn open(root: &TestApp) -> Self {
        let mut room = Self { terminal: Terminal::default(), kids: BTreeMap::new() };
        let list = root.rest().get("/.well-known/trust-anchors").await.body;
        std::fs::write(room.file("root.json"), list).expect("written");
        for name in ["aino", "bo", "cilla", "dag"] {
            room.makes_key(name).await;
        }
        room
    }

    fn file(&self, name: &str) -> String {
        self.terminal.home().join(name).to_str().expect("UTF-8").to_owned()
    }

    async fn charterd(&self, args: &[&str]) -> Done {
        run(command(&built("charterd"), self.terminal.home(), args)).await
    }

    async fn makes_key(&mut self, name: &'static str) {
        let (key, kek) = (self.file(&format!("{name}.key")), self.file(&format!("{name}.kek")));
        let done = self.charterd(&["ceremony", "key", "--out", &key, "--kek", &kek]).await;
        assert_eq!(done.code, 0, "{done:?}");
        let kid = after(&done, "key ").split(' ').next().expect("an id").to_owned();
        assert!(!std::fs::read_to_string(&key).expect("a file").contains("\"d\""), "sealed");
        self.kids.insert(name, kid);
    }

    async fn drafts(&self, out: &str, more: &[&str]) -> Done {
        let out = self.file(out);
        let done = self.charterd(&[&["ceremony", "init", "--out", &out][..], more].concat()).await;
        assert_eq!(done.code, 0, "{done:?}");
        done
    }

    async fn signs(&self, draft: &str, name: &str, fingerprint: &str) -> Done {
        let [draft, key, kek, out] =
            [draft, &format!("{name}.key"), &format!("{name}.kek"), &format!("{draft}.{name}")]
                .map(|file| self.file(file));
        let args = ["ceremony", "sign", &draft, "--key", &key, "--kek", &kek, "--out", &out];
        self.charterd(&[&args[..], &["--fingerprint", fingerprint]].concat()).await
    }

    async fn finishes(&self, dir: &str, copies: &[&str], more: &[&str]) -> Done {
        let dir = self.file(dir);
        let copies: Vec<String> = copies.iter().map(|copy| self.file(copy)).collect();
        let copies: Vec<&str> = copies.iter().map(String::as_str).collect();
        self.charterd(&[&["ceremony", "finish", "--out", &dir][..], more, &["--"], &copies].concat()).await
    }

    /// A version that is drafted, signed by these, and put into `published`.
    async fn publishes(&self, version: u32, by: &[&str], more: &[&str]) {
        let (draft, before) =
            (format!("{version}.draft"), self.file(&format!("published/{}.json", version - 1)));
        let current: &[&str] = if version == 1 { &[] } else { &["--current", &before] };
        let drafted = self.drafts(&draft, &[more, current].concat()).await;
        for name in by {
            let done = self.signs(&draft, name, after(&drafted, "fingerprint ")).await;
            assert_eq!(done.code, 0, "{done:?}");
        }
        let copies: Vec<String> = by.iter().map(|name| format!("{draft}.{name}")).collect();
        let copies: Vec<&str> = copies.iter().map(String::as_str).collect();
        let done = self.finishes("published", &copies, current).await;
        assert_eq!(done.code, 0, "{done:?}");
    }

    /// The first: two of three keys sign.
    async fn publishes_first(&self) {
        let [root, a, b, c] =
            ["root.json", "aino.key.pub", "bo.key.pub", "cilla.key.pub"].map(|file| self.file(file));
        let keys = ["--add-key", &a, "--add-key", &b, "--add-key", &c];
        let all = [&keys[..], &["--add-anchors", &root, "--threshold", "2", "--expires", EXPIRES]].concat();
        self.publishes(1, &["aino", "bo"], &all).await;
    }

    /// Dag in the place of Aino, then a longer life.
    async fn publishes_two_more(&self) {
        let (gone, new) = (&self.kids["aino"], self.file("dag.key.pub"));
        let change = ["--remove-key", gone, "--add-key", &new, "--expires", EXPIRES];
        self.publishes(2, &["bo", "cilla"], &change).await;
        self.publishes(3, &["cilla", "dag"], &["--expires", "2099-01-01T00:00:00Z"]).await;
    }

    async fn fingerprint(&self, file: &str) -> Value {
        let done = self.terminal.charter(&["anchors", "show", &self.file(file), "-o", "json"]).await;
        assert_eq!(done.code, 0, "{done:?}");
        serde_json::from_str(&done.out).expect("JSON")
    }

    /// `charter anchors update` of a local file.
    async fn follows(&self, local: &str, more: &[&str]) -> Done {
        self.terminal.charter(&[&["anchors", "update", &self.file(local)][..], more].concat()).await
    }

    /// A registry that publishes a folder.
    async fn served(&self, dir: &str) -> TestApp {
        let details = format!("anchors = {{ dir = \"{}\" }}", self.file(dir));
        TestApp::build().registry(JOURNAL).details(&details).start().await
    }

    fn copies(&self, from: &str, to: &str) {
        let to = self.file(to);
        std::fs::create_dir_all(Path::new(&to).parent().expect("a folder")).expect("made");
        std::fs::copy(self.file(from), to).expect("copied");
    }
}

async fn root() -> TestApp {
    let root = TestApp::build().registry(ROOT).start().await;
    root.registry(ROOT).registers(ISSUER).authorized("issue", "Degree").await;
    root
}

#[tokio::test]
async fn two_of_three_sign_what_all_have_compared_and_minutes_are_kept() {
    let root = root().await;
    let room = Room::open(&root).await;
    let [list, a, b, c] =
        ["root.json", "aino.key.pub", "bo.key.pub", "cilla.key.pub"].map(|file| room.file(file));
    let keys = ["--add-key", &a, "--add-key", &b, "--add-key", &c, "--add-anchors", &list];
    let drafted =
        room.drafts("draft", &[&keys[..], &["--threshold", "2", "--expires", EXPIRES]].concat()).await;
    assert!(drafted.out.contains(ROOT) && drafted.out.contains("2 of 3 keys sign"), "{drafted:?}");
    let other = "0".repeat(64);
    let refused = room.signs("draft", "aino", &other).await;
    assert!(refused.code == 1 && refused.err.contains("nothing was signed"), "{refused:?}");
    assert!(!Path::new(&room.file("draft.aino")).exists());
    let done = room.signs("draft", "aino", &words(&drafted)).await;
    assert!(
        done.code == 0 && done.out.contains(&format!("signed with key {}", room.kids["aino"])),
        "{done:?}"
    );
    let again = room.signs("draft", "aino", &words(&drafted)).await;
    assert!(again.code == 1 && again.err.contains("not overwritten"), "{again:?}");
    let few = room.finishes("published", &["draft.aino"], &[]).await;
    assert!(few.code == 1 && few.err.contains("THRESHOLD: version 1 has 1 of the 2"), "{few:?}");
    assert!(!Path::new(&room.file("published/1.json")).exists());
    assert_eq!(room.signs("draft", "bo", after(&drafted, "fingerprint ")).await.code, 0);
    let holder = format!("{}=Aino Virtanen", room.kids["aino"]);
    let more = ["--holder", &holder, "--present", "Notary"];
    let done = room.finishes("published", &["draft.aino", "draft.bo"], &more).await;
    assert_eq!(done.code, 0, "{done:?}");
    let minutes = std::fs::read_to_string(room.file("published/1.minutes.md")).expect("minutes");
    for expected in
        ["Aino Virtanen", "- Notary", after(&drafted, "fingerprint "), &room.kids["bo"], "draft.bo", ROOT]
    {
        assert!(minutes.contains(expected), "{expected}: {minutes}");
    }
    let digests = minutes.lines().filter(|line| line.starts_with("| in |") || line.starts_with("| out |"));
    assert_eq!(digests.count(), 3, "{minutes}");
    let twice = room.finishes("published", &["draft.aino", "draft.bo"], &[]).await;
    assert!(twice.code == 1 && twice.err.contains("not overwritten"), "{twice:?}");
    let verified = room.terminal.charter(&["anchors", "verify", &room.file("published/1.json")]).await;
    assert!(verified.code == 0 && verified.err.contains("--fingerprint"), "{verified:?}");
}

#[tokio::test]
async fn a_verifier_pinned_at_the_first_version_follows_to_the_third() {
    let root = root().await;
    let room = Room::open(&root).await;
    room.publishes_first().await;
    let journal = room.served("published").await;
    let (url, printed) = (journal.url(), room.fingerprint("published/1.json").await);
    let printed = printed["words"].as_str().expect("words");
    let unpinned = room.follows("local.json", &["--url", &url]).await;
    assert!(unpinned.code == 2 && unpinned.err.contains("--fingerprint"), "{unpinned:?}");
    let wrong = room.follows("local.json", &["--url", &url, "--fingerprint", &"ab".repeat(32)]).await;
    assert!(wrong.code == 5 && wrong.err.contains("no version there has the fingerprint"), "{wrong:?}");
    let pinned = room.follows("local.json", &["--url", &url, "--fingerprint", printed]).await;
    assert!(pinned.code == 0 && pinned.out.contains("version 1 is pinned"), "{pinned:?}");
    let checks = async || {
        let (local, url) = (room.file("local.json"), root.url());
        room.terminal
            .charter(&["check", ISSUER, "issue", "Degree", "--server", &url, "--anchor", &local])
            .await
    };
    let checked = checks().await;
    assert_eq!(checked.code, 0, "{checked:?}");

    room.publishes_two_more().await;
    let tried = room.follows("local.json", &["--url", &url, "--dry-run"]).await;
    assert!(tried.out.contains("version 3 would be in the place of version 1"), "{tried:?}");
    let followed = room.follows("local.json", &["--url", &url]).await;
    assert!(
        followed.code == 0 && followed.out.contains("version 3 is in the place of version 1"),
        "{followed:?}"
    );
    assert_eq!(
        std::fs::read(room.file("local.json")).expect("a file"),
        std::fs::read(room.file("published/3.json")).expect("a file")
    );
    assert_eq!(checks().await.code, 0);
    let settled = room.follows("local.json", &["--url", &url]).await;
    assert!(settled.code == 0 && settled.out.contains("version 3 is the newest"), "{settled:?}");
    // What was printed is compared with what is followed, not just the first time.
    let again = room.follows("local.json", &["--url", &url, "--fingerprint", printed]).await;
    assert!(again.code == 0 && again.out.contains("version 3 is the newest"), "{again:?}");
    let other = room.follows("local.json", &["--url", &url, "--fingerprint", &"ab".repeat(32)]).await;
    assert!(other.code == 5 && other.err.contains("no version there has the fingerprint"), "{other:?}");
    // Who is pinned now, by the fingerprint that was printed then, comes as far; so does who has the files alone.
    let dir = room.file("published");
    for from in [["--url", &url], ["--dir", &dir]] {
        let local = format!("{}.json", from[0]);
        let late = room.follows(&local, &[&from[..], &["--fingerprint", printed]].concat()).await;
        assert!(late.code == 0 && late.out.contains("version 3 is pinned"), "{late:?}");
    }
}

#[tokio::test]
async fn of_two_that_follow_at_once_the_later_writes_nothing_older() {
    let root = root().await;
    let room = Room::open(&root).await;
    room.publishes_first().await;
    room.publishes_two_more().await;
    for version in ["1.json", "2.json"] {
        room.copies(&format!("published/{version}"), &format!("behind/{version}"));
    }
    room.copies("published/1.json", "local.json");
    // One of them is at it.
    let lock = File::create(room.file("local.json.lock")).expect("a file");
    lock.lock().expect("nobody has it");
    let [local, behind] = ["local.json", "behind"].map(|file| room.file(file));
    let args = ["anchors", "update", &local, "--dir", &behind];
    let mut other = command(&built("charter"), room.terminal.home(), &args);
    let mut other = other.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    let mut said = BufReader::new(other.stderr.take().expect("piped")).lines();
    let waits = said.next_line().await.expect("readable").expect("a line");
    assert!(waits.ends_with("waiting"), "{waits}");
    room.copies("published/3.json", "local.json");
    drop(lock);
    let refused = said.next_line().await.expect("readable").expect("a line");
    assert!(refused.contains("there is no `3.json`"), "the folder ends before what is held: {refused}");
    assert_eq!(other.wait().await.expect("it ends").code(), Some(5));
    let third = std::fs::read(room.file("published/3.json")).expect("a file");
    assert_eq!(std::fs::read(local).expect("a file"), third);
}

#[tokio::test]
async fn forks_rollbacks_and_expired_versions_are_refused() {
    let root = root().await;
    let mut room = Room::open(&root).await;
    room.publishes_first().await;
    room.copies("published/1.json", "old/1.json");
    room.publishes_two_more().await;
    room.copies("published/1.json", "first.json");
    room.copies("published/3.json", "third.json");
    let files = [1, 2, 3].map(|n| room.file(&format!("published/{n}.json")));
    // Somebody has Aino's key and two of their own.
    for name in ["x", "y"] {
        room.makes_key(name).await;
    }
    let [x, y] = ["x.key.pub", "y.key.pub"].map(|file| room.file(file));
    let gone: Vec<&str> =
        ["bo", "cilla"].iter().flat_map(|name| ["--remove-key", &room.kids[name]]).collect();
    let taken = ["--add-key", &x, "--add-key", &y, "--expires", EXPIRES, "--current", &files[0]];
    let drafted = room.drafts("fork", &[&gone[..], &taken].concat()).await;
    let fingerprint = after(&drafted, "fingerprint ");
    for (copy, name) in [("fork", "x"), ("fork.x", "y"), ("fork.x.y", "aino")] {
        assert_eq!(room.signs(copy, name, fingerprint).await.code, 0);
    }
    let unfinished = room.finishes("forked", &["fork.x.y.aino"], &["--current", &files[0]]).await;
    assert!(unfinished.code == 1 && unfinished.err.contains("THRESHOLD"), "{unfinished:?}");
    room.copies("published/1.json", "forked/1.json");
    room.copies("fork.x.y.aino", "forked/2.json");
    let dir = room.file("forked");
    let refused = room.follows("first.json", &["--dir", &dir]).await;
    assert!(refused.code == 5 && refused.err.contains("keys of version 1"), "{refused:?}");
    assert_eq!(
        std::fs::read(room.file("first.json")).expect("a file"),
        std::fs::read(&files[0]).expect("a file"),
        "as it was"
    );
    // Those who may sign, but something else: whoever has the other one sees it.
    let expires = ["--expires", "2097-01-01T00:00:00Z", "--current", &files[1]];
    let drafted = room.drafts("other", &expires).await;
    for (copy, name) in [("other", "cilla"), ("other.cilla", "dag")] {
        assert_eq!(room.signs(copy, name, after(&drafted, "fingerprint ")).await.code, 0);
    }
    room.copies("other.cilla.dag", "forked/3.json");
    let forked = room.follows("third.json", &["--dir", &dir]).await;
    assert!(forked.code == 5 && forked.err.contains("FORK"), "{forked:?}");
    let skipped = room.terminal.charter(&["anchors", "verify", &files[0], &files[2]]).await;
    assert!(skipped.code == 5 && skipped.err.contains("SKIPPED"), "{skipped:?}");
    let late = ["anchors", "verify", &files[0], &files[1], &files[2], "--at", "2099-06-01T00:00:00Z"];
    let expired = room.terminal.charter(&late).await;
    assert!(expired.code == 5 && expired.err.contains("EXPIRED: version 3"), "{expired:?}");
    let old = room.served("old").await;
    let back = room.follows("third.json", &["--url", &old.url()]).await;
    assert!(back.code == 5 && back.err.contains("ROLLBACK"), "{back:?}");
    // A file that does not follow is not served, whoever put it there.
    room.copies("fork.x.y.aino", "old/2.json");
    let newest = old.rest().get("/.well-known/trust-anchors").await;
    assert_eq!(newest.body, std::fs::read(&files[0]).expect("a file"));
    // Nor does it keep a server from starting.
    let started = room.served("old").await.rest().get("/.well-known/trust-anchors").await;
    assert_eq!(started.body, newest.body);
}

#[tokio::test]
async fn a_lower_threshold_is_seen_before_anybody_signs() {
    let root = root().await;
    let room = Room::open(&root).await;
    room.publishes_first().await;
    let current = room.file("published/1.json");
    let change = ["--threshold", "1", "--expires", EXPIRES, "--current", &current];
    let drafted = room.drafts("weak", &change).await;
    for expected in ["+ 1 of 3 keys sign", "- 2 of 3 keys sign", "ONE KEY IS ENOUGH"] {
        assert!(drafted.out.contains(expected), "{expected}: {drafted:?}");
    }
    let same = room.drafts("same", &["--expires", EXPIRES, "--current", &current]).await;
    assert!(!same.out.contains("rule:") && !same.out.contains("ONE KEY"), "{same:?}");
    // No minutes of a version that could not be written.
    room.copies("root.json", "half/1.json");
    let done = room.finishes("half", &["1.draft.aino", "1.draft.bo"], &[]).await;
    assert!(done.code == 1 && done.err.contains("not overwritten"), "{done:?}");
    assert!(!Path::new(&room.file("half/1.minutes.md")).exists());
}

#[tokio::test]
async fn versions_are_served_under_names_of_their_own() {
    let root = root().await;
    let room = Room::open(&root).await;
    room.publishes_first().await;
    let journal = room.served("published").await;
    let (rest, base) = (journal.rest(), "/.well-known/trust-anchors");
    room.publishes_two_more().await;
    let [one, three] =
        ["published/1.json", "published/3.json"].map(|f| std::fs::read(room.file(f)).expect("a file"));
    let first = rest.get(&format!("{base}/1")).await;
    assert_eq!((first.status, first.body.to_vec()), (200, one));
    assert!(first.header("cache-control").contains("immutable"), "{first:?}");
    let newest = rest.get(base).await;
    assert_eq!((newest.header("cache-control"), newest.body.to_vec()), ("no-cache", three.clone()));
    for path in [format!("{base}/3"), format!("{base}?version=3"), format!("/r/r0{base}/3")] {
        assert_eq!(rest.get(&path).await.body, three, "{path}");
    }
    let again = rest.request(Method::GET, base).header("if-none-match", newest.header("etag"));
    let again = rest.send(again.body(Default::default()).expect("a request")).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    for name in ["4", "0", "01", "+1", "x", "4294967296"] {
        let missing = rest.get(&format!("{base}/{name}")).await;
        assert_eq!(missing.problem(), (404, "NOT_FOUND".to_owned()), "{name}");
        assert_eq!(missing.header("cache-control"), "no-store", "{name}");
    }
    assert_eq!(rest.get(&format!("{base}?other=1")).await.problem().0, 400);
    let list = root.rest().get(&format!("{base}/1")).await;
    assert_eq!(list.problem(), (404, "NOT_FOUND".to_owned()), "it publishes no versions");
}
