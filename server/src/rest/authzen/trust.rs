//! Questions about a name and a key, as draft-johansson-authzen-trust-01 profiles an evaluation: the subject is of type
//! `key`, the resource has the same id and the key, the action is a role. Without a key the name alone is asked about.

use charter_domain::{Action, EntityId, Invalid, Reason, Resource};
use serde_json::{Value, json};

use super::{
    Evaluated, context,
    request::{self, Parts},
};
use crate::{
    App, Error,
    app::{
        binding::{self, Bound, MAX_TYPES, Role, Shown, Wanted},
        prepared::Moment,
    },
    door::Here,
    rest::members::Object,
};

pub async fn evaluate(app: &App, here: &Here, parts: Parts<'_>) -> Result<Evaluated, Error> {
    let (name, shown) = shown(parts)?;
    let wanted = wanted(app, here, parts)?;
    let Some(bound) = binding::of(app, here.registry, &name, shown.as_ref()).await? else {
        let unknown = Reason::UnknownEntity;
        let context = json!({ "reason": unknown.code(), "message": unknown.text() });
        return Ok(Evaluated::of(&json!({ "decision": false, "context": context })));
    };
    let (decision, mut context) = match wanted.filter(|_| bound.holds()) {
        None => (bound.holds(), alone(&bound)),
        Some(wanted) => role(app, here, (&bound, &name), &wanted).await?,
    };
    context["known_as"] = json!(bound.party.code());
    if let Some(verdict) = bound.verdict {
        context["key"] = json!({ "verdict": verdict.code(), "message": verdict.text() });
    } else if bound.holds() {
        let said = binding::metadata(app, here.registry, (&bound.party, &name), bound.at).await?;
        context["trust_metadata"] = said.claims;
        if let Some(signed) = said.signed {
            context["trust_metadata_jwt"] = json!(signed);
        }
    }
    Ok(Evaluated::of(&json!({ "decision": decision, "context": context })))
}

/// The name, and the key that is shown for it.
fn shown(parts: Parts<'_>) -> Result<(EntityId, Option<Shown>), Error> {
    let (subject, resource) = (parts.subject()?, parts.resource()?);
    let name = EntityId::parse(&subject.id).map_err(request::placed)?;
    if resource.id != subject.id {
        return Err(Invalid::new("resource.id", "must be that of the subject").into());
    }
    let shown = match (&resource.kind, &resource.key) {
        (None, None) => None,
        (Some(kind), Some(keys)) => Some(keys.shown(kind)?),
        (Some(_), None) => {
            return Err(Invalid::new("resource.key", "must be there, as `resource.type` is").into());
        }
        (None, Some(_)) => {
            return Err(Invalid::new("resource.type", "must be `jwk` or `x5c` where a key is shown").into());
        }
    };
    Ok((name, shown))
}

/// The role, where one is named.
fn wanted(app: &App, here: &Here, parts: Parts<'_>) -> Result<Option<Wanted>, Error> {
    let own = app.tenant(here.registry)?.registry.authority.as_str();
    if parts.authority()?.is_some_and(|named| named != own) {
        let why = format!("must be `{own}`, or be left out: a registry says of keys what it has recorded");
        return Err(Invalid::new("context.authority_id", why).into());
    }
    let Some(action) = parts.asked_action() else { return Ok(None) };
    let named =
        action.properties.as_ref().and_then(|Object(p)| p.credential_types.as_deref()).unwrap_or_default();
    let place = "action.properties.credential_types";
    if named.len() > MAX_TYPES {
        return Err(Invalid::new(place, format!("must have at most {MAX_TYPES} members")).into());
    }
    let types = named.iter().map(|name| Resource::parse(name)).collect::<Result<Vec<_>, _>>();
    Ok(Some(Wanted {
        action: Action::parse(&action.name).map_err(request::placed)?,
        types: types.map_err(|e| e.at(place))?,
        context: parts.context()?,
    }))
}

/// What the binding alone comes to: why the party does not stand, else what is wrong with the key.
fn alone(bound: &Bound) -> Value {
    let (reason, message) = match bound.verdict {
        Some(verdict) if bound.standing == Reason::Active && !bound.holds() => {
            (verdict.code(), verdict.text())
        }
        _ => (bound.standing.code(), bound.standing.text()),
    };
    json!({ "time_evaluated": bound.at, "reason": reason, "message": message })
}

/// What the role comes to, for whom the binding holds.
async fn role(
    app: &App,
    here: &Here,
    (bound, name): (&Bound, &EntityId),
    wanted: &Wanted,
) -> Result<(bool, Value), Error> {
    let party = (&bound.party, name);
    match binding::role(app, here.registry, party, wanted, |query| here.asks(query)).await? {
        Role::Answered(reply) => {
            let moment = Moment::of(app, here.registry, &reply);
            Ok((reply.is_yes(), context(&reply, &moment.written())))
        }
        Role::NotListed => {
            let none = Reason::NotListed;
            let context =
                json!({ "time_evaluated": bound.at, "reason": none.code(), "message": none.text() });
            Ok((false, context))
        }
    }
}
