//! Standard output carries data only; standard error carries everything else. Text of others is shown with its
//! control characters escaped: a name in a register must not steer a terminal.

use std::{
    io::{ErrorKind, Write as _},
    sync::OnceLock,
};

use charter_domain::Timestamp;
use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::json;

use crate::{
    args::{ListFormat, Style},
    exit::{Exit, Failure},
};

static STYLE: OnceLock<Style> = OnceLock::new();

/// How this process prints; said once, before anything is printed.
pub fn present(style: Style) {
    let _ = STYLE.set(style);
}

fn style() -> &'static Style {
    STYLE.get_or_init(Style::default)
}

/// Writes bytes as they are. `false` when the reader has left (a closed pipe): no fault, but nothing more to do.
pub fn bytes(data: &[u8]) -> Result<bool, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(data).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(Exit::Unexpected, format!("cannot write: {error}"))),
    }
}

/// Writes text and ends its last line.
pub fn text(data: &str) -> Result<bool, Failure> {
    bytes(format!("{}\n", data.trim_end()).as_bytes())
}

/// Writes a value as indented JSON.
pub fn json<T: Serialize>(value: &T) -> Result<bool, Failure> {
    text(&serde_json::to_string_pretty(value).map_err(|e| unserialisable(&e))?)
}

/// Writes a value as one line of JSON.
pub fn json_line<T: Serialize>(value: &T) -> Result<bool, Failure> {
    text(&serde_json::to_string(value).map_err(|e| unserialisable(&e))?)
}

fn unserialisable(error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Unexpected, format!("cannot write JSON: {error}"))
}

/// Writes what was listed under its name; with the token of the next page where the API gives one.
pub fn list<T: Serialize>(
    format: ListFormat,
    (name, next_page_token): (&str, Option<&str>),
    views: &[T],
    headings: &[&str],
    row: impl Fn(&T) -> Vec<String>,
) -> Result<(), Failure> {
    match format {
        ListFormat::Json => {
            json(&match next_page_token {
                Some(token) => json!({ name: views, "next_page_token": token }),
                None => json!({ name: views }),
            })?;
        }
        ListFormat::Table => {
            let chosen = Columns::choose(headings)?;
            let rows = views.iter().map(|view| chosen.of(&row(view)));
            text(&table_of(chosen.headings(headings), rows))?;
        }
        ListFormat::Csv => {
            bytes(&csv(headings, views.iter().map(row))?)?;
        }
        ListFormat::Ndjson => {
            for view in views {
                if !json_line(view)? {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Writes one thing: `text` for people, its row of a list as CSV.
pub fn one<T: Serialize>(
    format: ListFormat,
    view: &T,
    (headings, row): (&[&str], Vec<String>),
    text_of: impl FnOnce() -> String,
) -> Result<(), Failure> {
    match format {
        ListFormat::Table => {
            text(&text_of())?;
        }
        ListFormat::Json => {
            json(view)?;
        }
        ListFormat::Ndjson => {
            json_line(view)?;
        }
        ListFormat::Csv => {
            bytes(&csv(headings, [row])?)?;
        }
    }
    Ok(())
}

/// Which columns are printed, by their places.
struct Columns(Vec<usize>);

impl Columns {
    fn choose(headings: &[&str]) -> Result<Self, Failure> {
        let wanted = &style().columns;
        if wanted.is_empty() {
            return Ok(Self((0..headings.len()).collect()));
        }
        let plain = |name: &str| name.trim().replace([' ', '-'], "_").to_ascii_lowercase();
        let place = |name: &String| {
            headings.iter().position(|heading| plain(heading) == plain(name)).ok_or_else(|| {
                let names: Vec<_> = headings.iter().map(|heading| plain(heading)).collect();
                Failure::usage(format!("there is no column `{name}`"))
                    .hint(format!("choose from {}", names.join(", ")))
            })
        };
        wanted.iter().map(place).collect::<Result<_, _>>().map(Self)
    }

    fn of(&self, row: &[String]) -> Vec<String> {
        self.0.iter().map(|place| row.get(*place).cloned().unwrap_or_default()).collect()
    }

    /// None where no headings are wanted.
    fn headings(&self, headings: &[&str]) -> Option<Vec<String>> {
        let headings: Vec<_> = headings.iter().map(|heading| (*heading).to_owned()).collect();
        (!style().no_headers).then(|| self.of(&headings))
    }
}

/// RFC 4180, with what a spreadsheet would take for a formula made text.
fn csv(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<Vec<u8>, Failure> {
    let failed = |what: String| Failure::new(Exit::Unexpected, format!("cannot write CSV: {what}"));
    let chosen = Columns::choose(headings)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in chosen.headings(headings).into_iter().chain(rows.into_iter().map(|row| chosen.of(&row))) {
        writer.write_record(record.iter().map(|cell| harmless(cell))).map_err(|e| failed(e.to_string()))?;
    }
    writer.into_inner().map_err(|e| failed(e.to_string()))
}

/// A cell that begins like a formula is led by an apostrophe, which makes it text.
fn harmless(cell: &str) -> String {
    let cell = clean(cell);
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

/// A remark for the person at the terminal, unless they want none.
pub fn note(line: &str) {
    if !style().quiet {
        say(line);
    }
}

/// A line that the person at the terminal needs: a fault, or what to do. One that cannot be written is lost.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", clean(line));
}

/// Lines for the person at the terminal, of a table that is clean already.
pub fn show(table: &str) {
    table.lines().for_each(say);
}

pub fn report(failure: &Failure) {
    say(&format!("charter: {}", failure.message));
    if let Some(hint) = &failure.hint {
        say(&format!("hint: {hint}"));
    }
}

/// The text with control characters escaped, and those that turn the direction of writing.
pub fn clean(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Rows under headings.
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table_of(Some(headings.iter().map(|heading| (*heading).to_owned()).collect()), rows)
}

fn table_of(headings: Option<Vec<String>>, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    if let Some(headings) = headings {
        table.set_header(headings);
    }
    fill(table, rows)
}

/// Names and values, one pair a line; empty values are left out.
pub fn fields<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let given = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    fill(table, given.map(|(name, value)| vec![name.to_owned(), value]))
}

fn fill(mut table: Table, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    for row in rows {
        table.add_row(row.iter().map(|cell| clean(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// An instant as received, in RFC 3339.
pub fn time(at: Option<prost_types::Timestamp>) -> Option<String> {
    at.map(|t| {
        let at = Timestamp::from_micros(
            t.seconds.saturating_mul(1_000_000).saturating_add(i64::from(t.nanos) / 1_000),
        );
        at.to_string()
    })
}

pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.micros().rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    prost_types::Timestamp { seconds: at.secs(), nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(clean("Åbo\u{1b}[2J\n\u{202e}x"), "Åbo\\u{1b}[2J\\n\\u{202e}x");
        assert!(fields([("name", "a\u{7}".to_owned())]).contains("\\u{7}"));
    }

    #[test]
    fn a_spreadsheet_finds_no_formula_in_csv() {
        let row = ["=HYPERLINK(1)", "+1", "-1", "@x", "a,\"b\"", "Åbo"].map(str::to_owned).to_vec();
        let written = csv(&["A", "B", "C", "D", "E", "F"], [row]).expect("CSV");
        let expected = "A,B,C,D,E,F\n'=HYPERLINK(1),'+1,'-1,'@x,\"a,\"\"b\"\"\",Åbo\n";
        assert_eq!(String::from_utf8(written).expect("UTF-8"), expected);
    }

    #[test]
    fn instants_convert_both_ways() {
        let at = Timestamp::parse("1969-12-31T23:59:59.25Z").expect("valid");
        assert_eq!(time(Some(timestamp(at))), Some(at.to_string()));
        assert_eq!(time(None), None);
    }
}
