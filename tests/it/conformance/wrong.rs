//! A small TRQP registry that does everything right but for one fault that is asked for.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    response::Response,
};
use charter_domain::{AuthorityId, EntityId, Timestamp, json::parse_strict, time::Clock as _};
use charter_server::clock::WallClock;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Map, Value, json};

pub const AUTHORITY: &str = "did:web:small.example";
const TERMS: [&str; 4] = ["entity_id", "authority_id", "action", "resource"];
const LARGEST: usize = 64 * 1024;

/// What the caller of the registry knows: since 2020 one may issue, another never might.
pub const KNOWN: &str = r#"{
    "authority_id": "did:web:small.example",
    "cases": [
        { "entity_id": "did:web:good.example", "action": "issue", "resource": "Degree", "expect": "yes" },
        { "entity_id": "did:web:bad.example", "action": "issue", "resource": "Degree", "expect": "no" },
        { "entity_id": "did:web:good.example", "action": "issue", "resource": "Degree", "expect": "no",
          "name": "before 2020", "context": { "time": "2019-01-01T00:00:00Z" } },
        { "entity_id": "did:web:good.example", "action": "issue", "resource": "Degree", "expect": "yes",
          "kind": "recognition" },
        { "entity_id": "did:web:stranger.example", "action": "issue", "resource": "Degree", "expect": "unknown" }
    ]
}"#;

/// What it does wrong, as words that name the place.
type Fault = &'static str;

struct Registry {
    fault: Fault,
    flipped: AtomicBool,
}

/// Starts it on loopback; it ends with the test.
pub async fn start(fault: Fault) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let registry = Arc::new(Registry { fault, flipped: AtomicBool::new(false) });
    let router = Router::new().fallback(answer).with_state(registry);
    tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    format!("http://{address}")
}

async fn answer(State(registry): State<Arc<Registry>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 16 * 1024 * 1024).await.unwrap_or_default();
    let path = head.uri.path().to_owned();
    let mut response = match (&head.method, path.as_str()) {
        (&Method::OPTIONS, _) => registry.preflight(),
        (_, "/authorization" | "/recognition") => registry.trqp(&head.method, &path, &head.headers, &body),
        (_, path) => registry.about_itself(path),
    };
    let id = head.headers.get("x-request-id").filter(|_| !registry.has("no request id"));
    if let Some(id) = id {
        response.headers_mut().insert("x-request-id", id.clone());
    }
    if !registry.has("no cors") {
        put(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    }
    response
}

fn put(response: &mut Response, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}

fn reply(status: u16, media: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    put(&mut response, header::CONTENT_TYPE, media);
    response
}

impl Registry {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn problem(&self, status: u16, title: &str) -> Response {
        let said = if self.has("problem of another status") { status + 1 } else { status };
        let mut body = json!({ "type": "about:blank", "title": title, "status": said }).to_string();
        if self.has("problem as text") {
            title.clone_into(&mut body);
        }
        let json = self.has("problem as json");
        reply(status, if json { "application/json" } else { "application/problem+json" }, body)
    }

    fn preflight(&self) -> Response {
        let mut response =
            reply(if self.has("no preflight") { 404 } else { 204 }, "text/plain", String::new());
        put(&mut response, header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, x-request-id");
        put(&mut response, header::ACCESS_CONTROL_ALLOW_METHODS, "POST");
        response
    }

    fn about_itself(&self, path: &str) -> Response {
        let mut body = match path {
            "/metadata" => json!({
                "id": AUTHORITY, "name": "Small", "description": "", "governance_framework_id": "https://a.example",
            }),
            "/.well-known/trqp-metadata" => {
                json!({ "trqp_version": if self.has("old version") { "1.0" } else { "2.0" } })
            }
            "/entities" => json!({ "items": [{ "entity_id": "did:web:bad.example" }] }),
            path if path.starts_with("/entities/") => json!([{
                "entity_id": "did:web:bad.example", "authority_id": AUTHORITY, "action": "issue",
                "resource": "Degree", "authorized": self.has("listed otherwise"),
            }]),
            _ if self.has("no 501") => return self.problem(404, "nothing is here"),
            _ => return self.problem(501, "it is not served"),
        };
        if path == "/metadata" && self.has("metadata of its own") {
            body["trqp_version"] = json!("2.0");
        }
        reply(200, "application/json", body.to_string())
    }

    fn trqp(&self, method: &Method, path: &str, headers: &HeaderMap, body: &Bytes) -> Response {
        if *method != Method::POST && !(self.has("get") && *method == Method::GET) {
            let mut response = self.problem(405, "post a question");
            if !self.has("no allow") {
                put(&mut response, header::ALLOW, "POST");
            }
            return response;
        }
        if let Some(response) = self.at_the_door(headers, body) {
            return response;
        }
        let text = std::str::from_utf8(body).unwrap_or_default();
        let question: Option<Value> =
            if self.has("duplicates") { serde_json::from_str(text).ok() } else { parse_strict(text).ok() };
        let question = match question {
            Some(question) => question,
            None if self.has("garbage") || self.has("get") => question_of("did:web:good.example"),
            None if self.has("deep") && text.contains("[[[") => return self.problem(500, "too deep"),
            None => return self.problem(400, "no JSON"),
        };
        let question = match question {
            Value::Array(terms) if self.has("arrays") && terms.len() == 4 => {
                question_of("did:web:good.example")
            }
            question => question,
        };
        match self.decide(&question) {
            Ok(decided) => self.say(path, &question, decided),
            Err((status, title)) => self.problem(status, title),
        }
    }

    fn at_the_door(&self, headers: &HeaderMap, body: &Bytes) -> Option<Response> {
        let media = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media = if self.has("no charset") { media } else { media.split(';').next().unwrap_or_default() };
        if !media.eq_ignore_ascii_case("application/json") && !self.has("any media") && !self.has("get") {
            return Some(self.problem(415, "send JSON"));
        }
        if body.len() > LARGEST && !self.has("unbounded") {
            return Some(self.problem(413, "too large"));
        }
        None
    }

    fn decide(&self, question: &Value) -> Result<bool, (u16, &'static str)> {
        let members = question.as_object().ok_or((400_u16, "no object"))?;
        if self.has("down") {
            return Err((500, "down"));
        }
        let [entity, authority, action, resource] = self.terms(members)?;
        let at = self.time(members)?;
        let known = members.keys().all(|name| TERMS.contains(&name.as_str()) || name == "context");
        if self.has("strict members") && !known {
            return Err((400, "an unknown member"));
        }
        if authority != AUTHORITY {
            return Err((if self.has("unknown authority fails") { 500 } else { 404 }, "authority"));
        }
        match action.as_str() {
            "issue" => {}
            _ if self.has("unknown action is yes") => return Ok(true),
            _ if self.has("unknown terms differ") => return Ok(false),
            _ => return Err((404, "action")),
        }
        if resource != "Degree" {
            return if self.has("unknown resource is yes") { Ok(true) } else { Err((404, "resource")) };
        }
        let since = Timestamp::parse("2020-01-01T00:00:00Z").expect("a time");
        let flip = self.has("flips") && self.flipped.fetch_xor(true, Ordering::Relaxed);
        match entity.as_str() {
            "did:web:good.example" => Ok((self.has("no history") || at >= since) != flip),
            "did:web:bad.example" => Ok(self.has("yes to all")),
            _ if self.has("unknown entity is yes") => Ok(true),
            _ => Err((404, "entity")),
        }
    }

    fn terms(&self, members: &Map<String, Value>) -> Result<[String; 4], (u16, &'static str)> {
        let mut terms = Vec::new();
        for name in TERMS {
            let text = match members.get(name) {
                Some(Value::String(text)) => text.clone(),
                Some(_) if self.has("any type") => right(name).to_owned(),
                None if self.has("missing is guessed") => right(name).to_owned(),
                _ => return Err((400, "a term is missing")),
            };
            let good = match name {
                "authority_id" => AuthorityId::parse(&text).is_ok(),
                _ => EntityId::parse(&text).is_ok(),
            };
            let lenient = self.has("any text") || self.has("empty") && text.is_empty();
            match (good, lenient) {
                (true, _) => terms.push(text),
                (false, true) => terms.push(right(name).to_owned()),
                (false, false) => return Err((400, "no identifier")),
            }
        }
        terms.try_into().map_err(|_| (500, "terms"))
    }

    fn time(&self, members: &Map<String, Value>) -> Result<Timestamp, (u16, &'static str)> {
        let now = WallClock.now();
        let context = match members.get("context") {
            None => return Ok(now),
            Some(Value::Object(context)) => context,
            Some(_) if self.has("any context") => return Ok(now),
            Some(_) => return Err((400, "no context")),
        };
        if self.has("strict context") && context.keys().any(|name| name != "time") {
            return Err((400, "unknown context"));
        }
        let Some(text) = context.get("time") else { return Ok(now) };
        let text = text.as_str().ok_or((400_u16, "no time"))?;
        if self.has("only z") && !text.ends_with('Z') {
            return Err((400, "end it with Z"));
        }
        match Timestamp::parse(text) {
            Ok(at) if self.has("no past") && at < now => Err((500, "no past")),
            Ok(at) if self.has("no future") && at > now => Err((500, "no future")),
            Ok(at) => Ok(at),
            Err(_) if self.has("any time") => Ok(now),
            Err(_) => Err((400, "no time")),
        }
    }

    fn say(&self, path: &str, question: &Value, decided: bool) -> Response {
        let recognition = path == "/recognition";
        let word = if recognition { "recognized" } else { "authorized" };
        let mut body = json!({});
        for name in TERMS {
            body[name] = question.get(name).cloned().unwrap_or_default();
        }
        body[word] = json!(decided);
        let now = WallClock.now().to_string();
        body["time_evaluated"] = json!(now);
        if let Some(time) = question["context"]["time"].as_str().filter(|_| !self.has("no time requested")) {
            body["time_requested"] = json!(time);
            if self.has("times swapped") {
                (body["time_requested"], body["time_evaluated"]) = (json!(now), json!(time));
            }
        }
        let of = |fault: &str| match self.fault.strip_prefix("recognition: ") {
            Some(own) => recognition && own == fault,
            None => !recognition && self.fault == fault,
        };
        if of("null time") {
            body["time_requested"] = Value::Null;
        }
        if of("no time") {
            body.as_object_mut().expect("an object").shift_remove("time_evaluated");
        }
        if of("decision as text") {
            body[word] = json!(decided.to_string());
        }
        if of("another entity") {
            body["entity_id"] = json!("did:web:another.example");
        }
        reply(200, if of("html") { "text/html" } else { "application/json" }, body.to_string())
    }
}

fn right(name: &str) -> &'static str {
    match name {
        "entity_id" => "did:web:good.example",
        "authority_id" => AUTHORITY,
        "action" => "issue",
        _ => "Degree",
    }
}

fn question_of(entity: &str) -> Value {
    json!({ "entity_id": entity, "authority_id": AUTHORITY, "action": "issue", "resource": "Degree" })
}
