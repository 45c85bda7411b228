//! Joining and leaving over REST: the methods of `ApplicationService` and `JoiningService`. A body has the members of the
//! request but those that stand elsewhere: the registry and the application in the address.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts as _, State},
    http::{Request, Response},
};
use charter_proto::charter::registry::v1::{
    application_service_server::ApplicationService as _, joining_service_server::JoiningService as _,
};
use prost::Message;
use prost_reflect::{ReflectMessage as _, Value as Field};
use serde_json::Value;

use super::{
    body, query,
    transcode::{self, Method, Read, lost},
};
use crate::{
    App, Error,
    error::Code,
    grpc::{Doorway, Reply},
};

type Answer = Result<Response<Body>, Error>;

const fn open(name: &'static str) -> Method {
    Method { service: "charter.registry.v1.ApplicationService", name, segment: None }
}

const fn staff(name: &'static str) -> Method {
    Method { service: "charter.registry.v1.JoiningService", name, segment: None }
}

const SUBMIT: Method = open("SubmitApplication");
const INQUIRE: Method = open("InquireApplication");
const SIGN: Method = staff("SignApplication");
pub const LIST: Method = staff("ListApplications");
pub const GET: Method = Method { segment: Some(ID), ..staff("GetApplication") };
const ACCEPT: Method = staff("AcceptApplication");
const REFUSE: Method = staff("RefuseApplication");

const ID: &str = "application_id";
/// Fields that are no members of a body, and where they are.
const ELSEWHERE: [(&str, &str); 2] =
    [("registry_id", "is in the address or in `charter-registry`"), (ID, "is in the address")];

/// A request with a body.
pub struct Post {
    read: Read,
    body: Value,
    /// What stands after the last `/`.
    segment: String,
}

impl FromRequest<Arc<App>> for Post {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, app: &Arc<App>) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let read = Read::from_request_parts(&mut parts, app).await?;
        query::parameters(&parts.uri, [])?;
        let segment = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
        let bytes = body::json_bytes(Request::from_parts(parts, body), body::SINGLE).await?;
        Ok(Self { read, body: body::strict(&bytes)?, segment })
    }
}

impl Post {
    /// Calls the method as gRPC would; `id` is the application's, where there is one.
    async fn answer<Q, A, F>(
        self,
        method: Method,
        id: Option<&str>,
        call: impl FnOnce(Doorway, tonic::Request<Q>) -> F,
    ) -> Answer
    where
        Q: Message + Default,
        A: Message,
        F: Future<Output = Reply<A>> + Send,
    {
        let mut message = transcode::message(method, &self.body, &ELSEWHERE)?;
        if let (Some(field), Some(id)) = (message.descriptor().get_field_by_name(ID), id) {
            message.set_field(&field, Field::String(id.to_owned()));
        }
        self.read.sends(method, &message, call).await
    }
}

/// `POST /api/v1/applications:submit`
pub async fn submit(post: Post) -> Answer {
    post.answer(SUBMIT, None, |door, r| async move { door.submit_application(r).await }).await
}

/// `POST /api/v1/applications:inquire`
pub async fn inquire(post: Post) -> Answer {
    post.answer(INQUIRE, None, |door, r| async move { door.inquire_application(r).await }).await
}

/// Somebody who is no member of staff is told so before their body is read.
async fn signed_in(app: &Arc<App>, request: Request<Body>) -> Result<Post, Error> {
    let here = request.extensions().get::<crate::door::Here>().copied().ok_or_else(lost)?;
    super::governance::who(app, &here, request.headers()).await?;
    Post::from_request(request, app).await
}

/// `POST /api/v1/applications:sign`
pub async fn sign(State(app): State<Arc<App>>, request: Request<Body>) -> Answer {
    let post = signed_in(&app, request).await?;
    post.answer(SIGN, None, |door, r| async move { door.sign_application(r).await }).await
}

/// `GET /api/v1/applications?state=`
pub async fn list(read: Read) -> Answer {
    read.answer(LIST, |door, r| async move { door.list_applications(r).await }).await
}

/// `GET /api/v1/applications/{application_id}`
pub async fn get(read: Read) -> Answer {
    read.answer(GET, |door, r| async move { door.get_application(r).await }).await
}

/// `POST /api/v1/applications/{application_id}:accept`, `:refuse`
pub async fn act(State(app): State<Arc<App>>, request: Request<Body>) -> Answer {
    let post = signed_in(&app, request).await?;
    let segment = post.segment.clone();
    match segment.split_once(':') {
        Some((id, "accept")) => {
            post.answer(ACCEPT, Some(id), |door, r| async move { door.accept_application(r).await }).await
        }
        Some((id, "refuse")) => {
            post.answer(REFUSE, Some(id), |door, r| async move { door.refuse_application(r).await }).await
        }
        _ => Err(Error::new(Code::NotFound, "an application takes `:accept` and `:refuse`")),
    }
}
