//! The house: which crate may know which, and how files begin and end. A new edge is a visible change here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Crate and the crates of ours that it may depend on.
const EDGES: [(&str, &[&str]); 13] = [
    ("charter-proto", &[]),
    ("charter-domain", &[]),
    ("charter-signing", &["charter-domain"]),
    ("charter-tlog", &[]),
    ("charter-proof", &["charter-domain", "charter-signing", "charter-tlog"]),
    ("charter-cache", &["charter-domain"]),
    ("charter-store", &["charter-domain"]),
    (
        "charter-federation",
        &["charter-cache", "charter-domain", "charter-proof", "charter-proto", "charter-signing"],
    ),
    ("charter-cli", &["charter-domain", "charter-proof", "charter-proto", "charter-signing", "charter-tlog"]),
    ("charter-issuer", &["charter-domain", "charter-signing"]),
    ("charter-credential", &["charter-domain"]),
    (
        "charter-server",
        &[
            "charter-cache",
            "charter-cli",
            "charter-credential",
            "charter-domain",
            "charter-federation",
            "charter-issuer",
            "charter-proof",
            "charter-proto",
            "charter-signing",
            "charter-store",
            "charter-tlog",
        ],
    ),
    (
        "charter-tests",
        &[
            "charter-cache",
            "charter-cli",
            "charter-domain",
            "charter-federation",
            "charter-issuer",
            "charter-proof",
            "charter-proto",
            "charter-server",
            "charter-signing",
            "charter-store",
            "charter-tlog",
        ],
    ),
];

/// Heavy dependencies and the crates that may name them.
const HOMES: [(&str, &[&str]); 10] = [
    // A provider that asks for no password: for the demonstration and the tests.
    ("charter-issuer", &["charter-server", "charter-tests"]),
    ("oauth2", &["charter-cli"]),
    ("ssi", &["charter-credential"]),
    ("diesel", &["charter-store"]),
    ("diesel_migrations", &["charter-store"]),
    ("deadpool-diesel", &["charter-store"]),
    ("tokio-postgres", &["charter-store", "charter-tests"]),
    ("redis", &["charter-cache", "charter-tests"]),
    ("josekit", &["charter-signing"]),
    ("cryptoki", &["charter-signing"]),
];

/// Crates that do no IO.
const PURE: [&str; 3] = ["charter-domain", "charter-proof", "charter-tlog"];
const LONGEST: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let of = |package: &Value| {
        let all = package["dependencies"].as_array().into_iter().flatten();
        let normal = all.filter(|d| d["kind"].is_null());
        (text(&package["name"]), normal.map(|d| text(&d["name"])).collect())
    };
    packages.map(of).collect()
}

#[test]
fn crates_know_only_the_crates_that_they_may() {
    let found = dependencies();
    let names: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, EDGES.iter().map(|(name, _)| *name).collect(), "a crate has no row in the table");
    for (name, allowed) in EDGES {
        let ours = found[name].iter().filter(|d| d.starts_with("charter-"));
        let strange: Vec<_> = ours.filter(|d| !allowed.contains(&d.as_str())).collect();
        assert!(strange.is_empty(), "{name} may not depend on {strange:?}");
    }
}

#[test]
fn heavy_dependencies_have_one_home() {
    let found = dependencies();
    for (dependency, homes) in HOMES {
        let users = found.iter().filter(|(_, d)| d.contains(dependency)).map(|(name, _)| name.as_str());
        let strange: Vec<_> = users.filter(|u| !homes.contains(u)).collect();
        assert!(strange.is_empty(), "{dependency} is used by {strange:?}");
    }
    for name in PURE {
        let io = found[name].iter().filter(|d| ["tokio", "tonic", "hyper", "axum"].contains(&d.as_str()));
        assert_eq!(io.count(), 0, "{name} does no IO");
    }
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if !["target", "node_modules"].contains(&name.to_string_lossy().as_ref())
                && !name.to_string_lossy().starts_with('.')
            {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_source_file_says_what_it_is_for_and_is_short() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    assert!(files.len() > 100, "the sources were found");
    let mut faults = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("text");
        let lines = text.lines().count();
        if !text.starts_with("//!") {
            faults.push(format!("{} does not open with //!", path.display()));
        }
        if lines > LONGEST {
            faults.push(format!("{} has {lines} lines", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_database_driver_and_generated_types_stop_at_their_edge() {
    let mut faults = Vec::new();
    for (dir, words) in [
        ("server/src/app", &["charter_proto", "axum::", "tonic::"][..]),
        ("crates/domain/src", &["SystemTime::now", "tokio::", "charter_proto"][..]),
        ("crates/proof/src", &["SystemTime::now", "tokio::", "std::fs"][..]),
        ("crates/tlog/src", &["SystemTime::now", "tokio::", "std::fs", "rand::"][..]),
    ] {
        let mut files = Vec::new();
        sources(&root().join(dir), &mut files);
        for path in files {
            let text = fs::read_to_string(&path).expect("text");
            for word in words.iter().filter(|w| text.contains(**w)) {
                faults.push(format!("{} names {word}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What asks for no password is started by the demonstration alone.
#[test]
fn serving_has_no_way_to_the_demonstrations_provider() {
    let (dir, mut files) = (root().join("server/src"), Vec::new());
    sources(&dir, &mut files);
    let mut faults = Vec::new();
    for path in files.iter().filter(|path| !path.starts_with(dir.join("demo"))) {
        let text = fs::read_to_string(path).expect("text");
        let ends = |text: &str, at: usize| !text[at..].starts_with(char::is_alphanumeric);
        let starts = |name: &str| path.ends_with(name);
        // `main` runs the demonstration's command; `demo.rs` is its front.
        let words: &[&str] = match () {
            () if starts("src/demo.rs") => &[],
            () if starts("src/main.rs") => &["charter_issuer", "Office::", "office::"],
            () => &["charter_issuer", "demo::", "Office::"],
        };
        // Whole words: an officer is no office.
        let named = |word: &str| {
            word.ends_with("::") && text.contains(word)
                || text.match_indices(word).any(|(at, _)| ends(&text, at + word.len()))
        };
        for word in words.iter().filter(|word| named(word)) {
            faults.push(format!("{} names {word}", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let main = fs::read_to_string(dir.join("main.rs")).expect("text");
    assert_eq!(main.matches("demo::run").count(), 1, "one command starts it");
}
