//! Methods of the gRPC services over REST: parameters (of a load: the body) become the fields of the request, the reply
//! becomes JSON. So both doors have the same filters, pages and masks, and the same faults.

use std::{fmt::Write as _, sync::Arc};

use axum::{body::Body, extract::FromRequestParts};
use charter_domain::{Invalid, Timestamp};
use http::{HeaderMap, HeaderValue, Response, Uri, header, request::Parts};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value as Field};
use serde_json::{Map, Value};
use tonic::{Request, metadata::MetadataMap};

use super::{query, tag::tagged};
use crate::{
    App, Error,
    door::Here,
    error::Code,
    grpc::{Doorway, Reply},
    proto::{self, parse},
};

/// What REST calls a field mask.
pub const FIELDS: &str = "fields";
const MASK: &str = "read_mask";
const NEXT: &str = "next_page_token";

/// A method of a service, and the field that the last segment of the path fills, where there is one.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    pub service: &'static str,
    pub name: &'static str,
    pub segment: Option<&'static str>,
}

/// What a read is asked with.
pub struct Read {
    app: Arc<App>,
    here: Here,
    pub(super) headers: HeaderMap,
    uri: Uri,
}

impl FromRequestParts<Arc<App>> for Read {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let here = parts.extensions.get::<Here>().copied().ok_or_else(lost)?;
        Ok(Self { app: Arc::clone(app), here, headers: parts.headers.clone(), uri: parts.uri.clone() })
    }
}

pub(super) fn lost() -> Error {
    Error::new(Code::Internal, "an error of ours; it was logged")
}

/// The last segment: as it stands where it begins as a DID (`%3A` within one is part of it), else decoded once.
pub(super) fn segment(uri: &Uri) -> Result<String, Error> {
    let raw = uri.path().rsplit('/').next().unwrap_or_default();
    if raw.starts_with("did:") {
        return Ok(raw.to_owned());
    }
    let decoded = percent_decode_str(raw).decode_utf8();
    Ok(decoded.map_err(|_| Error::new(Code::Invalid, "the path is not UTF-8"))?.into_owned())
}

fn value(field: &FieldDescriptor, text: &str) -> Result<Field, Error> {
    let bad = |what: &str| Error::from(Invalid::new(field.name(), what));
    match field.kind() {
        Kind::String => Ok(Field::String(text.to_owned())),
        Kind::Int32 => text.parse().map(Field::I32).map_err(|_| bad("must be a number")),
        Kind::Int64 => text.parse().map(Field::I64).map_err(|_| bad("must be a number")),
        Kind::Bool => text.parse().map(Field::Bool).map_err(|_| bad("must be `true` or `false`")),
        Kind::Message(of) if of.full_name() == proto::MASK => {
            let paths = text.split(',').map(|path| Field::String(path.trim().to_owned())).collect();
            let mut mask = DynamicMessage::new(of);
            mask.set_field_by_name("paths", Field::List(paths));
            Ok(Field::Message(mask))
        }
        Kind::Message(of) if of.full_name() == proto::TIMESTAMP => {
            Ok(parse::time(of, Timestamp::parse(text).map_err(|e| bad(&e.reason))?))
        }
        _ => Err(bad("is not a parameter here")),
    }
}

/// The members of a body as the message that a method takes; `elsewhere` are fields that are no members, and where they
/// are.
pub(super) fn message(
    method: Method,
    body: &Value,
    elsewhere: &[(&str, &str)],
) -> Result<DynamicMessage, Error> {
    let input = proto::method(method.service, method.name).ok_or_else(lost)?.input();
    if let Some((name, place)) = elsewhere.iter().find(|(name, _)| body.get(name).is_some()) {
        return Err(Invalid::new(*name, *place).into());
    }
    Ok(parse::message(&input, body, "")?)
}

/// The parameters that a method takes over REST, by field.
pub fn parameters(input: &MessageDescriptor, method: Method) -> Vec<FieldDescriptor> {
    // The registry is in the address.
    let taken = |f: &FieldDescriptor| f.name() == "registry_id" || Some(f.name()) == method.segment;
    input.fields().filter(|f| !taken(f)).collect()
}

impl Read {
    fn request(&self, input: &MessageDescriptor, method: Method) -> Result<DynamicMessage, Error> {
        let fields = parameters(input, method);
        let mut message = DynamicMessage::new(input.clone());
        for (name, text) in query::all(&self.uri)? {
            let plain = if name == FIELDS { MASK } else { name.as_str() };
            let found = fields.iter().find(|f| f.name() == plain && name != MASK);
            let unknown = || Error::new(Code::Invalid, format!("`{name:.64}` is not a parameter here"));
            let field = found.ok_or_else(unknown)?;
            // Where nothing is a value like any other it is as if it had not been given.
            let none = text.is_empty() && (field.kind() == Kind::String || name == FIELDS);
            if !none {
                message.set_field(field, value(field, &text)?);
            }
        }
        if let Some(field) = method.segment.and_then(|name| input.get_field_by_name(name)) {
            message.set_field(&field, value(&field, &segment(&self.uri)?)?);
        }
        Ok(message)
    }

    /// Calls the method as gRPC would, and shows what it answers.
    pub async fn answer<Q, A, F>(
        self,
        method: Method,
        call: impl FnOnce(Doorway, Request<Q>) -> F,
    ) -> Result<Response<Body>, Error>
    where
        Q: Message + Default,
        A: Message,
        F: Future<Output = Reply<A>> + Send,
    {
        let descriptor = proto::method(method.service, method.name).ok_or_else(lost)?;
        let message = self.request(&descriptor.input(), method)?;
        self.sends(method, &message, call).await
    }

    /// The same with a message that is there already.
    pub(super) async fn sends<Q, A, F>(
        self,
        method: Method,
        message: &DynamicMessage,
        call: impl FnOnce(Doorway, Request<Q>) -> F,
    ) -> Result<Response<Body>, Error>
    where
        Q: Message + Default,
        A: Message,
        F: Future<Output = Reply<A>> + Send,
    {
        let descriptor = proto::method(method.service, method.name).ok_or_else(lost)?;
        let message = Q::decode(message.encode_to_vec().as_slice()).map_err(|_| lost())?;
        let mut request = Request::new(message);
        request.extensions_mut().insert(self.here);
        *request.metadata_mut() = MetadataMap::from_headers(self.headers.clone());
        let doorway = Doorway { app: Arc::clone(&self.app) };
        let reply = call(doorway, request).await.map_err(|status| Error::from(&status))?.into_inner();
        let bytes = reply.encode_to_vec();
        let reply = DynamicMessage::decode(descriptor.output(), bytes.as_slice()).map_err(|_| lost())?;
        Ok(self.shown(proto::object(&reply)))
    }

    fn shown(&self, reply: Value) -> Response<Body> {
        let next = reply.get(NEXT).and_then(Value::as_str).map(str::to_owned);
        let mut body = if next.is_some() { reply } else { unwrapped(reply) };
        let asked = query::all(&self.uri).unwrap_or_default();
        if let Some((_, fields)) = asked.iter().find(|(name, _)| name == FIELDS) {
            keep(&mut body, next.is_some(), fields);
        }
        let etag = body.get("etag").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut response = tagged(&self.headers, &etag, &body);
        let link = next.filter(|token| !token.is_empty()).map(|token| link(&asked, &token));
        if let Some(Ok(link)) = link.map(|link| HeaderValue::from_str(&link)) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

/// A single thing without the name of the field that it stands in; what stands beside it joins it.
fn unwrapped(reply: Value) -> Value {
    let Value::Object(members) = reply else { return reply };
    let (things, beside): (Map<_, _>, Map<_, _>) = members.into_iter().partition(|(_, v)| v.is_object());
    let inside =
        things.into_iter().filter_map(|(_, v)| if let Value::Object(inner) = v { Some(inner) } else { None });
    Value::Object(inside.flatten().chain(beside).collect())
}

/// Leaves out what the mask left empty.
fn keep(body: &mut Value, is_list: bool, fields: &str) {
    let names: Vec<&str> =
        fields.split(',').map(|path| path.trim().split('.').next().unwrap_or_default()).collect();
    if names.contains(&"*") {
        return;
    }
    let each = |thing: &mut Value| {
        if let Value::Object(members) = thing {
            members.retain(|name, _| names.contains(&name.as_str()));
        }
    };
    if !is_list {
        return each(body);
    }
    let lists = body.as_object_mut().into_iter().flat_map(Map::values_mut).filter_map(Value::as_array_mut);
    lists.flatten().for_each(each);
}

/// RFC 8288, relative to what was asked.
fn link(asked: &[(String, String)], token: &str) -> String {
    let mut link = "<?".to_owned();
    for (name, value) in asked.iter().filter(|(name, _)| name != "page_token") {
        let _ = write!(link, "{name}={}&", utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
    let _ = write!(link, "page_token={token}>; rel=\"next\"");
    link
}
