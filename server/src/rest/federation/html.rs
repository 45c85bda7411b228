//! The page as a whole: headings, the form, and what of the texts of others is shown. Templates escape; here is what
//! escaping leaves: length, control characters, and marks that turn the direction of writing.

use charter_domain::{Outcome, Timestamp};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Form, picture, tree};
use crate::{
    Error,
    app::peers::{tree::Node, way::Way},
};

/// Longest text of others that is shown, in characters: an identifier of the largest size.
const LONGEST: usize = 2_048;

/// Dark by the reader's wish; at 400 % one column without sideways scrolling but for tables (WCAG 2.2, 1.4.10), whose
/// frames scroll by themselves.
pub const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--line:#666;--soft:#f1f1f1;--good:#0b6b2b;--bad:#a4161a}\
@media(prefers-color-scheme:dark){:root{--ink:#ececec;--paper:#161616;--line:#9a9a9a;--soft:#262626;\
--good:#7bd88f;--bad:#ff9d94}}\
body{margin:0 auto;max-width:75rem;padding:1rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);\
background:var(--paper);overflow-wrap:anywhere}\
a{color:inherit}a:focus-visible,input:focus-visible,button:focus-visible,.wide:focus-visible{outline:3px solid}\
.wide{overflow-x:auto}table{border-collapse:collapse}caption{text-align:left}\
th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top;min-width:5rem}\
thead th{background:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad);font-weight:bold}\
ul.tree,ul.tree ul{list-style:none;padding-left:1rem;border-left:2px solid var(--line)}\
label{display:block}input{font:inherit;width:100%;max-width:40rem;box-sizing:border-box}button{font:inherit}\
svg{max-width:100%;height:auto}svg rect{fill:var(--soft);stroke:var(--line)}svg text{fill:var(--ink);\
font:14px system-ui,sans-serif}svg line{stroke:var(--good);stroke-width:2}svg line.bad{stroke:var(--bad);\
stroke-dasharray:6 4}svg text.good{fill:var(--good)}svg text.bad{fill:var(--bad)}";

/// Text of others: bounded, and with nothing in it that cannot be seen.
pub fn shown(text: &str) -> String {
    cut(text, LONGEST)
}

/// The same, with its middle left out where it is longer than `most` characters.
pub fn cut(text: &str, most: usize) -> String {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let plain = |c: char| if unseen(c) { '\u{fffd}' } else { c };
    let count = text.chars().count();
    if count <= most {
        return text.chars().map(plain).collect();
    }
    let half = most.saturating_sub(1) / 2;
    let (head, tail) = (text.chars().take(half), text.chars().skip(count - half));
    head.chain(['…']).chain(tail).map(plain).collect()
}

/// All of it. `now` is by the clock of the server.
pub(super) fn page(root: &Node, form: &Form, answer: Option<&Result<Way, Error>>, now: Timestamp) -> Markup {
    let name = if root.name.is_empty() { root.authority.as_str() } else { &root.name };
    let title = format!("Federation below {}", cut(name, 200));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    p {
                        (shown(root.authority.as_str()))
                        @if let Some((epoch, published)) = root.said {
                            ", epoch " (epoch) ", " (published) " events published"
                        }
                        ". Times are in UTC; it is " (now.to_string()) "."
                    }
                    (above(&root.superiors))
                    (question(form, answer))
                    h2 id="delegations" { "Delegations" }
                    (tree::table(root))
                    h2 id="tree" { "Tree" }
                    (tree::list(root))
                }
            }
        }
    }
}

fn above(superiors: &[String]) -> Markup {
    html! {
        @if superiors.is_empty() {
            p { "Nothing stands above: it is an anchor." }
        } @else {
            p { "Above, as its configuration says:" }
            ul {
                @for superior in superiors {
                    li { a href=(superior) rel="nofollow" { (shown(superior)) } }
                }
            }
        }
    }
}

fn question(form: &Form, answer: Option<&Result<Way, Error>>) -> Markup {
    let field = |id: &'static str, label: &'static str, value: &str| {
        html! { p { label for=(id) { (label) } input id=(id) name=(id) value=(shown(value)) autocomplete="off"; } }
    };
    html! {
        h2 id="path" { "Path of a question" }
        form method="get" {
            (field("authority_id", "Authority (a DID; empty: this registry)", &form.authority))
            (field("entity_id", "Entity", &form.entity))
            (field("action", "Action", &form.action))
            (field("resource", "Resource", &form.resource))
            p { button { "Show the path" } }
        }
        @match answer {
            None => {}
            Some(Err(fault)) => {
                p role="alert" class="bad" {
                    (fault.code.as_str()) ": "
                    @if let Some(field) = &fault.field { (shown(field)) " " }
                    (shown(&fault.detail))
                }
            }
            Some(Ok(way)) => { (result(way)) }
        }
    }
}

fn result(way: &Way) -> Markup {
    let (word, class) = match way.outcome {
        Outcome::Yes => ("Yes", "good"),
        Outcome::No => ("No", "bad"),
        Outcome::Indeterminate => ("Cannot tell", "bad"),
    };
    html! {
        p role="status" {
            strong class=(class) { (word) ", " (way.reason.code()) } ": " (shown(&way.message)) ". Decided by "
            (shown(&way.decided_by)) " at " (way.evaluated_at.to_string()) "; may be kept until "
            (way.expires_at.to_string()) "."
        }
        (picture::drawn(&way.hops))
        h3 id="path-text" { "The same in words" }
        (picture::words(&way.hops))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_bounded_and_can_be_seen() {
        assert_eq!(shown("a\u{202e}b\u{7}"), "a\u{fffd}b\u{fffd}");
        assert_eq!(shown("un\u{ad}seen\u{e0041}"), "un\u{fffd}seen\u{fffd}");
        assert_eq!(cut("abcdefghij", 5), "ab…ij");
        assert_eq!(shown(&"x".repeat(10_000)).chars().count(), LONGEST - 1);
        assert_eq!(html! { (shown("<script>")) }.into_string(), "&lt;script&gt;");
    }
}
