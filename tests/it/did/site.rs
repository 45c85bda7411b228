//! Somebody's site on loopback with DID documents, good and bad, that keeps what was asked for.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};

const KEY: &str = "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";

#[derive(Default)]
struct Desk {
    port: u16,
    asked: Mutex<Vec<String>>,
    /// What is in the document besides.
    also: Mutex<Vec<String>>,
    closed: Mutex<bool>,
}

pub struct Site(Arc<Desk>);

impl Desk {
    fn did(&self, name: &str) -> String {
        format!("did:web:localhost%3A{}:{name}", self.port)
    }
    fn document(&self, name: &str) -> Value {
        let did = self.did(name);
        let method = json!({ "id": "#1", "type": "Multikey", "controller": did, "publicKeyMultibase": KEY });
        let also = self.also.lock().expect("lock").clone();
        json!({ "id": did, "alsoKnownAs": also, "verificationMethod": [method] })
    }
}

async fn answer(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Response {
    desk.asked.lock().expect("lock").push(format!("/{name}/did.json"));
    let closed = *desk.closed.lock().expect("lock");
    if closed {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let id = desk.did(&name);
    let text = match name.as_str() {
        "absent" => return StatusCode::NOT_FOUND.into_response(),
        "gone" => return StatusCode::GONE.into_response(),
        "failing" => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "redirect" => return (StatusCode::FOUND, [(header::LOCATION, "/known/did.json")]).into_response(),
        "slow" => std::future::pending().await,
        "other" => desk.document("known").to_string(),
        "keyless" => json!({ "id": id }).to_string(),
        "over" => json!({ "id": id, "deactivated": true }).to_string(),
        "broken" => "{".to_owned(),
        "doubled" => format!(r#"{{"id":"{id}","id":"{id}"}}"#),
        "deep" => format!(r#"{{"id":"{id}","x":{}{}}}"#, "[".repeat(2_000), "]".repeat(2_000)),
        "large" => json!({ "id": id, "x": "x".repeat(65 * 1024) }).to_string(),
        name => desk.document(name).to_string(),
    };
    ([(header::CONTENT_TYPE, "application/did+json")], text).into_response()
}

impl Site {
    pub async fn start() -> Self {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let port = socket.local_addr().expect("bound").port();
        let desk = Arc::new(Desk { port, ..Desk::default() });
        let router = Router::new().route("/{name}/did.json", get(answer)).with_state(Arc::clone(&desk));
        tokio::spawn(async move { axum::serve(socket, router).await.expect("served") });
        Self(desk)
    }

    pub fn did(&self, name: &str) -> String {
        self.0.did(name)
    }
    /// Paths, in the order in which they came.
    pub fn asked(&self) -> Vec<String> {
        self.0.asked.lock().expect("lock").clone()
    }
    /// Its documents are others from now on.
    pub fn changes(&self, also: &str) {
        *self.0.also.lock().expect("lock") = vec![also.to_owned()];
    }
    /// It answers nothing of use, or does again.
    pub fn closes(&self, closed: bool) {
        *self.0.closed.lock().expect("lock") = closed;
    }
}
