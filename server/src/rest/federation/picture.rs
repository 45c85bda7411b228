//! The way of one question: drawn, and the same in words. Both are made of the same sentences.

use maud::{Markup, html};

use super::html::{cut, shown};
use crate::app::peers::way::Hop;

/// Units of the drawing, which scales: width, a party's box, the link above it, text from the left, a line of text.
const WIDTH: usize = 640;
const BOX: usize = 52;
const LINK: usize = 48;
const LEFT: usize = 16;
const LINE: usize = 20;
/// Characters of 14 units that fit into a box.
const FITS: usize = 72;

/// One hop as a sentence.
fn sentence(hop: &Hop) -> String {
    let party = format!("{} ({})", shown(&hop.id), hop.role);
    match &hop.link {
        None => party,
        Some(link) => format!("{}: {}, {}", party, link.state, shown(&link.words)),
    }
}

/// From the asked registry at the top down to the entity.
pub fn drawn(hops: &[Hop]) -> Markup {
    let height = (hops.len() * (BOX + LINK)).saturating_sub(LINK);
    html! {
        svg role="img" aria-labelledby="path-title" viewBox=(format!("0 0 {WIDTH} {height}")) width=(WIDTH)
            height=(height) {
            title id="path-title" { "The path from the asked registry to the entity; it follows in words" }
            @for (n, hop) in hops.iter().enumerate() { (party(hop, n * (BOX + LINK))) }
        }
    }
}

fn party(hop: &Hop, top: usize) -> Markup {
    html! {
        g {
            title { (sentence(hop)) }
            @if let Some(link) = &hop.link {
                @let class = if link.holds { "good" } else { "bad" };
                line class=(class) x1="40" x2="40" y1=(top - LINK) y2=(top) {}
                text class=(class) x="56" y=(top - LINK + LINE) { (link.state) }
                text x="56" y=(top - LINK + 2 * LINE) { (cut(&link.words, FITS)) }
            }
            rect x="1" y=(top + 1) width=(WIDTH - 2) height=(BOX - 2) rx="6" {}
            text x=(LEFT) y=(top + LINE) { (cut(&hop.id, FITS)) }
            text x=(LEFT) y=(top + 2 * LINE) { (hop.role) }
        }
    }
}

/// The twin of the drawing, without anything cut.
pub fn words(hops: &[Hop]) -> Markup {
    html! { ol aria-labelledby="path-text" { @for hop in hops { li { (sentence(hop)) } } } }
}
