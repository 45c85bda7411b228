//! Files as people have them, and what is said about their faults.

use std::{collections::BTreeSet, path::Path};

use super::*;

const HEADER: &str = "identifier,name[fi],name[sv-FI],country,action,credential_types,jurisdictions,accreditation_body,\
                      legal_basis,evidence_uri,evidence_date,evidence_sha256,valid_from,valid_until,status,status_from,\
                      status_reason";

fn sheet(name: &str, text: &str) -> Sheet {
    let mut sheet = Sheet::read(Path::new(name), text.as_bytes()).expect("readable");
    sheet.validate();
    sheet
}

fn faults(sheet: &Sheet) -> Vec<(u32, String, String)> {
    let fault = |row: &Row| row.record.as_ref().err().map(|f| (row.line, f.code.clone(), f.field.clone()));
    sheet.rows.iter().filter_map(fault).collect()
}

#[test]
fn a_row_becomes_a_record() {
    let row = "did:web:a.example,Yliopisto,Universitetet,FI,,Degree;Diploma,FI;SE,Ministry,Act 1,https://e.example,\
               2026-01-01,,2026-01-01T00:00:00Z,2030-01-01T00:00:00Z,SUSPENDED,2026-02-01T00:00:00Z,INQUIRY";
    let rows = read_csv(format!("{HEADER}\n{row}\n").as_bytes()).expect("readable");
    let (line, record) = &rows[0];
    let record = record.as_ref().expect("a record");
    assert_eq!((rows.len(), *line), (1, 2));
    assert_eq!(
        record.names,
        [("fi".to_owned(), "Yliopisto".to_owned()), ("sv-FI".to_owned(), "Universitetet".to_owned())].into()
    );
    let resources: Vec<_> =
        record.authorizations.iter().map(|a| (a.action.as_str(), a.resource.as_str())).collect();
    assert_eq!(resources, [("issue", "Degree"), ("issue", "Diploma")]);
    assert_eq!(record.authorizations[1].jurisdictions, ["FI", "SE"]);
    assert_eq!(record.authorizations[1].valid_until, "2030-01-01T00:00:00Z");
    let accreditation = record.accreditation.as_ref().expect("an accreditation");
    assert_eq!(
        (accreditation.body.as_str(), accreditation.valid_from.as_str()),
        ("Ministry", "2026-01-01T00:00:00Z")
    );
    assert_eq!(record.status.as_ref().map(|s| s.state.as_str()), Some("SUSPENDED"));
    assert!(Record::parse(record.clone()).is_ok());
    let wire = to_wire(*line, record.clone());
    assert_eq!((wire.line, wire.authorizations.len(), wire.names.len()), (2, 2, 2));
}

#[test]
fn spreadsheets_with_a_byte_order_mark_semicolons_and_crlf_are_read() {
    let text = "\u{feff}identifier;name[fi];country;credential_types\r\n\
                did:web:a.example;Äö;FI;\"Degree;Diploma\"\r\n\r\ndid:web:b.example;B;FI;Degree\r\n";
    let rows = read_csv(text.as_bytes()).expect("readable");
    assert_eq!(rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
    let first = rows[0].1.as_ref().expect("a record");
    assert_eq!((first.names["fi"].as_str(), first.authorizations.len()), ("Äö", 2));
    assert_eq!((first.accreditation.as_ref(), first.status.as_ref()), (None, None));
}

#[test]
fn an_unknown_column_refuses_the_file_and_is_named() {
    for (header, named) in [
        ("identifier,colour", "`colour`"),
        ("identifier,name", "`name`"),
        ("identifier,name[xx]", "`name[xx]`"),
        ("identifier,name[]", "`name[]`"),
        ("identifier,country,country", "`country`"),
        ("country", "`identifier`"),
        ("", "`identifier`"),
    ] {
        let refused = read_csv(header.as_bytes()).expect_err("refused");
        assert!(refused.message.contains(named), "{header}: {refused}");
    }
}

#[test]
fn lines_are_those_of_the_file() {
    let text = "identifier,name[en],country\n\ndid:web:a.example,\"A\nB\",FI\ndid:web:b.example,B,fi\n\n\n\
                did:web:c.example,C\ndid:web:d.example,D,FI\ndid:web:a.example,A,FI\n";
    let sheet = sheet("x.CSV", text);
    assert_eq!(sheet.rows.iter().map(|r| r.line).collect::<Vec<_>>(), [3, 5, 8, 9, 10]);
    let expected = [(3, "INVALID", "names"), (5, "INVALID", "country"), (8, "INVALID", "row")]
        .map(|(line, code, field)| (line, code.to_owned(), field.to_owned()));
    // The first `a` failed, so the second is no duplicate.
    assert_eq!(faults(&sheet), expected);
}

#[test]
fn an_identifier_twice_is_a_duplicate_of_the_first() {
    let text = "identifier,name[en],country\ndid:web:a.example,A,FI\ndid:web:a.example,A,FI\n";
    let sheet = sheet("x.csv", text);
    assert_eq!(faults(&sheet), [(3, "DUPLICATE_ENTITY".to_owned(), "identifier".to_owned())]);
    assert_eq!(
        sheet.rows[1].record.as_ref().expect_err("twice").message,
        "`did:web:a.example` is in line 2 already"
    );
}

#[test]
fn json_faults_are_by_element() {
    let text = r#"[
  {"identifier": "did:web:a.example", "names": {"en": "A"}, "country": "FI"},
  {"identifier": "did:web:b.example", "names": {"en": "B", "en": "C"}, "country": "FI"},
  {
    "identifier": "did:web:c.example", "colour": "red"
  },
  {"identifier": "did:web:d.example", "names": {"en": "D"}, "country": "FI",
   "identifiers": [{"type": "did", "value": "did:web:a.example"}]}
]"#;
    let sheet = sheet("x.json", text);
    let expected =
        [(3, "INVALID", "record"), (4, "INVALID", "record"), (7, "DUPLICATE_ENTITY", "identifiers")]
            .map(|(line, code, field)| (line, code.to_owned(), field.to_owned()));
    assert_eq!(faults(&sheet), expected);
    let message = &sheet.rows[2].record.as_ref().expect_err("unknown member").message;
    assert!(message.contains("`colour`") && !message.contains("line"), "{message}");
    let one_line = read_json(br#"[{"identifier":"a"},{"identifier":"b"}]"#).expect("readable");
    assert_eq!(one_line.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 2]);
    assert!(read_json(b"{}").is_err());
}

#[test]
fn failures_can_be_read_again() {
    let csv = "identifier;name[en];country\ndid:web:a.example;\"A;\"\"B\";FI\ndid:web:b.example;B;fi\nc;d\n";
    let failures = write_failures(&sheet("x.csv", csv), &BTreeSet::from([3, 4])).expect("written");
    let text = String::from_utf8(failures).expect("UTF-8");
    assert_eq!(text, "identifier;name[en];country\ndid:web:b.example;B;fi\nc;d\n");
    let json = r#"[{"identifier":"a"},
{"identifier":"b"}]"#;
    let failures = write_failures(&sheet("x.json", json), &BTreeSet::from([2])).expect("written");
    assert_eq!(read_json(&failures).expect("readable").len(), 1);
}
