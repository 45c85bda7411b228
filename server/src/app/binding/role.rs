//! Whether a party whose key was shown may do what it is said to do.

use charter_domain::{Action, Context, EntityId, Kind, Query, RegistryId, Resource};

use super::Party;
use crate::{
    App, Error,
    app::{
        answer::Reply,
        query::{self, Asked},
    },
};

/// Most credential types that one question about a role is asked of.
pub const MAX_TYPES: usize = 8;

/// What is to be allowed.
#[derive(Debug)]
pub struct Wanted {
    pub action: Action,
    /// With each of these; none: with any that the party's own statements are about.
    pub types: Vec<Resource>,
    pub context: Context,
}

/// What a role comes to.
pub enum Role {
    Answered(Box<Reply>),
    /// Nothing is recorded that could be asked about.
    NotListed,
}

/// Asks this registry what is wanted, of all types until a no, of any until a yes; of several noes the one that says most.
/// `asks` makes a question of the request's.
///
/// # Errors
/// Where one of the questions cannot be decided.
pub async fn role(
    app: &App,
    registry: RegistryId,
    (party, name): (&Party, &EntityId),
    wanted: &Wanted,
    asks: impl Fn(Query) -> Asked,
) -> Result<Role, Error> {
    let authority = &app.tenant(registry)?.registry.authority;
    let (all, recorded) = (!wanted.types.is_empty(), recorded(party, &wanted.action));
    let types = if all { wanted.types.as_slice() } else { recorded.as_slice() };
    let mut last: Option<Reply> = None;
    for resource in types {
        let asked = asks(Query {
            kind: Kind::Authorization,
            authority: authority.clone(),
            entity: name.clone(),
            action: wanted.action.clone(),
            resource: resource.clone(),
            context: wanted.context.clone(),
        });
        let reply = Box::pin(query::answer(app, asked)).await?;
        if let Some(error) = query::undecided(app, &reply) {
            return Err(error);
        }
        if reply.is_yes() != all {
            return Ok(Role::Answered(Box::new(reply)));
        }
        let weight = reply.reason.specificity();
        last = last.filter(|held| held.reason.specificity() >= weight).or(Some(reply));
    }
    Ok(last.map_or(Role::NotListed, |reply| Role::Answered(Box::new(reply))))
}

/// What the party's statements about an action are about.
fn recorded(party: &Party, action: &Action) -> Vec<Resource> {
    let Party::Entity(entity) = party else { return Vec::new() };
    let about = entity.statements.iter().flatten().filter(|s| s.kind == 0 && s.action == action.as_str());
    let mut resources: Vec<Resource> = about.filter_map(|s| Resource::parse(&s.resource).ok()).collect();
    resources.sort();
    resources.dedup();
    resources.truncate(MAX_TYPES);
    resources
}
