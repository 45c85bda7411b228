//! Documents that must agree with the code: the error and reason tables, the schemas' examples.

use charter_domain::Reason;
use charter_server::error::Code;
use charter_tests::program::root;
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
