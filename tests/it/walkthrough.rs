//! docs/WALKTHROUGH.md: its lines as they stand, in their order, in one shell.

use std::{fmt::Write as _, path::Path, process::Stdio, sync::Arc};

use charter_server::clock::WallClock;
use charter_tests::{
    database::Database,
    issuer::Issuer,
    program::{built, free_address, root},
    terminal::{self, Click, Terminal},
};
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// A line of the document, and what its comment says of it.
pub struct Step {
    pub line: String,
    pub prints: Option<String>,
    exit: i32,
}

impl Step {
    fn parse(line: String) -> Self {
        let comment = line.rsplit_once(" # ").map_or("", |(_, comment)| comment.trim());
        let (prints, exit) = match comment.rsplit_once("exit ") {
            Some((prints, code)) => (prints, code.parse().expect("a number after `exit`")),
            None => (comment, 0),
        };
        let prints = prints.trim_end_matches([',', ' ']).to_owned();
        // More than a word is a remark.
        let prints = Some(prints).filter(|word| !word.is_empty() && !word.contains(' '));
        Self { line, prints, exit }
    }

    /// What its person clicks on the page for signing in.
    fn click(&self) -> Click<'_> {
        let person = self.line.split("--profile ").nth(1).and_then(|rest| rest.split(' ').next());
        let person = person.expect("somebody signs in");
        if self.line.contains("--step-up") { Click::StepUp(person) } else { Click::SignIn(person) }
    }
}

/// What is between the fences of a language.
pub fn blocks<'a>(document: &'a str, language: &'a str) -> impl Iterator<Item = &'a str> {
    let fence = document.split("\n```").skip(1).step_by(2);
    fence.filter_map(move |block| block.strip_prefix(language)?.strip_prefix('\n'))
}

/// A line that ends in a backslash goes on in the next.
pub fn steps(document: &str) -> Vec<Step> {
    let text = blocks(document, "sh").collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| Step::parse(line.to_owned())).collect()
}

/// Says which step begins, and ends at the first that exits otherwise than said.
pub fn script(steps: &[Step]) -> String {
    let mut script = "exec 2>&1\ntrap 'kill $(jobs -p); wait' EXIT\n".to_owned();
    for (n, Step { line, exit, .. }) in steps.iter().enumerate() {
        let check = format!("code=$?; [ $code = {exit} ] || {{ echo \"it exited $code\"; exit 1; }}");
        let _ = writeln!(script, "echo '@{n}'\n{line}\n{check}");
    }
    script
}

/// The document, but for where this test's database, provider, programs and port are.
fn adapted(database: &Database, issuer: &Issuer) -> String {
    let document = std::fs::read_to_string(root().join("docs/WALKTHROUGH.md")).expect("the document");
    let programs = built("charter").parent().expect("a directory").display().to_string();
    let of = |role: &str| format!("host=/var/run/postgresql dbname=charter user={role}");
    [
        (of("charter_runtime"), database.url("charter_runtime")),
        (of("charter_owner"), database.url("charter_owner")),
        ("http://127.0.0.1:8080/realms/trust".to_owned(), issuer.url()),
        ("$PWD/target/release".to_owned(), programs),
        ("127.0.0.1:7100".to_owned(), free_address().to_string()),
    ]
    .iter()
    .fold(document, |document, (written, here)| {
        assert!(document.contains(written), "`{written}` is not in the document");
        document.replace(written, here)
    })
}

/// Runs them, clicks where somebody signs in, and gives what each printed.
async fn run(home: &Path, issuer: &Issuer, steps: &[Step]) -> (bool, Vec<String>) {
    std::fs::write(home.join("lines.sh"), script(steps)).expect("written");
    let mut bash = terminal::command(Path::new("bash"), home, &["lines.sh"]);
    let mut bash = bash.current_dir(home).stdout(Stdio::piped()).spawn().expect("bash runs");
    let mut lines = BufReader::new(bash.stdout.take().expect("piped")).lines();
    let mut printed = vec![];
    while let Some(line) = lines.next_line().await.expect("readable") {
        if line == format!("@{}", printed.len()) {
            printed.push(String::new());
            continue;
        }
        if let Some(page) = line.strip_prefix("open ") {
            terminal::clicks(issuer, page, steps[printed.len() - 1].click()).await;
        }
        let _ = writeln!(printed.last_mut().expect("a step"), "{line}");
    }
    (bash.wait().await.expect("it ends").success(), printed)
}

#[tokio::test]
async fn the_lines_of_the_document_do_what_it_says() {
    let issuer = Issuer::start(&Arc::new(WallClock));
    let document = adapted(&Database::create().await, &issuer);
    let terminal = Terminal::default();
    let toml = blocks(&document, "toml").next().expect("a configuration");
    std::fs::write(terminal.home().join("charterd.toml"), toml).expect("written");
    let steps = steps(&document);
    assert!(steps.len() > 50, "{}", steps.len());
    let (good, printed) = run(terminal.home(), &issuer, &steps).await;
    for (Step { line, prints, .. }, text) in steps.iter().zip(&printed) {
        let found = prints.as_ref().is_none_or(|word| text.contains(word));
        assert!(found, "`{line}` printed\n{text}");
    }
    let last = printed.len() - 1;
    let log = std::fs::read_to_string(terminal.home().join("charterd.log")).unwrap_or_default();
    assert!(good && printed.len() == steps.len(), "`{}` printed\n{}\n{log}", steps[last].line, printed[last]);
}
