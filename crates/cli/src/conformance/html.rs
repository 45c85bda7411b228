//! The report as one page: no scripts, nothing from elsewhere, every text of the registry escaped.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::report::{Finding, Report};
use crate::output::clean;

const STYLE: &str = "\
:root{color-scheme:light dark}body{margin:0 auto;max-width:75rem;padding:1rem;font:1rem/1.5 system-ui,sans-serif;\
overflow-wrap:anywhere}.wide{overflow-x:auto}table{border-collapse:collapse}th,td{border:1px solid;padding:.25rem .5rem;\
text-align:left;vertical-align:top}pre{white-space:pre-wrap;max-width:60rem}.fail{font-weight:bold}.skipped{opacity:.8}";

pub fn page(report: &Report) -> Markup {
    let title = format!("TRQP v{} conformance of {}", report.trqp_version, clean(&report.target));
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
                        @if report.conforms { "It conforms" } @else { strong { "It does not conform" } }
                        ": " (report.passed) " checks passed, " (report.failed) " failed, " (report.skipped)
                        " were skipped. Asked as " (clean(&report.authority_id)) " on "
                        (report.examined_at.to_string()) "."
                    }
                    div.wide tabindex="0" {
                        table {
                            thead { tr {
                                @for heading in ["Check", "Level", "Outcome", "What it asks for"] {
                                    th scope="col" { (heading) }
                                }
                            } }
                            tbody { @for found in &report.checks { (row(found)) } }
                        }
                    }
                }
            }
        }
    }
}

fn row(found: &Finding) -> Markup {
    html! {
        tr class=(found.outcome.as_str()) {
            th scope="row" { code { (found.id) } }
            td { (found.level.as_str()) }
            td { (found.outcome.as_str()) }
            td {
                p { (found.title) " (" (found.clause) ")" }
                @if !found.reason.is_empty() { p { (clean(&found.reason)) } }
                @if !found.exchange.request.is_empty() {
                    details {
                        summary { "Request and answer" }
                        pre { (lines(&found.exchange.request)) }
                        pre { (lines(&found.exchange.answer)) }
                    }
                }
            }
        }
    }
}

/// Clean, line by line.
fn lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use charter_domain::Timestamp;

    use super::{
        super::{catalogue::Check, report::Outcome, wire::Exchange},
        *,
    };

    #[test]
    fn what_a_registry_says_is_no_markup() {
        let evil = "<script>alert(1)</script>\u{202e}\u{1b}[2J";
        let exchange = Exchange { request: "POST /\n\n{}".to_owned(), answer: evil.to_owned() };
        let found = Finding::new(Check::Problem, Outcome::Fail, evil.to_owned(), exchange);
        let report = Report::new("https://a.example", evil.to_owned(), Timestamp::from_secs(0), vec![found]);
        let page = page(&report).into_string();
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{1b}'));
        assert!(page.contains("&lt;script&gt;") && page.contains("It does not conform"));
    }
}
