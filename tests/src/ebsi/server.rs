//! A Trusted Issuers and DID Registry on loopback, as it was recorded: paths and what is answered there.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use charter_domain::Timestamp;
use http::{StatusCode, Uri, header};
use serde_json::{Value, json};

/// What is answered at a path.
#[derive(Clone)]
pub enum Reply {
    Text(String),
    /// A DID document that is another one before an instant.
    Document {
        now: String,
        before: (Timestamp, String),
    },
    /// Attribute ids, as EBSI's pages: the last one's `next` is itself.
    List(Vec<String>),
    /// Whatever page is asked for, there is a next one.
    Endless,
    Redirect(String),
    /// Never.
    Silence,
}

type Replies = Arc<Mutex<HashMap<String, Reply>>>;

pub struct Server {
    pub url: String,
    replies: Replies,
    asked: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Desk {
    url: String,
    replies: Replies,
    asked: Arc<Mutex<Vec<String>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    pub async fn start() -> Self {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let url = format!("http://{}", socket.local_addr().expect("bound"));
        let (replies, asked) = (Replies::default(), Arc::<Mutex<Vec<String>>>::default());
        let desk = Desk { url: url.clone(), replies: Arc::clone(&replies), asked: Arc::clone(&asked) };
        let router = Router::new().fallback(answer).with_state(desk);
        tokio::spawn(async move { axum::serve(socket, router).await.expect("served") });
        Self { url, replies, asked }
    }

    /// From now on.
    pub fn answers(&self, path: String, reply: Reply) {
        locked(&self.replies).insert(path, reply);
    }

    /// Paths with queries, in the order in which they were asked for.
    pub fn asked(&self) -> Vec<String> {
        locked(&self.asked).clone()
    }
}

async fn answer(State(desk): State<Desk>, uri: Uri) -> Response {
    let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
    locked(&desk.asked).push(format!("{path}?{query}"));
    let found = locked(&desk.replies).get(&path).cloned();
    match found {
        None => (StatusCode::NOT_FOUND, "{}").into_response(),
        Some(Reply::Text(text)) => text_of(text),
        Some(Reply::Document { now, before: (from, old) }) => {
            let then = query.strip_prefix("valid-at=").map(|at| Timestamp::parse(at).expect("an instant"));
            text_of(if then.is_some_and(|then| then < from) { old } else { now })
        }
        Some(Reply::List(ids)) => text_of(page(&desk.url, &path, &query, &ids).to_string()),
        Some(Reply::Endless) => {
            let number = parameter(&query, "page[after]");
            let item = json!({ "id": format!("{number:064x}"), "href": desk.url });
            let next = format!("{}{path}?page[after]={}", desk.url, number + 1);
            text_of(json!({ "items": [item], "total": 1, "links": { "next": next } }).to_string())
        }
        Some(Reply::Redirect(to)) => Redirect::temporary(&to).into_response(),
        Some(Reply::Silence) => std::future::pending().await,
    }
}

fn text_of(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn parameter(query: &str, name: &str) -> usize {
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    pair.expect("the parameter").parse().expect("a number")
}

fn page(url: &str, path: &str, query: &str, ids: &[String]) -> Value {
    let (number, size) = (parameter(query, "page[after]"), parameter(query, "page[size]"));
    let last = ids.len().div_ceil(size).max(1);
    let link = |n: usize| format!("{url}{path}?page[after]={n}&page[size]={size}");
    let item = |id: &String| json!({ "id": id, "href": format!("{url}{path}/{id}") });
    let items: Vec<Value> = ids.iter().skip((number - 1) * size).take(size).map(item).collect();
    json!({
        "self": link(number), "items": items, "total": ids.len(), "pageSize": size,
        "links": {
            "first": link(1), "prev": link(number.max(2) - 1), "next": link((number + 1).min(last)), "last": link(last),
        },
    })
}
