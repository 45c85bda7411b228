//! Decimal numbers as all these formats write them: digits alone, without leading zeroes.

/// A number that has no other spelling.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let leading = text.len() > 1 && text.starts_with('0');
    if digits && !leading { text.parse().ok() } else { None }
}

/// As much of a text that is no number as an error should repeat.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}
