//! Documents that must agree with the code: the error and reason tables, the schemas' examples, the commands they name.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use charter_domain::Reason;
use charter_server::error::Code;
use charter_tests::program::{built, root};
use serde_json::Value;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

/// The cells of table rows that begin with a code.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cell = |c: &str| c.trim().trim_matches('`').to_owned();
    let lines = text.lines().filter(|l| l.starts_with('|'));
    lines.map(|l| l.trim_matches('|').split('|').map(cell).collect()).collect()
}

#[test]
fn the_error_table_is_the_codes() {
    let rows = rows(&read("docs/API.md"));
    for code in Code::ALL {
        let grpc = format!("{:?}", code.grpc());
        let grpc: String = grpc.chars().fold(String::new(), |mut snake, c| {
            if c.is_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.extend(c.to_uppercase());
            snake
        });
        let wanted = [code.as_str().to_owned(), grpc, code.http().to_string()];
        assert!(rows.iter().any(|r| r.len() > 3 && r[..3] == wanted), "docs/API.md lacks the row {wanted:?}");
    }
}

#[test]
fn the_reason_table_is_the_catalogue() {
    let rows = rows(&read("docs/API.md"));
    for reason in Reason::ALL {
        assert!(rows.iter().any(|r| r[0] == reason.code()), "docs/API.md lacks the reason {reason}");
    }
}

#[test]
fn every_schema_accepts_its_example_and_refuses_an_empty_object() {
    let dir = root().join("schemas");
    let mut checked = 0;
    for entry in std::fs::read_dir(&dir).expect("schemas").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".schema.json") else { continue };
        let schema: Value = serde_json::from_str(&read(&format!("schemas/{name}"))).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect(&name);
        let examples = std::fs::read_dir(dir.join("examples")).expect("examples").flatten();
        let mine = examples.filter(|e| e.file_name().to_string_lossy().starts_with(&format!("{stem}.")));
        for example in mine {
            let text = std::fs::read_to_string(example.path()).expect("readable");
            let value: Value = serde_json::from_str(&text).expect("JSON");
            let faults: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(faults.is_empty(), "{name}: {faults:?}");
            checked += 1;
        }
        assert!(!validator.is_valid(&serde_json::json!({})), "{name} accepts anything");
    }
    assert!(checked >= 9, "only {checked} examples were found");
}

/// The commands between single backticks of a page: ours, up to where a person fills something in or pipes on.
fn commands(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let ours = spans.filter(|span| span.starts_with("charter ") || span.starts_with("charterd "));
    ours.map(|span| {
        let words = span.split(['|', '[', '…', '>']).next().unwrap_or_default().split_whitespace();
        words.take_while(|word| *word != "..." && !word.starts_with('<')).collect()
    })
}

/// What a person writes in place of such a word.
fn filled(word: &str) -> String {
    match word {
        "DID" => "did:web:registry.example".to_owned(),
        "SEQ" => "1".to_owned(),
        "SHELL" => "bash".to_owned(),
        "THUMBPRINT" => "A".repeat(43),
        "OLD" | "NEW" => "0".repeat(64),
        word => word.to_owned(),
    }
}

fn pages(dir: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(dir).expect("a folder").flatten().map(|entry| entry.path());
    let (folders, files): (Vec<_>, Vec<_>) = found.partition(|path| path.is_dir());
    let texts = files.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "md"));
    texts.chain(folders.iter().flat_map(|folder| pages(folder))).collect()
}

#[test]
fn what_pages_say_to_run_the_programs_know() {
    let mut all: Vec<PathBuf> = pages(&root().join("docs"));
    all.push(root().join("README.md"));
    let (mut faults, mut asked) = (Vec::new(), BTreeSet::new());
    for page in all {
        let text = std::fs::read_to_string(&page).expect("a page");
        for words in commands(&text) {
            let said = words.join(" ");
            if !asked.insert(said.clone()) {
                continue;
            }
            let (program, arguments) = words.split_first().expect("a program");
            let arguments = arguments.iter().map(|word| filled(word));
            let output =
                Command::new(built(program)).args(arguments).arg("--help").output().expect("it runs");
            let said_of_it = String::from_utf8_lossy(&output.stderr).into_owned();
            // An option alone is named without its value.
            if !output.status.success() && !said_of_it.contains("a value is required for") {
                let why = said_of_it.lines().next().unwrap_or_default();
                faults.push(format!("{}: `{said}`: {why}", page.display()));
            }
        }
    }
    assert!(asked.len() > 60, "{} commands", asked.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
