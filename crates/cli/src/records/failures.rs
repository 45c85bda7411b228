//! The failures file: rows of the input, as they were, for another run once they are mended.

use std::collections::BTreeSet;

use super::{Layout, Row, Sheet, Source};

/// The file with only the rows of `lines`, in the format of the input.
pub fn write_failures(sheet: &Sheet, lines: &BTreeSet<u32>) -> std::io::Result<Vec<u8>> {
    let rows = sheet.rows.iter().filter(|row| lines.contains(&row.line));
    match &sheet.layout {
        Layout::Csv { delimiter, header } => csv(*delimiter, header, rows),
        Layout::Json => Ok(json(rows)),
    }
}

fn csv<'a>(
    delimiter: u8,
    header: &csv::ByteRecord,
    rows: impl Iterator<Item = &'a Row>,
) -> std::io::Result<Vec<u8>> {
    // A row of another length than the header's is written as it is.
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
    writer.write_byte_record(header)?;
    for row in rows {
        if let Source::Csv(source) = &row.source {
            writer.write_byte_record(source)?;
        }
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

fn json<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<u8> {
    let elements: Vec<_> = rows
        .filter_map(|row| match &row.source {
            Source::Json(text) => Some(text.as_str()),
            Source::Csv(_) => None,
        })
        .collect();
    format!("[\n{}\n]\n", elements.join(",\n")).into_bytes()
}
