//! `trqp.v2.TrustRegistryQueryService`.

use std::collections::HashMap;

use charter_cache::Lookup;
use charter_domain::{Context, EvidenceLevel, FailingLink, Kind, Query, RegistryId};
use charter_proto::trqp::v2::{self as pb, trust_registry_query_service_server::TrustRegistryQueryService};
use tonic::{Request, Response};

use super::{Doorway, Reply as GrpcReply, convert};
use crate::{
    App, Error,
    app::{
        answer::Reply,
        entity, log,
        query::{self, AT_ONCE, MAX_BATCH},
        resolve,
    },
    breakglass::answer::is_denied,
    door::Here,
    error::Code,
    rest::trqp::understood,
};

type Terms<'a> = (&'a str, &'a str, &'a str, &'a str);

impl Doorway {
    /// The registry asked: an authority of this process by its name, else the one the request came to. One that has
    /// moved is asked where it is.
    fn addressed(&self, here: &Here, authority: &str) -> Here {
        let hosted = &self.app.hosted;
        let served = hosted.by_authority(authority).filter(|id| !hosted.holds.has_moved(*id));
        Here { registry: served.unwrap_or(here.registry), ..*here }
    }

    async fn ask(
        &self,
        here: &Here,
        kind: Kind,
        terms: Terms<'_>,
        context: &HashMap<String, String>,
    ) -> Result<(Option<Query>, Reply), Error> {
        if context.is_empty()
            && let Some(reply) = self.kept(here, kind, terms)
        {
            return Ok((None, reply));
        }
        let query = convert::query(kind, terms, context)?;
        // Boxed: the short way above should not carry the long way's state along.
        let reply = Box::pin(query::answer(&self.app, here.asks(query.clone()))).await?;
        if let Some(error) = query::trqp_error(&self.app, &reply) {
            return Err(error);
        }
        Ok((Some(query).filter(|q| q.context != Context::default()), reply))
    }

    fn kept(
        &self,
        here: &Here,
        kind: Kind,
        (authority, entity, action, resource): Terms<'_>,
    ) -> Option<Reply> {
        let lookup = Lookup { registry: here.registry, kind, authority, entity, action, resource };
        let now = self.app.clock.now();
        let kept = self.app.answers.get_local(&lookup, now);
        let entry = kept.filter(|kept| !is_denied(&self.app, &lookup, &kept.value))?;
        let reply = Reply::new(&self.app, kind, entry, now);
        query::trqp_error(&self.app, &reply).is_none().then_some(reply)
    }

    async fn evidence(
        &self,
        here: &Here,
        query: &Query,
        reply: &Reply,
    ) -> Result<Option<pb::Evidence>, Error> {
        let level = query.context.evidence;
        if level == EvidenceLevel::None {
            return Ok(None);
        }
        let step = |s: &crate::app::answer::KeptStep| pb::PathStep {
            authority_id: s.authority.clone(),
            epoch: s.epoch,
            reason: s.reason.code().to_owned(),
        };
        let full = level == EvidenceLevel::Full;
        let proven = if full { log::evidence::full(&self.app, here.registry, reply).await } else { None };
        let shown = proven.map(log::evidence::Shown::from).unwrap_or_default();
        Ok(Some(pb::Evidence {
            chain: resolve::full_chain(&self.app, here.registry, reply).await?,
            path: if full { reply.path.iter().map(step).collect() } else { Vec::new() },
            succeeded_by: entity::successors(&self.app, query, reply).await?,
            event: shown.event,
            log_proof: shown.log_proof,
            pending: shown.pending,
            configuration: shown.configuration,
        }))
    }

    async fn authorize(
        &self,
        here: &Here,
        r: pb::AuthorizationRequest,
    ) -> Result<pb::AuthorizationResponse, Error> {
        let here = self.addressed(here, &r.authority_id);
        let terms = (r.authority_id.as_str(), r.entity_id.as_str(), r.action.as_str(), r.resource.as_str());
        let (query, reply) = self.ask(&here, Kind::Authorization, terms, &r.context).await?;
        Ok(pb::AuthorizationResponse {
            authorized: reply.is_yes(),
            time_evaluated: Some(convert::time(reply.evaluated_at)),
            time_requested: query.as_ref().and_then(|q| q.context.time).map(convert::time),
            message: reply.message(),
            meta: Some(meta(&self.app, here.registry, &reply)),
            evidence: match &query {
                Some(query) => Box::pin(self.evidence(&here, query, &reply)).await?,
                None => None,
            },
            context: query.map(|q| understood(&q).into_iter().collect()).unwrap_or_default(),
            entity_id: r.entity_id,
            authority_id: r.authority_id,
            action: r.action,
            resource: r.resource,
        })
    }

    async fn item(&self, here: &Here, request: pb::AuthorizationRequest) -> Result<pb::BatchItem, Error> {
        use pb::batch_item::Result as Item;
        let result = match self.authorize(here, request).await {
            Ok(response) => Item::Response(response),
            Err(e) if e.code == Code::Internal => return Err(e),
            Err(e) => Item::Error(pb::BatchError {
                code: e.code.as_str().to_owned(),
                message: e.detail,
                field: e.field.unwrap_or_default(),
                failing_link: e.link.as_ref().map(failing),
            }),
        };
        Ok(pb::BatchItem { result: Some(result) })
    }
}

fn failing(link: &FailingLink) -> pb::FailingLink {
    pb::FailingLink { index: link.index.into(), authority_id: link.authority_id.to_string() }
}

fn meta(app: &App, asked: RegistryId, reply: &Reply) -> pb::Meta {
    pb::Meta {
        reason: reply.reason.code().to_owned(),
        basis: reply.basis().to_owned(),
        decided_by: reply.decided_by.clone(),
        epoch: reply.entry.epoch,
        expires_at: Some(convert::time(reply.expires_at)),
        unstated_conditions: reply.unstated.clone(),
        stale: reply.stale.is_some(),
        published_size: log::state::shown(app, asked),
        log: log::state::log(app, asked, reply).to_owned(),
        failing_link: reply.failing.as_ref().map(failing),
        age_secs: reply.stale.map(|age| age.as_secs()).unwrap_or_default(),
    }
}

#[tonic::async_trait]
impl TrustRegistryQueryService for Doorway {
    async fn authorization(
        &self,
        request: Request<pb::AuthorizationRequest>,
    ) -> GrpcReply<pb::AuthorizationResponse> {
        let here = self.here(&request)?;
        Ok(Response::new(self.authorize(&here, request.into_inner()).await?))
    }

    async fn recognition(
        &self,
        request: Request<pb::RecognitionRequest>,
    ) -> GrpcReply<pb::RecognitionResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let here = self.addressed(&here, &r.authority_id);
        let terms = (r.authority_id.as_str(), r.entity_id.as_str(), r.action.as_str(), r.resource.as_str());
        let (query, reply) = self.ask(&here, Kind::Recognition, terms, &r.context).await?;
        Ok(Response::new(pb::RecognitionResponse {
            recognized: reply.is_yes(),
            time_evaluated: Some(convert::time(reply.evaluated_at)),
            time_requested: query.as_ref().and_then(|q| q.context.time).map(convert::time),
            message: reply.message(),
            meta: Some(meta(&self.app, here.registry, &reply)),
            evidence: match &query {
                Some(query) => Box::pin(self.evidence(&here, query, &reply)).await?,
                None => None,
            },
            context: query.map(|q| understood(&q).into_iter().collect()).unwrap_or_default(),
            entity_id: r.entity_id,
            authority_id: r.authority_id,
            action: r.action,
            resource: r.resource,
        }))
    }

    async fn batch_authorization(
        &self,
        request: Request<pb::BatchAuthorizationRequest>,
    ) -> GrpcReply<pb::BatchAuthorizationResponse> {
        use futures::{StreamExt, TryStreamExt};
        let here = self.here(&request)?;
        let requests = request.into_inner().requests;
        if requests.is_empty() || requests.len() > MAX_BATCH {
            let fault =
                charter_domain::Invalid::new("requests", format!("must have 1 to {MAX_BATCH} members"));
            return Err(Error::from(fault).into());
        }
        let items = futures::stream::iter(requests.into_iter().map(|r| self.item(&here, r)))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(Response::new(pb::BatchAuthorizationResponse { items }))
    }
}
