//! What `synchronous_standby_names` demands: how many standbys have a write before it is acknowledged.

/// Standbys that confirm each write under this value of `synchronous_standby_names`: `ANY k (..)`, `FIRST k (..)`,
/// `k (..)`, or a plain list, which is one. What does not read as one of them demands nothing.
pub fn demanded(names: &str) -> usize {
    let text = names.trim();
    let counted = keyword(text, "any").or_else(|| keyword(text, "first")).unwrap_or(text);
    if let Some(number) = number_of_list(counted) {
        return number;
    }
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b"()".contains(&b));
    usize::from(!text.is_empty() && text.split(',').map(str::trim).all(is_name))
}

/// What follows a keyword, which stands apart from it.
fn keyword<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    let apart = rest.starts_with(|c: char| c.is_ascii_whitespace());
    (head.eq_ignore_ascii_case(word) && apart).then(|| rest.trim_start())
}

/// `k (..)` with at least one name in it.
fn number_of_list(text: &str) -> Option<usize> {
    let (number, list) = text.split_once('(')?;
    let list = list.strip_suffix(')')?;
    (!list.trim().is_empty()).then_some(())?;
    number.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::demanded;

    #[test]
    fn demands_what_postgres_would_wait_for() {
        let table = [
            ("", 0),
            ("   ", 0),
            ("*", 1),
            ("a", 1),
            ("a, b", 1),
            ("\"node-b\",\"node-c\"", 1),
            ("1 (a)", 1),
            ("2 (a, b)", 2),
            ("2(a,b)", 2),
            ("ANY 1 (a, b)", 1),
            ("any 2 (\"a\",\"b\",\"c\")", 2),
            ("ANY 1 (*)", 1),
            ("FIRST 2 (a, b)", 2),
            (" first 1 (*) ", 1),
            ("any, b", 1),
            ("anyone", 1),
        ];
        for (names, expected) in table {
            assert_eq!(demanded(names), expected, "{names:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_demands_nothing() {
        for names in
            ["ANY (a)", "ANY 1", "ANY 1 ()", "ANY -1 (a)", "ANY 1 (a", "a,,b", "1 2 (a)", "ANY 0 (a)", "é é"]
        {
            assert_eq!(demanded(names), 0, "{names:?}");
        }
    }
}
