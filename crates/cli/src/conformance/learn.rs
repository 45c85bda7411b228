//! What a registry tells of itself, by the routes of the Ayra profile: whom it speaks for, what it has stated. Whatever
//! is not there is not known; none of it is believed before it was asked.

use std::collections::BTreeMap;

use charter_domain::Kind;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{
    question::{Question, word},
    wire::{self, Ask, Exchange, Reply, Target},
};
use crate::{
    exit::{Exit, Failure},
    http::Http,
};

/// Entities whose statements are looked at.
const ENTITIES: usize = 5;
/// Statements that are asked about.
const STATEMENTS: usize = 20;

/// A statement as it is listed.
#[derive(Debug, Clone)]
pub struct Listed {
    pub question: Question,
    pub holds: bool,
}

#[derive(Debug, Default)]
pub struct Learnt {
    pub authority: String,
    /// Answers of `/metadata` and `/.well-known/trqp-metadata`, where they are 200.
    pub ayra: Option<(Value, Exchange)>,
    pub trqp: Option<(Value, Exchange)>,
    pub listed: Vec<Listed>,
}

/// A segment of a path.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub async fn learn(http: &Http, target: &Target, authority: Option<String>) -> Result<Learnt, Failure> {
    let mut learnt = Learnt::default();
    let seen = wire::send(http, target, &Ask::get("/metadata")).await;
    match &seen.reply {
        Err(fault) => {
            let text = format!("`{}` cannot be asked: {fault}", target.as_str());
            return Err(Failure::new(Exit::CannotVerify, text));
        }
        Ok(reply) => learnt.ayra = object(reply).map(|body| (body, seen.exchange.clone())),
    }
    let seen = wire::send(http, target, &Ask::get("/.well-known/trqp-metadata")).await;
    learnt.trqp = seen.reply.ok().as_ref().and_then(object).map(|body| (body, seen.exchange));
    learnt.authority = authority.or_else(|| told(&learnt)).ok_or_else(|| {
        Failure::usage("the registry does not say in `/metadata` for whom it speaks")
            .hint("give --authority DID")
    })?;
    let get = async |path: String| {
        let seen = wire::send(http, target, &Ask::get(path)).await;
        seen.reply.ok().filter(|reply| reply.status == 200).map_or(Value::Null, |reply| reply.json())
    };
    let entities = get(format!("/entities?limit={ENTITIES}")).await;
    for entity in entities["items"].as_array().into_iter().flatten().take(ENTITIES) {
        let Some(id) = entity["entity_id"].as_str() else { continue };
        let list = get(format!("/entities/{}/authorizations", segment(id))).await;
        learnt.listed.extend(statements(Kind::Authorization, &list));
    }
    let list = get(format!("/ecosystems/{}/recognitions", segment(&learnt.authority))).await;
    learnt.listed.extend(statements(Kind::Recognition, &list));
    // Another authority's cannot be asked for here.
    learnt.listed.retain(|listed| listed.question.authority == learnt.authority);
    learnt.listed.truncate(STATEMENTS);
    Ok(learnt)
}

fn object(reply: &Reply) -> Option<Value> {
    Some(reply.json()).filter(|body| reply.status == 200 && body.is_object())
}

fn told(learnt: &Learnt) -> Option<String> {
    let of = |found: &Option<(Value, Exchange)>, name: &str| {
        found.as_ref().and_then(|(body, _)| body[name].as_str()).map(str::to_owned)
    };
    of(&learnt.ayra, "authority_id")
        .or_else(|| of(&learnt.ayra, "id"))
        .or_else(|| of(&learnt.trqp, "authority_id"))
}

/// Those of a list of answers that can be asked again as they stand.
fn statements(kind: Kind, list: &Value) -> Vec<Listed> {
    let text = |item: &Value, name: &str| item[name].as_str().map(str::to_owned);
    let read = |item: &Value| {
        let question = Question {
            kind,
            authority: text(item, "authority_id")?,
            entity: text(item, "entity_id")?,
            action: text(item, "action")?,
            resource: text(item, "resource")?,
            context: BTreeMap::new(),
        };
        Some(Listed { question, holds: item[word(kind)].as_bool()? })
    };
    list.as_array().into_iter().flatten().take(STATEMENTS).filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_can_be_asked_again_is_kept_of_a_list() {
        let good = json!({ "authority_id": "a", "entity_id": "e", "action": "i", "resource": "r", "authorized": false });
        let list = json!([good, { "entity_id": "e" }, 7, { "authority_id": "a", "entity_id": "e", "action": "i",
            "resource": "r", "authorized": "yes" }]);
        let found = statements(Kind::Authorization, &list);
        assert_eq!((found.len(), found[0].holds, found[0].question.entity.as_str()), (1, false, "e"));
        assert!(statements(Kind::Authorization, &json!({})).is_empty());
        assert_eq!(segment("did:web:a.example%3A7/b"), "did%3Aweb%3Aa%2Eexample%253A7%2Fb");
    }
}
