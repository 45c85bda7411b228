//! What an answer and a refusal must look like. Pure: a body in, the first fault out.

use charter_domain::{Kind, Timestamp};
use serde_json::{Map, Value};

use super::{
    question::{Question, TERMS, word},
    wire::Reply,
};

/// Nothing, or the first fault.
type Judged = Result<(), String>;

/// The body as an object.
fn object(reply: &Reply) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(&reply.body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err("the body is no JSON object".to_owned()),
        Err(_) => Err("the body is no JSON".to_owned()),
    }
}

fn instant(name: &str, value: &Value) -> Result<Timestamp, String> {
    let text = value.as_str().ok_or_else(|| format!("`{name}` is no string"))?;
    Timestamp::parse(text).map_err(|_| format!("`{name}` is no RFC 3339 date-time"))
}

/// The instant that a member of an answer names, where it has that member.
pub fn time_of(reply: &Reply, name: &str) -> Result<Option<Timestamp>, String> {
    object(reply)?.get(name).map(|value| instant(name, value)).transpose()
}

/// The members of a 200 (TRQP v2.0, response schemas). Members more than these are an extension's.
pub fn members(kind: Kind, reply: &Reply) -> Judged {
    let members = object(reply)?;
    for name in TERMS {
        if !members.get(name).ok_or_else(|| format!("`{name}` is missing"))?.is_string() {
            return Err(format!("`{name}` is no string"));
        }
    }
    let word = word(kind);
    if !members.get(word).ok_or_else(|| format!("`{word}` is missing"))?.is_boolean() {
        return Err(format!("`{word}` is no boolean"));
    }
    instant("time_evaluated", members.get("time_evaluated").ok_or("`time_evaluated` is missing")?)?;
    if let Some(value) = members.get("time_requested") {
        instant("time_requested", value)?;
    }
    if members.get("message").is_some_and(|value| !value.is_string()) {
        return Err("`message` is no string".to_owned());
    }
    context(members.get("context"))
}

fn context(value: Option<&Value>) -> Judged {
    let Some(value) = value else { return Ok(()) };
    let members = value.as_object().ok_or("`context` is no object")?;
    match members.iter().find(|(_, value)| !value.is_string()) {
        Some((name, _)) => Err(format!("`context.{name}` is no string")),
        None => Ok(()),
    }
}

/// The terms of the question are those of the answer.
pub fn echo(question: &Question, reply: &Reply) -> Judged {
    let (said, asked) = (object(reply)?, question.body());
    match TERMS.into_iter().find(|name| said.get(*name) != asked.get(*name)) {
        Some(name) => Err(format!("`{name}` is not that of the question")),
        None => Ok(()),
    }
}

/// RFC 9457, 3.1, as TRQP v2.0 asks for it: an object that says what kind of problem, and the status of the response.
pub fn problem(reply: &Reply) -> Judged {
    let members = object(reply)?;
    for name in ["type", "title", "detail", "instance"] {
        if members.get(name).is_some_and(|value| !value.is_string()) {
            return Err(format!("`{name}` is no string"));
        }
    }
    if !members.contains_key("type") && !members.contains_key("title") {
        return Err("neither `type` nor `title` says what the problem is".to_owned());
    }
    match members.get("status") {
        None => Err("`status` is missing".to_owned()),
        Some(value) if value.as_u64() == Some(u64::from(reply.status)) => Ok(()),
        Some(value) => Err(format!("`status` is {value}, the response's is {}", reply.status)),
    }
}

/// The media type is this one.
pub fn media(reply: &Reply, wanted: &str) -> Judged {
    match reply.media() {
        found if found == wanted => Ok(()),
        found if found.is_empty() => Err("there is no content type".to_owned()),
        found => Err(format!("the content type is `{found}`")),
    }
}

/// What was decided; the fault where nothing was.
pub fn decision(kind: Kind, reply: &Reply) -> Result<bool, String> {
    if reply.status != 200 {
        return Err(format!("{} in the place of 200", reply.status));
    }
    let word = word(kind);
    object(reply)?.get(word).and_then(Value::as_bool).ok_or_else(|| format!("`{word}` is no boolean"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hyper::HeaderMap;
    use serde_json::json;

    use super::*;

    fn reply(status: u16, body: &Value) -> Reply {
        Reply { status, headers: HeaderMap::new(), body: body.to_string().into_bytes() }
    }

    fn answer() -> Value {
        json!({
            "entity_id": "e", "authority_id": "did:web:a.example", "action": "issue", "resource": "R",
            "authorized": true, "time_evaluated": "2026-11-22T12:00:00Z", "decision": { "any": "extension" },
        })
    }

    #[test]
    fn an_answer_has_its_members_with_their_types() {
        let judged = |body: &Value| members(Kind::Authorization, &reply(200, body));
        assert_eq!(judged(&answer()), Ok(()));
        let with = |name: &str, value: Value| {
            let mut body = answer();
            body[name] = value;
            body
        };
        for (name, value) in [
            ("entity_id", json!(7)),
            ("authorized", json!("true")),
            ("time_evaluated", json!("")),
            ("time_evaluated", json!(1_700_000_000)),
            ("time_requested", Value::Null),
            ("time_requested", json!("2026-11-22")),
            ("message", Value::Null),
            ("context", json!([])),
            ("context", json!({ "time": 7 })),
        ] {
            assert!(judged(&with(name, value.clone())).is_err(), "{name}: {value}");
        }
        for name in ["entity_id", "authority_id", "action", "resource", "authorized", "time_evaluated"] {
            let mut body = answer();
            body.as_object_mut().expect("an object").shift_remove(name);
            assert_eq!(judged(&body), Err(format!("`{name}` is missing")));
        }
        assert!(judged(&json!([])).is_err());
        assert!(members(Kind::Recognition, &reply(200, &answer())).is_err(), "another decision");
    }

    #[test]
    fn a_problem_says_what_it_is_and_the_status_of_its_response() {
        let judged = |body: Value| problem(&reply(400, &body));
        assert_eq!(judged(json!({ "type": "urn:x", "title": "no", "status": 400, "more": [] })), Ok(()));
        assert!(judged(json!({ "type": "urn:x", "status": 404 })).is_err());
        assert!(judged(json!({ "type": "urn:x", "status": "400" })).is_err());
        assert!(judged(json!({ "title": "no" })).is_err());
        assert!(judged(json!({ "status": 400 })).is_err());
        assert!(judged(json!({ "title": 7, "status": 400 })).is_err());
        assert!(problem(&Reply { body: b"no".to_vec(), ..reply(400, &json!({})) }).is_err());
    }

    #[test]
    fn terms_and_times_are_those_of_the_question() {
        let question = Question {
            kind: Kind::Authorization,
            authority: "did:web:a.example".to_owned(),
            entity: "e".to_owned(),
            action: "issue".to_owned(),
            resource: "R".to_owned(),
            context: BTreeMap::new(),
        };
        assert_eq!(echo(&question, &reply(200, &answer())), Ok(()));
        let other = Question { entity: "f".to_owned(), ..question };
        assert_eq!(
            echo(&other, &reply(200, &answer())),
            Err("`entity_id` is not that of the question".to_owned())
        );
        let evaluated = time_of(&reply(200, &answer()), "time_evaluated").expect("a time").expect("one");
        assert_eq!(evaluated.to_string(), "2026-11-22T12:00:00Z");
        assert_eq!(time_of(&reply(200, &answer()), "time_requested"), Ok(None));
    }
}
