//! The members as a table for people, or as JSON.

use serde_json::{Value, json};

use super::{Output, patroni::Seen, sight::Sight, view::View};

const HEADINGS: [&str; 6] = ["MEMBER", "ROLE", "STATE", "TIMELINE", "LAG", "ADDRESS"];

pub fn print(view: &View, sight: Option<&Sight>, output: Output) -> anyhow::Result<()> {
    match output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&as_json(view, sight))?),
        Output::Table => print!("{}{}", as_table(view), sight.map(Sight::as_text).unwrap_or_default()),
    }
    Ok(())
}

/// One row a URL: what etcd says of that member.
fn row(view: &View, seen: &Seen) -> [String; 6] {
    let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    match &seen.own {
        Ok(own) => {
            let name = own.patroni.name.clone();
            let (role, state, lag) = match view.member(&name) {
                Some(member) => (member.role.clone(), member.state.clone(), member.lag()),
                None => (own.role.clone(), own.state.clone(), None),
            };
            [name, role, state, number(own.timeline), number(lag), seen.url.clone()]
        }
        Err(_) => ["-", "-", "silent", "-", "-", &seen.url].map(str::to_owned),
    }
}

fn as_table(view: &View) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(view.nodes.iter().map(|seen| row(view, seen).map(|cell| clean(&cell))));
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        text.push_str(cells.collect::<String>().trim_end());
        text.push('\n');
    }
    for seen in &view.nodes {
        if let Err(why) = &seen.own {
            text.push_str(&format!("{}: {}\n", seen.url, clean(why)));
        }
    }
    let (confirming, needed) = (view.confirming(), view.config.confirmations());
    text.push_str(&format!("\n{confirming} standbys confirm writes, {needed} must\n"));
    if view.is_paused() {
        text.push_str("paused: nothing fails over by itself\n");
    }
    for fault in &view.faults {
        text.push_str(&format!("fault: {}\n", clean(fault)));
    }
    text
}

/// What members say goes to a terminal: nothing in it may steer one.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn as_json(view: &View, sight: Option<&Sight>) -> Value {
    let members: Vec<Value> = view
        .nodes
        .iter()
        .map(|seen| match &seen.own {
            Ok(own) => {
                let member = view.member(&own.patroni.name);
                json!({
                    "url": seen.url,
                    "name": own.patroni.name,
                    "role": member.map_or(&own.role, |m| &m.role),
                    "state": member.map_or(&own.state, |m| &m.state),
                    "timeline": own.timeline,
                    "lag_bytes": member.and_then(super::patroni::Member::lag),
                    "confirms": member.is_some_and(super::patroni::Member::confirms),
                })
            }
            Err(why) => json!({ "url": seen.url, "error": why }),
        })
        .collect();
    json!({
        "leader": view.leader(),
        "good": view.is_good(),
        "paused": view.is_paused(),
        "confirming": view.confirming(),
        "must_confirm": view.config.confirmations(),
        "faults": view.faults,
        "members": members,
        "from_here": sight.map(Sight::as_json),
    })
}
