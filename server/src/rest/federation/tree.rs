//! The delegations of a registry as a table, and all below it as a list of lists.

use std::time::Duration;

use charter_domain::{Reason, Timestamp};
use charter_federation::peers::{Heard, Peer};
use maud::{Markup, html};

use super::html::{cut, shown};
use crate::app::peers::tree::Node;

/// Rows of the table, one for each delegation of the registry itself.
pub fn table(root: &Node) -> Markup {
    if root.below.is_empty() {
        return html! { p { (root.note.unwrap_or("It has delegated to nobody.")) } };
    }
    html! {
        div class="wide" tabindex="0" role="region" aria-labelledby="delegations" {
            table {
                caption { "Whom the registry has delegated to, and how fresh is what its process knows of each" }
                thead {
                    tr {
                        @for heading in [
                            "Authority", "State", "Scope", "Valid until", "Epoch", "Published", "Heard", "Failures", "Breaker",
                        ] {
                            th scope="col" { (heading) }
                        }
                    }
                }
                tbody { @for node in &root.below { @if let Some(peer) = &node.peer { (row(node, peer)) } } }
            }
        }
        @if let Some(note) = root.note { p { (note) } }
    }
}

fn row(node: &Node, peer: &Peer) -> Markup {
    // What it said for this page is newer than what was polled.
    let (epoch, published) = node.said.unwrap_or((peer.heard.epoch, peer.heard.published));
    html! {
        tr {
            th scope="row" { (named(node)) }
            td { (state(peer)) }
            td { (shown(&peer.scope)) }
            td { (until(peer.valid_until)) }
            td { (number(epoch)) }
            td { (number(published)) }
            td {
                (heard(&peer.heard))
                @if node.said.is_some() { "; asked for this page" }
            }
            td {
                @if peer.heard.failures == 0 { "none" }
                @else { span class="bad" { (peer.heard.failures) ", last " (cut(&peer.heard.last_failure, 32)) } }
            }
            td {
                @match peer.heard.rests {
                    None => "closed",
                    Some(rest) => { span class="bad" { "open: asked again in " (seconds(rest)) } }
                }
            }
        }
    }
}

/// All of it, the registry itself first.
pub fn list(root: &Node) -> Markup {
    html! { ul class="tree" aria-labelledby="tree" { (item(root)) } }
}

fn item(node: &Node) -> Markup {
    html! {
        li {
            (named(node))
            @if let Some(peer) = &node.peer { " " (state(peer)) }
            @if let Some((epoch, _)) = node.said { ", epoch " (epoch) }
            @if let Some(note) = node.note { ", " em { (note) } }
            @if !node.below.is_empty() { ul { @for child in &node.below { (item(child)) } } }
        }
    }
}

fn named(node: &Node) -> Markup {
    let id = shown(node.authority.as_str());
    html! {
        @if let Some(link) = &node.link { a href=(link) rel="nofollow" { (id) } } @else { (id) }
        @if !node.name.is_empty() && node.name != node.authority.as_str() {
            " (" bdi { (cut(&node.name, 200)) } ")"
        }
    }
}

fn state(peer: &Peer) -> Markup {
    let class = if peer.state == Reason::Active { "good" } else { "bad" };
    html! {
        span class=(class) { (peer.state.code()) }
        @if !peer.answers_as_own { ", answers for itself" }
        @if peer.announces_others() { ", announces other TLS keys than are stated" }
        @if peer.doubted { ", " span class="bad" { "its log showed two histories" } }
    }
}

fn until(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "no end".to_owned(), |at| at.to_string())
}

fn number(n: i64) -> String {
    if n < 0 { "not known".to_owned() } else { n.to_string() }
}

/// How lately, and by what.
fn heard(heard: &Heard) -> String {
    let by = if heard.fed { "by its feed" } else { "by poll" };
    match heard.ago {
        _ if heard.hosted => "now, in the same process".to_owned(),
        None => "not lately".to_owned(),
        Some(ago) => format!("{} ago, {by}", seconds(ago)),
    }
}

fn seconds(time: Duration) -> String {
    format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100)
}
