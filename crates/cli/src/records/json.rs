//! JSON: an array of records as `RawRecord` spells them. Each element is read on its own, so that one fault is one
//! row's, and strictly: a member given twice is a fault.

use charter_domain::{json::parse_strict, record::RawRecord};
use serde_json::value::RawValue;

use super::{Fault, Layout, Row, Sheet, Source, Unreadable};

pub fn read(bytes: &[u8]) -> Result<Sheet, Unreadable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let unreadable = |message: String| Unreadable {
        message,
        hint: Some("a JSON file must be an array of records; a CSV file must be named `.csv`".to_owned()),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable("the file is not UTF-8 text".to_owned()))?;
    let elements: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|e| unreadable(format!("the file is not a JSON array: {e}")))?;
    let (mut line, mut counted) = (1, 0);
    let mut rows = Vec::with_capacity(elements.len());
    for element in elements {
        // The element is a part of `text`, so the difference of the addresses is its offset.
        let start = (element.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let between = bytes.get(counted..start).unwrap_or_default();
        line += u32::try_from(between.iter().filter(|b| **b == b'\n').count()).unwrap_or(u32::MAX);
        counted = start;
        rows.push(Row {
            line,
            record: record(element.get()),
            source: Source::Json(element.get().to_owned()),
        });
    }
    // Errors come back by line: where two elements share one, elements are counted instead.
    if rows.windows(2).any(|pair| matches!(pair, [a, b] if a.line == b.line)) {
        for (row, number) in rows.iter_mut().zip(1..) {
            row.line = number;
        }
    }
    Ok(Sheet { rows, layout: Layout::Json })
}

fn record(text: &str) -> Result<RawRecord, Fault> {
    let fault = |field: &str, message: &str| {
        // Its line and column are counted from the element, which misleads.
        let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
        Fault { code: "INVALID".to_owned(), field: field.to_owned(), message: message.to_owned() }
    };
    let value = parse_strict(text).map_err(|e| fault("record", &e.reason))?;
    serde_json::from_value(value).map_err(|e| fault("record", &e.to_string()))
}
