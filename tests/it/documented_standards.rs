//! docs/standards: every line of its `sh` fences does what it says, against the demonstration.

use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};

use charter_tests::program::{built, root};
use tokio::process::Command;

use crate::{demo, walkthrough::blocks};

/// Where this test's demonstration is; the pages say 7100, and 7 stands for the first digits of this.
const BASE: u16 = 28_100;
const PREFIX: &str = "28";
const PATIENCE: Duration = Duration::from_secs(60);

/// The pages, by file name.
fn pages() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(root().join("docs/standards")).expect("docs/standards").flatten();
    let page = |file: std::fs::DirEntry| {
        let name = file.file_name().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(file.path()).expect("a page"))
    };
    files.map(page).filter(|(name, _)| name.ends_with(".md")).collect()
}

/// What a line is to come to: the status of an HTTP answer for `curl`, the exit code for `charter`.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    line: String,
    /// As its comment says: `# 404`, `# exit 3`; a remark may follow.
    expected: Option<u16>,
}

impl Step {
    fn parse(line: &str) -> Self {
        let (line, comment) = line.rsplit_once(" # ").unwrap_or((line, ""));
        let comment = comment.trim().strip_prefix("exit ").unwrap_or(comment.trim());
        let digits: String = comment.chars().take_while(char::is_ascii_digit).collect();
        Self { line: line.trim().to_owned(), expected: digits.parse().ok() }
    }

    fn is_curl(&self) -> bool {
        self.line.starts_with("curl ")
    }
}

/// A line that ends in a backslash goes on in the next; a comment alone is none.
fn steps(page: &str) -> Vec<Step> {
    let text = blocks(page, "sh").collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(Step::parse).collect()
}

/// The line, but for where this run's demonstration and programs are.
fn adapted(line: &str, dir: &Path) -> String {
    line.replace("target/release/charter", &built("charter").display().to_string())
        .replace(".run/demo", &dir.display().to_string())
        .replace("127.0.0.1:7", &format!("127.0.0.1:{PREFIX}"))
        .replace("127.0.0.1%3A7", &format!("127.0.0.1%3A{PREFIX}"))
}

/// Runs a line; what is wrong with what it came to.
async fn fault(step: &Step, dir: &Path) -> Option<String> {
    let line = adapted(&step.line, dir);
    let line = if step.is_curl() { format!("{line} -w '\\n%{{http_code}}'") } else { line };
    let mut bash = Command::new("bash");
    bash.args(["-c", &line]).current_dir(dir).stdin(Stdio::null()).kill_on_drop(true);
    let Ok(output) = tokio::time::timeout(PATIENCE, bash.output()).await else {
        return Some(format!("`{line}` does not end"));
    };
    let output = output.expect("bash runs");
    let (text, code) = (String::from_utf8_lossy(&output.stdout), output.status.code());
    let said = format!("`{line}`\n{text}{}", String::from_utf8_lossy(&output.stderr));
    if !step.is_curl() {
        return (code != Some(i32::from(step.expected.unwrap_or(0))))
            .then(|| format!("exit {code:?} {said}"));
    }
    let status: u16 = text.lines().last().and_then(|line| line.parse().ok()).unwrap_or(0);
    let right = step.expected.map_or((200..400).contains(&status), |expected| status == expected);
    (code != Some(0) || !right).then(|| format!("exit {code:?}, status {status} {said}"))
}

#[tokio::test]
async fn every_line_of_the_pages_does_what_it_says() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_child, _lines) = demo::started(dir.path(), BASE).await;
    let mut faults = Vec::new();
    for (name, page) in pages() {
        for step in steps(&page) {
            if let Some(fault) = fault(&step, dir.path()).await {
                faults.push(format!("{name}: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn every_page_is_in_the_index_and_has_lines_that_can_be_run() {
    let pages = pages();
    let index = pages.get("README.md").expect("docs/standards/README.md");
    for (name, page) in pages.iter().filter(|(name, _)| *name != "README.md") {
        assert!(index.contains(&format!("]({name})")), "docs/standards/README.md does not name {name}");
        let steps = steps(page);
        assert!(!steps.is_empty(), "{name} has no line to run");
        for step in steps {
            let ours = step.line.starts_with("target/release/charter ");
            let demo = step.line.contains("127.0.0.1:7") || ours;
            assert!((step.is_curl() || ours) && demo, "{name}: `{}` is not for the demonstration", step.line);
        }
    }
}

/// What stands between two marks, each time.
fn between<'a>(text: &'a str, begins: &'a str, ends: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(begins).skip(1).filter_map(move |rest| rest.split_once(ends).map(|(found, _)| found))
}

#[test]
fn links_of_the_pages_lead_to_files() {
    let dir = root().join("docs/standards");
    for (name, page) in pages() {
        let links = between(&page, "](", ")").filter(|link| !link.contains("://"));
        for link in
            links.map(|link| link.split('#').next().unwrap_or_default()).filter(|link| !link.is_empty())
        {
            assert!(dir.join(link).is_file(), "{name} leads to {link}");
        }
    }
}

#[test]
fn the_tests_that_the_table_of_standards_names_are_there() {
    let table = std::fs::read_to_string(root().join("docs/STANDARDS.md")).expect("docs/STANDARDS.md");
    let places = [("it/", "tests/it/"), ("proof/", "crates/proof/src/"), ("signing/", "crates/signing/src/")];
    let mut named = 0;
    for line in table.lines().filter(|line| line.starts_with('|')) {
        let words = line.split('`').skip(1).step_by(2);
        for (file, test) in
            words.filter_map(|word| word.split_once("::")).filter(|(file, _)| file.ends_with(".rs"))
        {
            let moved =
                places.iter().find_map(|(short, long)| Some(format!("{long}{}", file.strip_prefix(short)?)));
            let path = moved.unwrap_or_else(|| file.to_owned());
            let text = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
            assert!(text.contains(&format!("fn {test}(")), "{path} has no test {test}");
            named += 1;
        }
    }
    assert!(named > 50, "only {named} tests are named");
}

#[test]
fn a_line_says_what_it_comes_to() {
    let page = "text\n```sh\n# a remark\ncurl -s http://127.0.0.1:7100/a # 404: nobody\ncurl -s \\\n  http://127.0.0.1:7100/b\n\
        target/release/charter check a # exit 3\n```\n```json\n{}\n```\n";
    let said: Vec<_> = steps(page).into_iter().map(|step| (step.line, step.expected)).collect();
    let line = |text: &str| text.to_owned();
    assert_eq!(
        said,
        [
            (line("curl -s http://127.0.0.1:7100/a"), Some(404)),
            (line("curl -s    http://127.0.0.1:7100/b"), None),
            (line("target/release/charter check a"), Some(3)),
        ]
    );
}
