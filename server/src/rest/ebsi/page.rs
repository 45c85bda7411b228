//! Pages as EBSI has them: `page[after]` is the number of a page, from 1 on, `page[size]` at most 50. On the last page `next`
//! is that page again, on the first `prev` is.

use axum::http::Uri;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::{
    Error,
    app::ebsi::{Fault, Listed, Page},
    error::Code,
};

const AFTER: &str = "page[after]";
const SIZE: &str = "page[size]";
const USUAL: u32 = 10;
const LARGEST: u32 = 50;

const AFTER_SMALL: &str = "[\"page[after] must not be less than 1\"]";
const AFTER_WORD: &str = "[\"page[after] must not be less than 1\",\"page[after] must be a number conforming to the \
                          specified constraints\"]";
const SIZE_SMALL: &str = "[\"page[size] must not be less than 1\"]";
const SIZE_WORD: &str = "[\"page[size] must not be greater than 50\",\"page[size] must not be less than 1\",\"page[size] \
                         must be a number conforming to the specified constraints\"]";

/// These parameters, empty where they are not given, and the page. Any other is refused, and one that stands twice.
pub(super) fn parameters<const N: usize>(uri: &Uri, names: [&str; N]) -> Result<([String; N], Page), Fault> {
    let mut found = [const { None }; N];
    let (mut after, mut size) = (None, None);
    for pair in uri.query().unwrap_or_default().split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // Names are often sent with their brackets encoded.
        let [name, value] =
            [name, value].map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
        let at = names.iter().position(|n| *n == name).and_then(|at| found.get_mut(at));
        let place = match name.as_str() {
            AFTER => Some(&mut after),
            SIZE => Some(&mut size),
            _ => at,
        };
        let Some(place @ None) = place else {
            let text = format!("`{name:.64}` is not a parameter here, or stands twice");
            return Err(Error::new(Code::Invalid, text).into());
        };
        *place = Some(value);
    }
    let number = number(after.as_deref(), 1, u32::MAX, (AFTER_SMALL, AFTER_WORD))?;
    let size = match size.as_deref().map(str::parse::<u64>) {
        Some(Ok(size)) if size > u64::from(LARGEST) => return Err(Fault::PageSize),
        _ => self::number(size.as_deref(), USUAL, LARGEST, (SIZE_SMALL, SIZE_WORD))?,
    };
    Ok((found.map(Option::unwrap_or_default), Page { number, size }))
}

fn number(
    text: Option<&str>,
    usual: u32,
    largest: u32,
    (small, word): (&'static str, &'static str),
) -> Result<u32, Fault> {
    let Some(text) = text else { return Ok(usual) };
    match text.parse::<i64>() {
        Ok(n) if n < 1 => Err(Fault::Query(small)),
        Ok(n) => u32::try_from(n).ok().filter(|n| *n <= largest).ok_or(Fault::Query(word)),
        Err(_) => Err(Fault::Query(word)),
    }
}

/// A page of a list at `url`, in EBSI's envelope; `more` is further parameters that its links repeat.
pub(super) fn envelope(url: &str, more: &str, page: Page, list: &Listed, items: &[Value]) -> Value {
    let size = u64::from(page.size);
    let total = u64::try_from(list.total).unwrap_or(u64::MAX);
    let last = total.div_ceil(size.max(1)).max(1);
    let number = u64::from(page.number);
    let link = |number: u64| format!("{url}?{AFTER}={number}&{SIZE}={size}{more}");
    json!({
        "self": link(number),
        "items": items,
        "total": list.total,
        "pageSize": page.size,
        "links": {
            "first": link(1),
            "prev": link((number - 1).clamp(1, last)),
            "next": link((number + 1).min(last)),
            "last": link(last),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Page, Fault> {
        let uri = format!("/x?{query}").parse::<Uri>().expect("a URI");
        parameters(&uri, []).map(|([], page)| page)
    }

    #[test]
    fn pages_have_numbers_and_sizes() {
        let page = |number, size| Page { number, size };
        for (query, wanted) in [
            ("", page(1, 10)),
            ("page[after]=3", page(3, 10)),
            ("page%5Bafter%5D=2&page%5bsize%5d=50", page(2, 50)),
            ("page[size]=1", page(1, 1)),
        ] {
            assert_eq!(asked(query).expect(query), wanted);
        }
        assert!(matches!(asked("page[size]=51"), Err(Fault::PageSize)));
        assert!(matches!(asked("page[size]=18446744073709551615"), Err(Fault::PageSize)));
        for (query, text) in [
            ("page[size]=0", SIZE_SMALL),
            ("page[size]=x", SIZE_WORD),
            ("page[after]=0", AFTER_SMALL),
            ("page[after]=-1", AFTER_SMALL),
            ("page[after]=abc", AFTER_WORD),
            ("page[after]=", AFTER_WORD),
            ("page[after]=4294967296", AFTER_WORD),
        ] {
            assert!(matches!(asked(query), Err(Fault::Query(found)) if found == text), "{query}");
        }
        for query in ["page=1", "page[after]=1&page[after]=1", "size=10", "page[after]=1&page%5Bafter%5D=1"] {
            assert!(matches!(asked(query), Err(Fault::Ours(_))), "{query}");
        }
    }

    #[test]
    fn links_end_at_the_last_page() {
        let list = |total| Listed { total, items: Vec::new() };
        let at = |number, total| {
            let value = envelope("u", "", Page { number, size: 10 }, &list(total), &[]);
            let number = |link: &str| {
                let text = value["links"][link].as_str().expect("a link");
                let text = text.strip_prefix("u?page[after]=").and_then(|t| t.strip_suffix("&page[size]=10"));
                text.expect("brackets as they are").parse::<u32>().expect("a number")
            };
            ["first", "prev", "next", "last"].map(number)
        };
        assert_eq!(at(1, 25), [1, 1, 2, 3]);
        assert_eq!(at(2, 25), [1, 1, 3, 3]);
        assert_eq!(at(3, 25), [1, 2, 3, 3]);
        assert_eq!(at(1, 0), [1, 1, 1, 1]);
        assert_eq!(at(u32::MAX, 30), [1, 3, 3, 3]);
    }
}
