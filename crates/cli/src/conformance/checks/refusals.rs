//! Bodies that must not be answered: no JSON, no question, terms that are none, too deep, too large.

use serde_json::{Value, json};

use crate::conformance::{
    catalogue::Check,
    probe::{Probe, decides, one_of},
    question::{Question, TERMS},
    wire::{Ask, Reply},
};

const DEEP: usize = 2_000;
const LARGE: usize = 2 * 1024 * 1024;

pub async fn check(probe: &mut Probe<'_>) {
    let question = probe.template();
    let post = |body: String| Ask::post(question.kind, body);
    let with = |name: &str, value: Value| {
        let mut body = question.body();
        body[name] = value;
        post(body.to_string())
    };
    probe.each(Check::NotJson, not_json(&question), one_of(&[400])).await;
    let all = json!(TERMS.map(|name| question.body()[name].clone())).to_string();
    let others = ["null", "[]", "\"text\"", "7", "true", all.as_str()];
    probe.each(Check::NotObject, others.map(|body| post(body.to_owned())).to_vec(), one_of(&[400])).await;
    let missing = TERMS.map(|name| post(without(&question, name)));
    probe.each(Check::Missing, missing.to_vec(), one_of(&[400])).await;
    let others = [Value::Null, json!(7), json!(true), json!(["issue"]), json!({ "a": 1 })];
    probe.each(Check::Types, terms(&others, with), one_of(&[400])).await;
    let empty = ["action", "resource"].map(|name| with(name, json!("")));
    probe.each(Check::Empty, empty.to_vec(), one_of(&[400])).await;
    let strange = ["a b", "<x>", "%zz", "a\nb", "{x}"].map(|text| json!(text));
    probe.each(Check::Identifiers, terms(&strange, with), one_of(&[400])).await;
    let contexts = [Value::Null, json!("text"), json!([]), json!(7)].map(|value| with("context", value));
    probe.each(Check::ContextTypes, contexts.to_vec(), one_of(&[400])).await;
    let twice = TERMS.map(|name| post(question.with(name, "\"again\"")));
    probe.each(Check::Duplicates, twice.to_vec(), one_of(&[400])).await;
    deep(probe, &question).await;
    large(probe, &question).await;
}

/// Each value in the place of each term.
fn terms(values: &[Value], with: impl Fn(&str, Value) -> Ask) -> Vec<Ask> {
    let mut asks = Vec::new();
    for name in TERMS {
        asks.extend(values.iter().map(|value| with(name, value.clone())));
    }
    asks
}

fn not_json(question: &Question) -> Vec<Ask> {
    let good = question.body().to_string();
    let texts = [
        String::new(),
        "{".to_owned(),
        "not json".to_owned(),
        good.replacen('"', "'", 2),
        format!("{good}{good}"),
        format!("{good} trailing"),
    ];
    let bytes = [good.as_bytes(), b"\xff\xfe"].concat();
    let texts = texts.map(String::into_bytes).into_iter().chain([bytes]);
    texts.map(|body| Ask::post(question.kind, body)).collect()
}

fn without(question: &Question, name: &str) -> String {
    let mut body = question.body();
    if let Some(members) = body.as_object_mut() {
        members.shift_remove(name);
    }
    body.to_string()
}

/// Refused, or ignored as any other unknown member; the registry goes on either way.
async fn deep(probe: &mut Probe<'_>, question: &Question) {
    let value = format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP));
    let bodies = [question.with("x_conformance", &value), value];
    let asks = bodies.map(|body| Ask::post(question.kind, body));
    probe.each(Check::Deep, asks.to_vec(), one_of(&[200, 400, 404, 413])).await;
}

/// Refused, also by closing the connection while it is sent; the registry goes on either way.
async fn large(probe: &mut Probe<'_>, question: &Question) {
    let body = question.with("x_conformance", &format!("\"{}\"", "a".repeat(LARGE)));
    let seen = probe.send(&Ask::post(question.kind, body)).await;
    let refused = seen.reply.as_ref().map_or(Ok(()), |reply| one_of(&[400, 413])(reply));
    let judged = match (refused, probe.any()) {
        (Ok(()), Some(answered)) => {
            let again = probe.send(&Ask::question(&answered.question)).await;
            let kind = answered.question.kind;
            let goes_on = |reply: Reply| decides(kind, answered.decided)(&reply);
            let gone = |fault| format!("no answer to the next question: {fault}");
            again.reply.map_err(gone).and_then(goes_on)
        }
        (refused, _) => refused,
    };
    probe.note(Check::Large, judged, seen.exchange);
}
