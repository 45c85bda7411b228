//! Keys of a site are lost and come back: by two officers together, to the database that they open, and to no other.

use std::{
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use charter_domain::{Timestamp, time::Clock as _};
use charter_server::{
    Config,
    escrow::{Backup, Compared, Restored, backup, officer, restore},
    rehome,
};
use charter_tests::{
    AUTHORITY, TestApp,
    database::Database,
    program::built,
    terminal::{self, Done},
};
use tempfile::TempDir;

const NAMES: [&str; 3] = ["anna", "otto", "tess"];

/// A server with a database, and officers with keys beside it.
struct Desk {
    dir: TempDir,
    app: TestApp,
    config: Config,
    now: Timestamp,
}

impl Desk {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let app = TestApp::build().registry(AUTHORITY).start().await;
        app.registry(AUTHORITY).registers("did:web:kept.example").authorized("issue", "Degree").await;
        let (config, now) = (app.app.config.clone(), app.clock.now());
        rehome::recipient(&config, &dir.path().join("site.jwk")).expect("a transport key");
        for name in NAMES {
            officer(&dir.path().join(name)).expect("a key");
        }
        Self { dir, app, config, now }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn public(&self, names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(|name| self.file(&format!("{name}.pub"))).collect()
    }

    fn private(&self, names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(|name| self.file(name)).collect()
    }

    /// Read back from its file.
    fn backup(&self) -> Backup {
        let (made, path) = (backup(&self.config, &self.public(&NAMES), self.now), self.file("backup"));
        made.expect("sealed").write(&path).expect("written");
        Backup::read(&path).expect("read")
    }

    /// The files of the site, as the configuration names them.
    fn files(&self) -> Vec<PathBuf> {
        let kek = PathBuf::from(&self.config.keys.kek_file);
        vec![kek.clone(), kek.with_extension("rehome"), PathBuf::from(&self.config.bootstrap.token_file)]
    }

    /// A fire; what was in them.
    fn loses(&self) -> Vec<String> {
        let lost = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).expect("there");
            std::fs::remove_file(path).expect("removed");
            text
        };
        self.files().iter().map(lost).collect()
    }

    async fn restores(&self, backup: &Backup, names: &[&str], replace: bool) -> anyhow::Result<Restored> {
        restore(&self.config, backup, (&self.private(names), replace), self.now).await
    }
}

fn why<T>(result: anyhow::Result<T>, part: &str) {
    let said = result.err().map(|e| format!("{e:#}")).unwrap_or_default();
    assert!(said.contains(part), "{part}: {said}");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("there").mode() & 0o7777
}

/// `charterd` with the words of a line; those behind `@` are files in a directory.
pub(crate) async fn charterd(dir: &Path, line: &str) -> Done {
    let file = |name: &str| dir.join(name).display().to_string();
    let word = |word: &str| word.strip_prefix('@').map_or_else(|| word.to_owned(), file);
    let words: Vec<String> = line.split(' ').map(word).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    terminal::run(terminal::command(&built("charterd"), dir, &words)).await
}

#[tokio::test]
async fn two_of_three_officers_bring_the_keys_of_a_site_back() {
    let desk = Desk::new().await;
    let backup = desk.backup();
    assert_eq!(mode(&desk.file("backup")), 0o600);
    assert_eq!(backup.body.officers.len(), 3);
    let text = std::fs::read_to_string(desk.file("backup")).expect("read");
    for path in desk.files() {
        let secret = std::fs::read_to_string(path).expect("read");
        assert!(!text.contains(secret.trim()), "no secret is in the file as it is");
    }
    let before = desk.loses();

    why(desk.restores(&backup, &NAMES[..1], false).await, "2 officers, and not of 1");
    why(desk.restores(&backup, &["anna", "anna"], false).await, "the same officer");
    officer(&desk.file("stranger")).expect("a key");
    why(desk.restores(&backup, &["anna", "stranger"], false).await, "not for the officer");
    why(
        restore(&desk.config, &backup, (&desk.public(&NAMES[..2]), false), desk.now).await,
        "the key of an officer",
    );
    assert!(desk.files().iter().all(|path| !path.exists()), "nothing was written");

    let done = desk.restores(&backup, &["tess", "anna"], false).await.expect("restored");
    assert_eq!(done.written.len(), 3);
    let Compared::Opens { keys, in_token: 0 } = done.compared else { panic!("{done:?}") };
    assert!(keys >= 3, "of the registry, its log and its witness: {keys}");
    for (path, text) in desk.files().iter().zip(before) {
        let now = std::fs::read_to_string(path).expect("read");
        assert_eq!(now.trim_end(), text.trim_end(), "{}", path.display());
        assert_eq!(mode(path), 0o600);
    }
    let again = desk.restores(&backup, &["otto", "tess"], false).await.expect("again");
    assert_eq!(again, Restored { written: Vec::new(), compared: done.compared });
}

#[tokio::test]
async fn another_secret_in_its_place_is_kept_beside_it() {
    let desk = Desk::new().await;
    let backup = desk.backup();
    let kek = desk.files().remove(0);
    let before = std::fs::read(&kek).expect("read");
    std::fs::remove_file(&kek).expect("removed");
    // What a server does that is started too early.
    charter_signing::Kek::load_or_create(&kek).expect("another key");
    let wrong = std::fs::read(&kek).expect("read");
    why(desk.restores(&backup, &["anna", "otto"], false).await, "--replace");
    assert_eq!(std::fs::read(&kek).expect("read"), wrong);
    let done = desk.restores(&backup, &["anna", "otto"], true).await.expect("restored");
    assert_eq!(done.written, std::slice::from_ref(&kek));
    assert_eq!(std::fs::read(&kek).expect("read"), before);
    let kept = PathBuf::from(format!("{}.replaced-{}", kek.display(), desk.now.secs()));
    assert_eq!(std::fs::read(&kept).expect("kept"), wrong);

    std::fs::set_permissions(&kek, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    why(desk.restores(&backup, &["anna", "otto"], true).await, "cannot be compared");
}

#[tokio::test]
async fn a_key_is_restored_to_the_database_that_it_opens() {
    let (desk, other) = (Desk::new().await, Desk::new().await);
    let backup = desk.backup();
    let lost = desk.loses();

    let mut strange = desk.config.clone();
    strange.database = other.config.database.clone();
    let officers = desk.private(&["anna", "otto"]);
    why(restore(&strange, &backup, (&officers, false), desk.now).await, "does not open the keys");
    assert!(desk.files().iter().all(|path| !path.exists()), "nothing was written");

    let mut gone = Database::create().await;
    "test_0_none".clone_into(&mut gone.name);
    let mut unreachable = desk.config.clone();
    unreachable.database.url = gone.url("charter_runtime");
    let done = restore(&unreachable, &backup, (&officers, false), desk.now).await.expect("restored");
    assert_eq!((done.compared, done.written.len()), (Compared::Unreachable, lost.len()));
    assert!(done.to_string().contains("compare the fingerprint"));
}

#[tokio::test]
async fn what_is_sealed_is_there_and_for_officers() {
    let desk = Desk::new().await;
    let sealed = |names: &[&str]| backup(&desk.config, &desk.public(names), desk.now);
    why(sealed(&["anna"]), "2 to 8 officers");
    why(sealed(&["anna", "otto", "anna"]), "named twice");
    why(backup(&desk.config, &desk.private(&["anna", "otto"]), desk.now), "unknown field `d`");
    why(officer(&desk.file("anna")), "is not overwritten");
    let made = sealed(&NAMES).expect("sealed");
    made.write(&desk.file("one")).expect("written");
    why(made.write(&desk.file("one")), "is not overwritten");
    desk.loses();
    why(sealed(&NAMES), "there is nothing to keep");
    assert!(!Path::new(&desk.config.keys.kek_file).exists(), "none was made");
    assert_eq!(desk.app.rest().get("/livez").await.status, 200, "a server that runs goes on");
}

/// As they are typed, in their order.
#[tokio::test]
async fn the_commands_make_keys_back_up_check_and_restore() {
    let dir = tempfile::tempdir().expect("a directory");
    let app = TestApp::build().registry(AUTHORITY).at(dir.path()).start().await;
    let toml = TestApp::build().registry(AUTHORITY).toml(&app.database, dir.path(), app.address);
    std::fs::write(dir.path().join("site.toml"), toml).expect("written");
    let run = async |line: &str| charterd(dir.path(), line).await;
    for name in ["a", "b"] {
        let made = run(&format!("keys officer --to @{name}")).await;
        assert!(made.code == 0 && made.out.trim().len() == 43, "{made:?}");
    }
    let backup = run("keys backup --config @site.toml --to @backup --officer @a.pub --officer @b.pub").await;
    assert!(backup.code == 0 && backup.out.contains("any two of these 2"), "{backup:?}");
    let check = run("keys check --from @backup").await;
    assert_eq!((check.code, &check.out), (0, &backup.out));
    std::fs::remove_file(dir.path().join("kek")).expect("removed");
    let restored = run("keys restore --config @site.toml --from @backup --officer @a --officer @b").await;
    assert!(restored.code == 0 && restored.out.contains("it opens the"), "{restored:?}");
    assert!(dir.path().join("kek").exists());
    let alone = run("keys restore --config @site.toml --from @backup --officer @a").await;
    assert!(alone.code == 1 && alone.err.contains("of 2 officers"), "{alone:?}");
    std::fs::write(dir.path().join("backup"), "{}").expect("written");
    let bad = run("keys check --from @backup").await;
    assert!(bad.code == 1 && bad.err.contains("`charter-keys/1`"), "{bad:?}");
}
