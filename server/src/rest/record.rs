//! What a registry holds, over REST: the reads of `RegistryService`.

use axum::{body::Body, response::Response};
use charter_proto::charter::registry::v1::registry_service_server::RegistryService as _;

use super::transcode::{Method, Read};
use crate::Error;

type Answer = Result<Response<Body>, Error>;

const fn one(name: &'static str, segment: &'static str) -> Method {
    Method { segment: Some(segment), ..list(name) }
}

const fn list(name: &'static str) -> Method {
    Method { service: "charter.registry.v1.RegistryService", name, segment: None }
}

pub const REGISTRIES: Method = list("ListRegistries");
pub const REGISTRY: Method = list("GetRegistry");
pub const ENTITIES: Method = list("ListEntities");
pub const ENTITY: Method = one("GetEntity", "entity_id");
pub const ACCREDITATIONS: Method = list("ListAccreditations");
pub const ACCREDITATION: Method = one("GetAccreditation", "accreditation_id");
pub const STATEMENT: Method = one("GetStatement", "statement_id");
pub const DELEGATIONS: Method = list("ListDelegations");
pub const DELEGATION: Method = one("GetDelegation", "subordinate_id");

/// `GET /api/v1/registries`
pub async fn registries(read: Read) -> Answer {
    read.answer(REGISTRIES, |door, r| async move { door.list_registries(r).await }).await
}

/// `GET /api/v1/registry`: the one that the address names.
pub async fn registry(read: Read) -> Answer {
    read.answer(REGISTRY, |door, r| async move { door.get_registry(r).await }).await
}

/// `GET /api/v1/entities`
pub async fn entities(read: Read) -> Answer {
    read.answer(ENTITIES, |door, r| async move { door.list_entities(r).await }).await
}

/// `GET /api/v1/entities/{entity_id}`
pub async fn entity(read: Read) -> Answer {
    read.answer(ENTITY, |door, r| async move { door.get_entity(r).await }).await
}

/// `GET /api/v1/accreditations`
pub async fn accreditations(read: Read) -> Answer {
    read.answer(ACCREDITATIONS, |door, r| async move { door.list_accreditations(r).await }).await
}

/// `GET /api/v1/accreditations/{accreditation_id}`
pub async fn accreditation(read: Read) -> Answer {
    read.answer(ACCREDITATION, |door, r| async move { door.get_accreditation(r).await }).await
}

/// `GET /api/v1/statements/{statement_id}`
pub async fn statement(read: Read) -> Answer {
    read.answer(STATEMENT, |door, r| async move { door.get_statement(r).await }).await
}

/// `GET /api/v1/delegations`
pub async fn delegations(read: Read) -> Answer {
    read.answer(DELEGATIONS, |door, r| async move { door.list_delegations(r).await }).await
}

/// `GET /api/v1/delegations/{subordinate_id}`
pub async fn delegation(read: Read) -> Answer {
    read.answer(DELEGATION, |door, r| async move { door.get_delegation(r).await }).await
}
