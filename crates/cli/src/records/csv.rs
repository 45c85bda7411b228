//! CSV (RFC 4180, UTF-8): one entity a row. A byte order mark and `;` between columns, as spreadsheets in much of
//! Europe write them, are accepted.

use charter_domain::record::{RawAccreditation, RawAuthorization, RawRecord, RawStatus};
use csv::{ByteRecord, ReaderBuilder, StringRecord};

use super::{Fault, Layout, Row, Sheet, Source, Unreadable};

const COLUMNS: [&str; 16] = [
    "identifier",
    "country",
    "action",
    "credential_types",
    "jurisdictions",
    "accreditation_body",
    "legal_basis",
    "evidence_uri",
    "evidence_date",
    "evidence_sha256",
    "valid_from",
    "valid_until",
    "status",
    "status_from",
    "status_reason",
    "name[xx]",
];

pub fn read(bytes: &[u8]) -> Result<Sheet, Unreadable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let delimiter = delimiter(bytes);
    // Rows of another length are that row's fault, so the reader must not stop at them.
    let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(bytes);
    let header = reader.byte_headers().map_err(|e| unreadable(&e.to_string()))?.clone();
    let columns = columns(&header)?;
    let mut lines = Lines::new(bytes);
    let mut rows = Vec::new();
    for source in reader.into_byte_records() {
        let source = source.map_err(|e| unreadable(&e.to_string()))?;
        let line = lines.of(source.position().map_or(0, csv::Position::byte));
        rows.push(Row { line, record: row(&columns, &source), source: Source::Csv(source) });
    }
    Ok(Sheet { rows, layout: Layout::Csv { delimiter, header } })
}

fn unreadable(message: &str) -> Unreadable {
    Unreadable { message: message.to_owned(), hint: None }
}

/// `;` when the header has more of them than of `,`.
fn delimiter(bytes: &[u8]) -> u8 {
    let header =
        bytes.split(|b| matches!(b, b'\n' | b'\r')).find(|line| !line.is_empty()).unwrap_or_default();
    let count = |d: u8| header.iter().filter(|b| **b == d).count();
    if count(b';') > count(b',') { b';' } else { b',' }
}

fn columns(header: &ByteRecord) -> Result<Vec<String>, Unreadable> {
    let mut columns: Vec<String> = Vec::new();
    for name in header {
        let name = String::from_utf8_lossy(name).trim().to_owned();
        let language = language(&name).is_some_and(|tag| !tag.is_empty());
        if !language && (!COLUMNS.contains(&name.as_str()) || name.contains('[')) {
            let known = COLUMNS.join(", ");
            return Err(Unreadable {
                message: format!("there is no column `{name}`"),
                hint: Some(format!("the columns are {known}, where xx is a language such as `fi`")),
            });
        }
        if columns.contains(&name) {
            return Err(unreadable(&format!("the column `{name}` is there twice")));
        }
        columns.push(name);
    }
    match columns.iter().any(|c| c == "identifier") {
        true => Ok(columns),
        false => Err(unreadable("the column `identifier` is missing: the first line must name the columns")),
    }
}

/// The tag of `name[tag]`.
fn language(column: &str) -> Option<&str> {
    column.strip_prefix("name[")?.strip_suffix(']').filter(|tag| *tag != "xx")
}

fn row(columns: &[String], source: &ByteRecord) -> Result<RawRecord, Fault> {
    let fault = |message: String| Fault { code: "INVALID".to_owned(), field: "row".to_owned(), message };
    if source.len() != columns.len() {
        return Err(fault(format!("must have {} columns, not {}", columns.len(), source.len())));
    }
    let cells =
        StringRecord::from_byte_record(source.clone()).map_err(|_| fault("must be UTF-8 text".to_owned()))?;
    let mut record = RawRecord::default();
    let mut types = Vec::new();
    let mut authorization = RawAuthorization { action: "issue".to_owned(), ..Default::default() };
    let (mut accreditation, mut status) = (RawAccreditation::default(), RawStatus::default());
    for (column, cell) in columns.iter().zip(&cells) {
        let cell = cell.trim();
        if cell.is_empty() {
            continue;
        }
        let text = cell.to_owned();
        match column.as_str() {
            "identifier" => record.identifier = text,
            "country" => record.country = text,
            "action" => authorization.action = text,
            "credential_types" => types = list(cell),
            "jurisdictions" => authorization.jurisdictions = list(cell),
            "accreditation_body" => accreditation.body = text,
            "legal_basis" => accreditation.legal_basis = text,
            "evidence_uri" => accreditation.evidence_uri = text,
            "evidence_date" => accreditation.evidence_date = text,
            "evidence_sha256" => accreditation.evidence_sha256 = text,
            "valid_from" => authorization.valid_from = text,
            "valid_until" => authorization.valid_until = text,
            "status" => status.state = text,
            "status_from" => status.from = text,
            "status_reason" => status.reason = text,
            _ => drop(record.names.insert(language(column).unwrap_or_default().to_owned(), text)),
        }
    }
    if accreditation != RawAccreditation::default() {
        // One validity for the row: the ground holds exactly as long as what rests on it.
        accreditation.valid_from.clone_from(&authorization.valid_from);
        accreditation.valid_until.clone_from(&authorization.valid_until);
        record.accreditation = Some(accreditation);
    }
    record.status = (status != RawStatus::default()).then_some(status);
    let of_type = |resource| RawAuthorization { resource, ..authorization.clone() };
    record.authorizations = types.into_iter().map(of_type).collect();
    Ok(record)
}

fn list(cell: &str) -> Vec<String> {
    cell.split(';').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Line numbers by offset, for offsets that only grow. The reader's own count does not see the blank lines that it
/// skips before a row.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, line: 1 }
    }

    fn of(&mut self, offset: u64) -> u32 {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        while let Some(byte) = self.bytes.get(self.at) {
            if self.at >= offset && !matches!(byte, b'\n' | b'\r') {
                break;
            }
            self.line += u32::from(*byte == b'\n');
            self.at += 1;
        }
        self.line
    }
}
