//! docs/CEREMONY.md: its lines as they stand, in their order, in one shell.

use std::path::Path;

use charter_tests::{
    program::{built, root},
    terminal::{self, Terminal},
};

use crate::walkthrough::{script, steps};

#[tokio::test]
async fn the_lines_of_the_document_make_a_set_that_is_followed() {
    let terminal = Terminal::default();
    let home = terminal.home();
    let programs = built("charter").parent().expect("a directory").display().to_string();
    let document = std::fs::read_to_string(root().join("docs/CEREMONY.md")).expect("the document");
    let steps = steps(&document.replace("$PWD/target/release", &programs));
    assert!(steps.len() > 15, "{}", steps.len());
    std::fs::copy(root().join("schemas/examples/trust-anchors.json"), home.join("root.json"))
        .expect("copied");
    std::fs::write(home.join("lines.sh"), script(&steps)).expect("written");
    let mut bash = terminal::command(Path::new("bash"), home, &["lines.sh"]);
    bash.current_dir(home);
    let done = terminal::run(bash).await;
    assert_eq!(done.code, 0, "{done:?}");
    let mut rest = done.out.as_str();
    for (n, step) in steps.iter().enumerate() {
        let (_, printed) = rest.split_once(&format!("@{n}\n")).expect("the step began");
        let said = printed.split(&format!("@{}\n", n + 1)).next().unwrap_or_default();
        let found = step.prints.as_ref().is_none_or(|word| said.contains(word));
        assert!(found, "`{}` printed\n{said}", step.line);
        rest = printed;
    }
    assert!(home.join("published/2.minutes.md").is_file());
}
