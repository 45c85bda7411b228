//! Reading files of records. A fault of one row is that row's; a fault of the file (a column that nobody knows)
//! refuses the file before anything is sent.

mod csv;
mod duplicates;
mod failures;
mod json;
mod wire;

use charter_domain::{
    Invalid,
    record::{RawRecord, Record},
};

pub use self::{
    failures::write_failures,
    wire::{peer_to_wire, to_wire},
};

/// A file that cannot be read as records at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub message: String,
    pub hint: Option<String>,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Unreadable {}

/// What is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `INVALID` or `DUPLICATE_ENTITY`, as the server says it.
    pub code: String,
    pub field: String,
    pub message: String,
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        Self { code: "INVALID".to_owned(), field: invalid.field, message: invalid.reason }
    }
}

/// A row with its line in the file (the first is 1) and its source, for the failures file.
#[derive(Debug, Clone)]
pub struct Row {
    pub line: u32,
    pub record: Result<RawRecord, Fault>,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Csv(::csv::ByteRecord),
    Json(String),
}

/// A file's rows, and what is needed to write some of them again.
#[derive(Debug, Clone)]
pub struct Sheet {
    pub rows: Vec<Row>,
    layout: Layout,
}

#[derive(Debug, Clone)]
enum Layout {
    Csv { delimiter: u8, header: ::csv::ByteRecord },
    Json,
}

/// A row by its line in the file.
pub type Numbered = (u32, Result<RawRecord, Fault>);

/// The rows of a CSV file; faults of form are with their rows.
pub fn read_csv(bytes: &[u8]) -> Result<Vec<Numbered>, Unreadable> {
    csv::read(bytes).map(pairs)
}

/// The elements of a JSON array of records.
pub fn read_json(bytes: &[u8]) -> Result<Vec<Numbered>, Unreadable> {
    json::read(bytes).map(pairs)
}

fn pairs(sheet: Sheet) -> Vec<Numbered> {
    sheet.rows.into_iter().map(|row| (row.line, row.record)).collect()
}

impl Sheet {
    /// Reads a file by its name: `.csv`, else JSON.
    pub fn read(name: &std::path::Path, bytes: &[u8]) -> Result<Self, Unreadable> {
        let is_csv = name.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        if is_csv { csv::read(bytes) } else { json::read(bytes) }
    }

    /// Records that were made from something else, by their number.
    pub fn of(records: Vec<RawRecord>) -> Self {
        let row = |(record, line): (RawRecord, u32)| {
            let source = Source::Json(serde_json::to_string(&record).unwrap_or_default());
            Row { line, record: Ok(record), source }
        };
        Self { rows: records.into_iter().zip(1..).map(row).collect(), layout: Layout::Json }
    }

    /// Judges every row as the server would: its values, and whether its identifiers came before in the file.
    pub fn validate(&mut self) {
        let mut seen = duplicates::Seen::default();
        for row in &mut self.rows {
            let Ok(raw) = &row.record else { continue };
            let judged =
                Record::parse(raw.clone()).map_err(Fault::from).and_then(|r| seen.admit(&r, row.line));
            if let Err(fault) = judged {
                row.record = Err(fault);
            }
        }
    }
}

#[cfg(test)]
mod tests;
