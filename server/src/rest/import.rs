//! Loading over REST: the methods of `ImportService`, under the bootstrap token. A body has the members of the request
//! but those that stand elsewhere: the registry in the address, the request id in `Idempotency-Key`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts as _},
    http::{Request, Response},
};
use charter_proto::charter::registry::v1::import_service_server::ImportService as _;
use prost::Message;
use prost_reflect::{ReflectMessage as _, Value as Field};
use serde_json::Value;

use super::{
    body, query, tag,
    transcode::{self, Method, Read},
};
use crate::{
    App, Error,
    app::once,
    grpc::{Doorway, Reply},
};

type Answer = Result<Response<Body>, Error>;

const fn method(name: &'static str) -> Method {
    Method { service: "charter.registry.v1.ImportService", name, segment: None }
}

const RECORDS: Method = method("ImportRecords");
const DELEGATION: Method = method("PutDelegation");
const SCHEMA: Method = method("PutSchema");
const STATUS: Method = method("SetStatus");
const SEAL: Method = method("SealRegistry");

const REQUEST_ID: &str = "request_id";
/// Fields that are no members of a body, and where they are.
const ELSEWHERE: [(&str, &str); 2] =
    [("registry_id", "is in the address or in `charter-registry`"), (REQUEST_ID, "is in `Idempotency-Key`")];

/// What somebody wants loaded, who has the token.
pub struct Load {
    read: Read,
    body: Value,
}

impl FromRequest<Arc<App>> for Load {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, app: &Arc<App>) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let read = Read::from_request_parts(&mut parts, app).await?;
        // Before the body is read.
        once::principal(&app.caller(&parts.headers)?)?;
        query::parameters(&parts.uri, [])?;
        let bytes = body::json_bytes(Request::from_parts(parts, body), body::LOAD).await?;
        Ok(Self { read, body: body::strict(&bytes)? })
    }
}

impl Load {
    /// Calls the method as gRPC would.
    async fn answer<Q, A, F>(
        self,
        method: Method,
        call: impl FnOnce(Doorway, tonic::Request<Q>) -> F,
    ) -> Answer
    where
        Q: Message + Default,
        A: Message,
        F: Future<Output = Reply<A>> + Send,
    {
        let mut message = transcode::message(method, &self.body, &ELSEWHERE)?;
        if let Some(field) = message.descriptor().get_field_by_name(REQUEST_ID) {
            message.set_field(&field, Field::String(tag::request_id(&self.read.headers)?));
        }
        self.read.sends(method, &message, call).await
    }
}

/// `POST /api/v1/import/records`: one chunk.
pub async fn records(load: Load) -> Answer {
    load.answer(RECORDS, |door, r| async move { door.import_chunk(r).await }).await
}

/// `POST /api/v1/import/delegations`
pub async fn delegation(load: Load) -> Answer {
    load.answer(DELEGATION, |door, r| async move { door.put_delegation(r).await }).await
}

/// `POST /api/v1/import/schemas`
pub async fn schema(load: Load) -> Answer {
    load.answer(SCHEMA, |door, r| async move { door.put_schema(r).await }).await
}

/// `POST /api/v1/import/status`
pub async fn status(load: Load) -> Answer {
    load.answer(STATUS, |door, r| async move { door.set_status(r).await }).await
}

/// `POST /api/v1/import/seal`
pub async fn seal(load: Load) -> Answer {
    load.answer(SEAL, |door, r| async move { door.seal_registry(r).await }).await
}
