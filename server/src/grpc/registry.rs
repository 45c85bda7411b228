//! `charter.registry.v1.RegistryService`: public reads.

use charter_domain::{AuthorityId, Invalid, RegistryId, Timestamp, status::State};
use charter_proto::charter::registry::v1::{self as pb, registry_service_server::RegistryService};
use charter_store::entity::{AccreditationView, EntityView, StatementView, StatusView};
use tonic::{Request, Response};
use uuid::Uuid;

use super::{Doorway, Reply, convert, delegation};
use crate::{
    Error,
    app::{self, entity, etag, key, list as lists, log, schema as app_schema},
    mask::Mask,
    page,
};

const ENTITY: &str = "charter.registry.v1.Entity";

fn optional(t: Option<Timestamp>) -> Option<prost_types::Timestamp> {
    t.map(convert::time)
}

fn accreditation(a: AccreditationView, now: Timestamp) -> Result<pb::Accreditation, Error> {
    let valid = a.valid.interval();
    Ok(pb::Accreditation {
        etag: etag::accreditation(&a, now)?.header(),
        accreditation_id: a.accreditation_id.to_string(),
        entity_id: a.entity_id.to_string(),
        body: a.body,
        legal_basis: a.legal_basis,
        evidence_uri: a.evidence_uri,
        evidence_date: a.evidence_date,
        evidence_sha256: a.evidence_sha256,
        valid_from: optional(valid.from),
        valid_until: optional(valid.until),
        status: Some(status(a.statuses.as_ref(), now)),
    })
}

fn status(list: Option<&Vec<StatusView>>, now: Timestamp) -> pb::Status {
    let found = list.into_iter().flatten().find(|s| s.effective().contains(now));
    found.map_or_else(
        || pb::Status { state: State::Active.code().to_owned(), ..Default::default() },
        |s| pb::Status {
            state: s.state.code().to_owned(),
            since: optional(s.effective().from),
            reason: s.reason.clone(),
        },
    )
}

fn statement(s: StatementView, now: Timestamp) -> Result<pb::Statement, Error> {
    let valid = s.valid.interval();
    Ok(pb::Statement {
        etag: etag::statement(&s, now)?.header(),
        statement_id: s.id,
        kind: if s.kind == 0 { "authorization" } else { "recognition" }.to_owned(),
        action: s.action,
        resource: s.resource,
        jurisdictions: s.jurisdictions,
        valid_from: optional(valid.from),
        valid_until: optional(valid.until),
        status: Some(status(s.statuses.as_ref(), now)),
        accreditation_id: s.accreditation_id.map(|id| id.to_string()).unwrap_or_default(),
    })
}

fn view(e: EntityView, now: Timestamp) -> Result<pb::Entity, Error> {
    let etag = etag::entity(&e, now)?.header();
    let registered_at = convert::time(e.registered_at());
    let identifier =
        |i: charter_domain::event::Identifier| pb::Identifier { r#type: i.r#type, value: i.value };
    let succeeded_by = e.succeeded_by(now);
    let statements = e.statements.into_iter().flatten().map(|s| statement(s, now));
    let accreditations = e.accreditations.into_iter().flatten().map(|a| accreditation(a, now));
    Ok(pb::Entity {
        succeeded_by,
        entity_id: e.entity_id.to_string(),
        names: e.names.into_iter().collect(),
        country: e.country,
        status: Some(status(e.statuses.as_ref(), now)),
        registered_at: Some(registered_at),
        identifiers: e.identifiers.into_iter().map(identifier).collect(),
        statements: statements.collect::<Result<_, _>>()?,
        accreditations: accreditations.collect::<Result<_, _>>()?,
        etag,
        keys: Vec::new(),
    })
}

/// What a page was asked for.
pub(super) struct Page {
    pub(super) list: String,
    pub(super) limit: i64,
    pub(super) after: Option<String>,
}

impl Doorway {
    pub(super) fn page(
        &self,
        noun: &str,
        registry: RegistryId,
        size: i32,
        token: &str,
    ) -> Result<Page, Error> {
        let list = format!("{noun}|{registry}");
        let after = page::cursor(&self.app.page_secret, &list, token)?;
        Ok(Page { limit: page::size(size)?, list, after })
    }

    /// The token of the next page: none when this one was not full.
    pub(super) fn next(&self, page: &Page, count: usize, last: Option<String>) -> String {
        let full = usize::try_from(page.limit).is_ok_and(|l| count >= l);
        let cursor = last.filter(|_| full);
        cursor.map(|c| page::token(&self.app.page_secret, &page.list, &c)).unwrap_or_default()
    }
}

fn uuid(text: Option<&String>) -> Result<Option<Uuid>, Error> {
    let parse = |t: &String| {
        Uuid::parse_str(t).map_err(|_| Invalid::new("page_token", "is not one that this list gave"))
    };
    Ok(text.map(parse).transpose()?)
}

#[tonic::async_trait]
impl RegistryService for Doorway {
    async fn get_registry(&self, request: Request<pb::GetRegistryRequest>) -> Reply<pb::GetRegistryResponse> {
        let here = self.here(&request)?;
        let id = self.named(&here, &request.into_inner().registry_id)?;
        let list = self.registries().await?;
        let registry = list.into_iter().find(|(i, _)| *i == id).map(|(_, r)| r);
        Ok(Response::new(pb::GetRegistryResponse { registry }))
    }

    async fn list_registries(
        &self,
        request: Request<pb::ListRegistriesRequest>,
    ) -> Reply<pb::ListRegistriesResponse> {
        let r = request.into_inner();
        let page = self.page("registries", RegistryId(0), r.page_size, &r.page_token)?;
        let after: i32 = page.after.as_ref().and_then(|a| a.parse().ok()).unwrap_or(0);
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let list: Vec<_> =
            self.registries().await?.into_iter().filter(|(id, _)| id.0 > after).take(limit).collect();
        let next_page_token = self.next(&page, list.len(), list.last().map(|(id, _)| id.to_string()));
        let registries = list.into_iter().map(|(_, r)| r).collect();
        Ok(Response::new(pb::ListRegistriesResponse { registries, next_page_token }))
    }

    async fn get_entity(&self, request: Request<pb::GetEntityRequest>) -> Reply<pb::GetEntityResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        charter_domain::EntityId::parse(&r.entity_id).map_err(Error::from)?;
        let found = entity::get(&self.app, registry, &r.entity_id).await?;
        let now = self.app.clock.now();
        let mask = Mask::parse(ENTITY, r.read_mask)?;
        let keys = key::list(&self.app, registry, Some(found.entity_id)).await?;
        let keys = keys.into_iter().map(super::key::encode).collect();
        let entity = Some(mask.apply(pb::Entity { keys, ..view(found, now)? })?);
        Ok(Response::new(pb::GetEntityResponse { entity }))
    }

    async fn list_entities(
        &self,
        request: Request<pb::ListEntitiesRequest>,
    ) -> Reply<pb::ListEntitiesResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let mask = Mask::parse(ENTITY, r.read_mask)?;
        let find = lists::entities(&r.filter)?;
        let page = self.page(&format!("entities {}", r.filter), registry, r.page_size, &r.page_token)?;
        let list = entity::list(&self.app, registry, find, (uuid(page.after.as_ref())?, page.limit)).await?;
        let next_page_token = self.next(&page, list.len(), list.last().map(|e| e.entity_id.to_string()));
        let now = self.app.clock.now();
        let entities = list.into_iter().map(|e| mask.apply(view(e, now)?)).collect::<Result<_, _>>()?;
        Ok(Response::new(pb::ListEntitiesResponse { entities, next_page_token }))
    }

    async fn get_accreditation(
        &self,
        request: Request<pb::GetAccreditationRequest>,
    ) -> Reply<pb::GetAccreditationResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let bad = |_| Error::from(Invalid::new("accreditation_id", "must be a UUID"));
        let id = Uuid::parse_str(&r.accreditation_id).map_err(bad)?;
        let list = self.app.store.accreditations(registry, None, Some(id), 1).await.map_err(Error::from)?;
        let found = list.into_iter().next().ok_or_else(|| Error::not_found("accreditation", id))?;
        let accreditation = Some(accreditation(found, self.app.clock.now())?);
        Ok(Response::new(pb::GetAccreditationResponse { accreditation }))
    }

    async fn list_accreditations(
        &self,
        request: Request<pb::ListAccreditationsRequest>,
    ) -> Reply<pb::ListAccreditationsResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let find = lists::accreditations(&r.filter)?;
        let page =
            self.page(&format!("accreditations {}", r.filter), registry, r.page_size, &r.page_token)?;
        let from = (uuid(page.after.as_ref())?, page.limit);
        let list = self.app.store.find_accreditations(registry, find, from).await.map_err(Error::from)?;
        let next_page_token =
            self.next(&page, list.len(), list.last().map(|a| a.accreditation_id.to_string()));
        let now = self.app.clock.now();
        let accreditations = list.into_iter().map(|a| accreditation(a, now)).collect::<Result<_, _>>()?;
        Ok(Response::new(pb::ListAccreditationsResponse { accreditations, next_page_token }))
    }

    async fn get_statement(
        &self,
        request: Request<pb::GetStatementRequest>,
    ) -> Reply<pb::GetStatementResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let (entity, found) = entity::statement(&self.app, registry, r.statement_id).await?;
        let statement = Some(statement(found, self.app.clock.now())?);
        Ok(Response::new(pb::GetStatementResponse { statement, entity_id: entity.to_string() }))
    }

    async fn get_delegation(
        &self,
        request: Request<pb::GetDelegationRequest>,
    ) -> Reply<pb::GetDelegationResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let subordinate = AuthorityId::parse(&r.subordinate_id).map_err(|e| e.at("subordinate_id"));
        let found = app::delegation::of(&self.app, registry, &subordinate.map_err(Error::from)?).await?;
        let delegation = Some(delegation::view(&found, self.app.clock.now())?);
        Ok(Response::new(pb::GetDelegationResponse { delegation }))
    }

    async fn list_delegations(
        &self,
        request: Request<pb::ListDelegationsRequest>,
    ) -> Reply<pb::ListDelegationsResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let find = lists::delegations(&r.filter)?;
        let page = self.page(&format!("delegations {}", r.filter), registry, r.page_size, &r.page_token)?;
        let from = (page.after.as_ref().and_then(|a| a.parse().ok()).unwrap_or(0), page.limit);
        let list = self.app.store.find_delegations(registry, find, from).await.map_err(Error::from)?;
        let next_page_token = self.next(&page, list.len(), list.last().map(|d| d.id.to_string()));
        let now = self.app.clock.now();
        let delegations = list.iter().map(|d| delegation::view(d, now)).collect::<Result<_, _>>()?;
        Ok(Response::new(pb::ListDelegationsResponse { delegations, next_page_token }))
    }

    async fn get_schema(&self, request: Request<pb::GetSchemaRequest>) -> Reply<pb::GetSchemaResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let which = app_schema::which(&r.schema_id, &r.resource, r.revision).map_err(Error::from)?;
        let found = app_schema::find(&self.app, registry, which).await?;
        Ok(Response::new(pb::GetSchemaResponse { schema: Some(schema(found)) }))
    }

    async fn list_schemas(&self, request: Request<pb::ListSchemasRequest>) -> Reply<pb::ListSchemasResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let find = lists::schemas(&r.resource, &r.filter)?;
        let noun = format!("schemas {} {}", r.resource, r.filter);
        let page = self.page(&noun, registry, r.page_size, &r.page_token)?;
        let from = (page.after.as_ref().and_then(|a| a.parse().ok()).unwrap_or(0), page.limit);
        let list = self.app.store.find_schemas(registry, find, from).await.map_err(Error::from)?;
        let next_page_token = self.next(&page, list.len(), list.last().map(|s| s.seq.to_string()));
        let schemas = list.into_iter().map(schema).collect();
        Ok(Response::new(pb::ListSchemasResponse { schemas, next_page_token }))
    }
}

fn schema(s: charter_store::schemas::SchemaView) -> pb::Schema {
    let published_at = Some(convert::time(s.published_at()));
    let deprecation = s.deprecated.map(|d| pb::SchemaDeprecation {
        at: Some(convert::time(d.at())),
        code: d.reason,
        replaced_by: d.replaced_by.unwrap_or_default(),
    });
    pb::Schema {
        resource: s.resource,
        uri: s.uri,
        sha256: s.sha256,
        schema_json: s.schema.to_string(),
        schema_id: s.id,
        revision: s.revision,
        published_at,
        deprecation,
        references: s.references.into_iter().collect(),
    }
}

impl Doorway {
    /// The registries of this process, with their epochs.
    async fn registries(&self) -> Result<Vec<(RegistryId, pb::Registry)>, Error> {
        let list = self.app.store.registries().await?;
        let served = list.into_iter().filter(|r| self.app.hosted.tenant(r.id).is_some());
        Ok(served
            .map(|r| {
                let registry = pb::Registry {
                    authority_id: r.authority.to_string(),
                    entity_identifier: r.entity_identifier.to_string(),
                    slug: r.slug,
                    name: r.name,
                    jurisdiction: r.jurisdiction,
                    phase: r.phase.code().to_owned(),
                    epoch: self.app.register.watched(r.id).unwrap_or_default(),
                    history_since: Some(convert::time(r.history_since)),
                    published_size: log::state::shown(&self.app, r.id),
                };
                (r.id, registry)
            })
            .collect())
    }
}
