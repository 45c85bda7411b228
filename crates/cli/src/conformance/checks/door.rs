//! HTTP: methods, media types, the request id, pages of other origins, TLS.

use hyper::Method;

use crate::conformance::{
    catalogue::Check,
    probe::{Probe, one_of},
    question::{Question, path, word},
    wire::{Ask, Reply},
};

const REQUEST_ID: &str = "5b1c1fd4-6a25-4d0c-9c6c-0d6f3a2e9b71";
const ORIGIN: &str = "https://wallet.example";

pub async fn check(probe: &mut Probe<'_>) {
    let question = probe.template();
    media(probe, &question).await;
    methods(probe, &question).await;
    let refused = Ask::post(question.kind, "{");
    let both = [Ask::question(&question), refused];
    let named = both.clone().map(|ask| ask.header("x-request-id", REQUEST_ID));
    probe
        .each(Check::RequestId, named.to_vec(), |reply: &Reply| has(reply, "x-request-id", &[REQUEST_ID]))
        .await;
    cors(probe, &question, both).await;
    if probe.target.is_https() {
        probe.note(Check::Tls, Ok(()), Default::default());
    } else {
        probe.skip(Check::Tls, "it was asked on loopback, without TLS");
    }
}

async fn media(probe: &mut Probe<'_>, question: &Question) {
    let others = ["text/plain", "application/xml", "application/jsonp"];
    let others = others.map(|media| Ask::question(question).header("content-type", media));
    probe.each(Check::MediaType, others.to_vec(), one_of(&[415, 400])).await;
    let usual = ["application/json; charset=utf-8", "Application/JSON"];
    let usual = usual.map(|media| Ask::question(question).header("content-type", media));
    // 404: the question is understood, and its terms are not known.
    probe.each(Check::Charset, usual.to_vec(), one_of(&[200, 404])).await;
}

async fn methods(probe: &mut Probe<'_>, question: &Question) {
    let others = [Method::GET, Method::HEAD, Method::PUT, Method::DELETE];
    let asks =
        others.map(|method| Ask { kind: Some(question.kind), ..Ask::new(method, path(question.kind)) });
    let word = word(question.kind);
    let no_answer = |reply: &Reply| match reply.json().get(word) {
        Some(_) => Err(format!("`{word}` is answered without a question")),
        None if reply.status < 400 => Err(format!("{} in the place of a refusal", reply.status)),
        None => Ok(()),
    };
    probe.each(Check::NotGet, asks.to_vec(), no_answer).await;
    let allowed = |reply: &Reply| {
        one_of(&[405])(reply)?;
        let allow = reply.header("allow");
        let post = allow.split(',').any(|method| method.trim().eq_ignore_ascii_case("POST"));
        if post { Ok(()) } else { Err(format!("`Allow` is `{allow}`, without POST")) }
    };
    probe.each(Check::Allow, asks.to_vec(), allowed).await;
}

async fn cors(probe: &mut Probe<'_>, question: &Question, both: [Ask; 2]) {
    let preflight = Ask::new(Method::OPTIONS, path(question.kind))
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let allowed = |reply: &Reply| {
        if !(200..300).contains(&reply.status) {
            return Err(format!("{} in the place of a success", reply.status));
        }
        has(reply, "access-control-allow-origin", &["*", ORIGIN])?;
        lists(reply, "access-control-allow-headers", "content-type")
    };
    probe.each(Check::CorsPreflight, vec![preflight], allowed).await;
    let asks = both.map(|ask| ask.header("origin", ORIGIN));
    let readable = |reply: &Reply| has(reply, "access-control-allow-origin", &["*", ORIGIN]);
    probe.each(Check::CorsAnswer, asks.to_vec(), readable).await;
}

/// The header is one of these.
fn has(reply: &Reply, name: &str, wanted: &[&str]) -> Result<(), String> {
    match reply.header(name) {
        found if wanted.contains(&found) => Ok(()),
        "" => Err(format!("`{name}` is missing")),
        found => Err(format!("`{name}` is `{found}`")),
    }
}

/// The header lists it, or anything.
fn lists(reply: &Reply, name: &str, wanted: &str) -> Result<(), String> {
    let found = reply.header(name);
    let fits = |word: &str| word.trim() == "*" || word.trim().eq_ignore_ascii_case(wanted);
    if found.split(',').any(fits) { Ok(()) } else { Err(format!("`{name}` is `{found}`, without {wanted}")) }
}
