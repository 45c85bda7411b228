//! What an evaluation is asked with (AuthZEN 1.0, 5 and 7.1). Members that are not named here are ignored, as are
//! properties; duplicates are refused.

use std::borrow::Cow;

use charter_domain::{Context, Invalid, id::MAX_BYTES};
use serde::Deserialize;
use serde_json::Value;

use super::key::Keys;
use crate::{
    Error,
    error::Code,
    rest::members::{Members, Object},
};

/// The type of a subject that is asked about by name and key.
pub const KEY: &str = "key";
/// Of a subject that is asked about as an authority: whether it is recognised.
pub const AUTHORITY: &str = "authority";
/// The member of the context that names who decides.
const AUTHORITY_ID: &str = "authority_id";

#[derive(Deserialize)]
pub struct Subject<'a> {
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    #[serde(borrow)]
    pub id: Cow<'a, str>,
}

#[derive(Deserialize)]
pub struct Action<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(default, alias = "parameters")]
    pub properties: Option<Object<Properties>>,
}

/// What a role is to be held for; read in questions about keys alone.
#[derive(Deserialize)]
pub struct Properties {
    #[serde(default)]
    pub credential_types: Option<Vec<String>>,
}

#[derive(Deserialize)]
pub struct Resource<'a> {
    /// Absent in questions about a name alone.
    #[serde(rename = "type", default, borrow)]
    pub kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(default)]
    pub key: Option<Keys>,
}

#[derive(Deserialize)]
pub struct Evaluation<'a> {
    #[serde(borrow, default)]
    subject: Option<Object<Subject<'a>>>,
    #[serde(borrow, default)]
    action: Option<Object<Action<'a>>>,
    #[serde(borrow, default)]
    resource: Option<Object<Resource<'a>>>,
    #[serde(default)]
    context: Option<Members<Value>>,
}

/// Several, with what is common to them.
#[derive(Deserialize)]
pub struct Batch<'a> {
    #[serde(borrow, default)]
    subject: Option<Object<Subject<'a>>>,
    #[serde(borrow, default)]
    action: Option<Object<Action<'a>>>,
    #[serde(borrow, default)]
    resource: Option<Object<Resource<'a>>>,
    #[serde(default)]
    context: Option<Members<Value>>,
    #[serde(borrow, default)]
    pub evaluations: Option<Vec<Object<Evaluation<'a>>>>,
    #[serde(default)]
    options: Option<Object<Options>>,
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    evaluations_semantic: Option<String>,
}

/// After which answer no further ones are given (AuthZEN 1.0, 7.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Semantic {
    All,
    FirstDeny,
    FirstPermit,
}

impl Semantic {
    pub fn ends_with(self, decision: bool) -> bool {
        match self {
            Self::All => false,
            Self::FirstDeny => !decision,
            Self::FirstPermit => decision,
        }
    }
}

impl Evaluation<'_> {
    pub fn parts(&self) -> Parts<'_> {
        Parts::new((&self.subject, &self.action, &self.resource, &self.context))
    }
}

impl Batch<'_> {
    /// What is common to all.
    pub fn parts(&self) -> Parts<'_> {
        Parts::new((&self.subject, &self.action, &self.resource, &self.context))
    }

    pub fn semantic(&self) -> Result<Semantic, Invalid> {
        match self.options.as_ref().and_then(|Object(o)| o.evaluations_semantic.as_deref()) {
            None | Some("execute_all") => Ok(Semantic::All),
            Some("deny_on_first_deny") => Ok(Semantic::FirstDeny),
            Some("permit_on_first_permit") => Ok(Semantic::FirstPermit),
            Some(_) => Err(Invalid::new(
                "options.evaluations_semantic",
                "must be `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`",
            )),
        }
    }
}

/// The parts of one question, its own or those of all.
#[derive(Clone, Copy)]
pub struct Parts<'b> {
    subject: Option<&'b Subject<'b>>,
    action: Option<&'b Action<'b>>,
    resource: Option<&'b Resource<'b>>,
    context: Option<&'b Members<Value>>,
}

/// The parts as a body has them.
type Read<'b> = (
    &'b Option<Object<Subject<'b>>>,
    &'b Option<Object<Action<'b>>>,
    &'b Option<Object<Resource<'b>>>,
    &'b Option<Members<Value>>,
);

impl<'b> Parts<'b> {
    fn new((subject, action, resource, context): Read<'b>) -> Self {
        Self {
            subject: subject.as_ref().map(|Object(subject)| subject),
            action: action.as_ref().map(|Object(action)| action),
            resource: resource.as_ref().map(|Object(resource)| resource),
            context: context.as_ref(),
        }
    }

    /// Each part that is there as a whole, else that of `common`.
    pub fn or(self, common: Self) -> Self {
        Self {
            subject: self.subject.or(common.subject),
            action: self.action.or(common.action),
            resource: self.resource.or(common.resource),
            context: self.context.or(common.context),
        }
    }

    pub fn subject(self) -> Result<&'b Subject<'b>, Error> {
        self.subject.ok_or_else(|| missing("subject"))
    }

    pub fn action(self) -> Result<&'b Action<'b>, Error> {
        self.asked_action().ok_or_else(|| missing("action"))
    }

    /// Where an action need not be named.
    pub fn asked_action(self) -> Option<&'b Action<'b>> {
        self.action
    }

    pub fn resource(self) -> Result<&'b Resource<'b>, Error> {
        self.resource.ok_or_else(|| missing("resource"))
    }

    /// One that says of which type it is; which one makes no difference to an answer.
    pub fn typed_resource(self) -> Result<&'b Resource<'b>, Error> {
        let resource = self.resource()?;
        if resource.kind.is_some() { Ok(resource) } else { Err(missing("resource.type")) }
    }

    fn members(self) -> impl Iterator<Item = (&'b str, &'b Value)> {
        self.context.into_iter().flat_map(|context| &context.0).map(|(name, value)| (name.as_str(), value))
    }

    /// Nothing in the context but who decides.
    pub fn is_plain(self) -> bool {
        self.members().all(|(name, _)| name == AUTHORITY_ID)
    }

    /// Who is to decide; none: the registry that is asked.
    pub fn authority(self) -> Result<Option<&'b str>, Error> {
        let named = self.members().find(|(name, _)| *name == AUTHORITY_ID);
        let Some((_, value)) = named else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| Invalid::new("context.authority_id", "must be a DID"))?;
        Ok(Some(text))
    }

    /// What TRQP's context has, and values that may be conditions. What can be neither is ignored.
    pub fn context(self) -> Result<Context, Error> {
        let mut members = Vec::new();
        for (name, value) in self.members().filter(|(name, _)| *name != AUTHORITY_ID) {
            let text = match value {
                Value::String(text) => Some(text.clone()),
                Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
                _ => None,
            };
            match text {
                Some(text) if is_ours(name) || (name.len() <= MAX_NAME && text.len() <= MAX_BYTES) => {
                    members.push((name, text));
                }
                None if is_ours(name) => {
                    return Err(Invalid::new(format!("context.{name}"), "must be a string").into());
                }
                _ => {}
            }
        }
        Ok(Context::parse(members.iter().map(|(name, text)| (*name, text.as_str())))?)
    }
}

/// Longest name of a condition.
const MAX_NAME: usize = 128;

fn is_ours(name: &str) -> bool {
    let ours =
        ["time", "known_at", "locator", "jurisdiction", "evidence", "follow_recognition", "max_staleness"];
    ours.contains(&name)
}

fn missing(part: &str) -> Error {
    let detail = format!("the body does not have the right members: `{part}` is missing");
    Error { field: Some(part.to_owned()), ..Error::new(Code::Invalid, detail) }
}

/// A fault of one of TRQP's four terms, where it stands here.
pub fn placed(fault: Invalid) -> Invalid {
    let place = match fault.field.as_str() {
        "entity_id" => "subject.id",
        "authority_id" => "context.authority_id",
        "action" => "action.name",
        "resource" => "resource.id",
        _ => return fault,
    };
    fault.at(place)
}
