//! `charter.federation.v1.FederationService`.

use std::time::Duration;

use charter_domain::{
    AuthorityId, Delegation, EvidenceLevel, Invalid, Kind, Outcome, RegistryId, Timestamp,
    delegation::MAX_DEPTH,
};
use charter_federation::{
    Budget, LocalAuthority, LogEvidence, Mode, Polled,
    budget::{MAX_DEADLINE, MAX_QUERIES},
};
use charter_proof::verify::SKEW;
use charter_proto::charter::federation::v1::{self as pb, federation_service_server::FederationService};
use tokio::time::Instant;
use tonic::{Request, Response};

use super::{Doorway, Reply as GrpcReply, convert};
use crate::{
    App, Error,
    app::{
        answer::{KeptStep, Reply},
        log, peer_epoch,
        query::Asked,
        recognition, resolve,
    },
    door::Here,
};

/// Most epochs in one call.
const MAX_EPOCHS: usize = 64;

pub(super) fn authorities(field: &str, list: &[String], most: usize) -> Result<Vec<AuthorityId>, Invalid> {
    if list.len() > most {
        return Err(Invalid::new(field, format!("must have at most {most} members")));
    }
    list.iter().map(|a| AuthorityId::parse(a).map_err(|e| e.at(field))).collect()
}

fn budget(app: &App, here: &Here, r: &pb::ResolveRequest) -> Result<Budget, Error> {
    let now = Instant::now();
    let deadline = match convert::optional_time("deadline", r.deadline)? {
        // By the sender's clock, which may be behind ours by what documents may too: the call's own deadline bounds what
        // that adds.
        Some(wish) => here.deadline.min(now + wish.plus(SKEW).since(app.clock.now()).min(MAX_DEADLINE)),
        None => here.deadline,
    };
    let depth = r.depth_left.unwrap_or(u32::from(MAX_DEPTH)).min(u32::from(MAX_DEPTH));
    Ok(Budget {
        depth_left: u8::try_from(depth).unwrap_or(MAX_DEPTH),
        queries_left: r.queries_left.unwrap_or(MAX_QUERIES).min(MAX_QUERIES),
        deadline,
        visited: authorities("visited", &r.visited, usize::from(MAX_DEPTH) + 1)?,
    })
}

fn asked(door: &Doorway, here: &Here, r: &pb::ResolveRequest) -> Result<Asked, Error> {
    let registry = door.named(here, &r.registry_id)?;
    let kind = match r.kind() {
        pb::QueryKind::Recognition => Kind::Recognition,
        pb::QueryKind::Authorization | pb::QueryKind::Unspecified => Kind::Authorization,
    };
    let mode = match r.mode() {
        pb::ResolveMode::Recurse | pb::ResolveMode::Unspecified => Mode::Recurse,
        pb::ResolveMode::Refer => Mode::Refer,
        pb::ResolveMode::CachedOnly => Mode::CachedOnly,
    };
    let own = door.registry(registry)?.authority.as_str();
    let authority = if r.authority_id.is_empty() { own } else { &r.authority_id };
    let terms = (authority, r.entity_id.as_str(), r.action.as_str(), r.resource.as_str());
    let max_staleness = Duration::from_secs(r.max_staleness_secs.into());
    let (query, budget) = (convert::query(kind, terms, &r.context)?, budget(&door.app, here, r)?);
    // What a registry passes on is no stranger's question, also where it shows no key.
    let anonymous = here.certificate.is_none() && budget.visited.is_empty();
    let asked = Asked::new(registry, query, budget);
    let max_staleness = asked.max_staleness.max(max_staleness);
    Ok(Asked { mode, max_staleness, anonymous, strained: here.strained, ..asked })
}

fn evidence(found: LogEvidence) -> pb::LogEvidence {
    pb::LogEvidence {
        pending: found.log_proof.is_empty(),
        event: found.event,
        log_proof: found.log_proof,
        configuration: found.configuration,
    }
}

fn encode(
    app: &App,
    asked: RegistryId,
    reply: &Reply,
    as_of: Timestamp,
    chain: Vec<String>,
) -> pb::ResolveResponse {
    let outcome = match reply.reason.outcome() {
        Outcome::Yes => pb::Outcome::Yes,
        Outcome::No => pb::Outcome::No,
        Outcome::Indeterminate => pb::Outcome::Indeterminate,
    };
    let step = |s: &KeptStep| pb::ResolveStep {
        authority_id: s.authority.clone(),
        epoch: s.epoch,
        reason: s.reason.code().to_owned(),
        via: s.via.clone(),
        published_size: log::state::of_step(app, asked, s),
    };
    let referral = |r: &charter_federation::answer::Referral| pb::Referral {
        authority_id: r.authority.to_string(),
        endpoint: r.endpoint.clone(),
        subordinate_statement: r.document.clone().unwrap_or_default(),
    };
    pb::ResolveResponse {
        outcome: outcome.into(),
        reason: reply.reason.code().to_owned(),
        basis: reply.basis().to_owned(),
        decided_by: reply.decided_by.clone(),
        chain,
        path: reply.path.iter().map(step).collect(),
        as_of: Some(convert::time(as_of)),
        next_change: reply.entry.next_change.map(convert::time),
        expires_at: Some(convert::time(reply.expires_at)),
        stale: reply.stale.is_some(),
        unstated_conditions: reply.unstated.clone(),
        detail: reply.remark(),
        referrals: reply.referrals.iter().map(referral).collect(),
        published_size: log::state::shown(app, asked),
        log: log::state::log(app, asked, reply).to_owned(),
        log_evidence: None,
        unlisted: reply.unlisted,
        failing_link: reply.failing.as_ref().map(|link| pb::FailingLink {
            index: link.index.into(),
            authority_id: link.authority_id.to_string(),
        }),
    }
}

#[tonic::async_trait]
impl FederationService for Doorway {
    type WatchStream = super::feed::Responses;

    async fn watch(&self, request: Request<pb::WatchRequest>) -> GrpcReply<Self::WatchStream> {
        let here = self.here(&request)?;
        super::feed::watch(self, &here, request.into_inner()).await
    }

    async fn get_entity_configuration(
        &self,
        request: Request<pb::GetEntityConfigurationRequest>,
    ) -> GrpcReply<pb::GetEntityConfigurationResponse> {
        let here = self.here(&request)?;
        let named = request.into_inner().authority_id;
        let below = self.below(&named).and_then(|of| self.app.below.configuration(&of));
        let entity_configuration = match below {
            Some(kept) => kept,
            None => {
                let registry = self.named(&here, &named)?;
                self.app.hosted.view(registry).await.map_err(Error::from)?.configuration.clone()
            }
        };
        Ok(Response::new(pb::GetEntityConfigurationResponse { entity_configuration }))
    }

    async fn get_subordinate_statement(
        &self,
        request: Request<pb::GetSubordinateStatementRequest>,
    ) -> GrpcReply<pb::GetSubordinateStatementResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let subordinate =
            AuthorityId::parse(&r.subordinate_id).map_err(|e| Error::from(e.at("subordinate_id")))?;
        let below = self.below(&r.authority_id);
        if let Some(subordinate_statement) = below.and_then(|of| self.app.below.statement(&of, &subordinate))
        {
            let superior_chain = Vec::new();
            return Ok(Response::new(pb::GetSubordinateStatementResponse {
                subordinate_statement,
                superior_chain,
            }));
        }
        let registry = self.named(&here, &r.authority_id)?;
        let view = self.app.hosted.view(registry).await.map_err(Error::from)?;
        let now = self.app.clock.now();
        let found = Delegation::current(&view.delegations, &subordinate, now);
        let subordinate_statement = found
            .and_then(|d| d.document.clone())
            .ok_or_else(|| Error::not_found("a statement about", &subordinate))?;
        let superior_chain = resolve::way_up(&self.app, registry).await?;
        Ok(Response::new(pb::GetSubordinateStatementResponse { subordinate_statement, superior_chain }))
    }

    async fn get_recognition(
        &self,
        request: Request<pb::GetRecognitionRequest>,
    ) -> GrpcReply<pb::GetRecognitionResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let registry = self.named(&here, &r.authority_id)?;
        let peer = AuthorityId::parse(&r.peer_id).map_err(|e| Error::from(e.at("peer_id")))?;
        let shown = if r.counter {
            recognition::both(&self.app, registry, &peer).await?
        } else {
            let statements = recognition::own(&self.app, registry, &peer).await?;
            recognition::Shown { statements, ..Default::default() }
        };
        Ok(Response::new(pb::GetRecognitionResponse {
            recognition_statements: shown.statements,
            counter_statements: shown.counter,
            mutual: shown.mutual,
            detail: shown.detail,
        }))
    }

    async fn get_epoch(&self, request: Request<pb::GetEpochRequest>) -> GrpcReply<pb::GetEpochResponse> {
        let here = self.here(&request)?;
        let paths = request.into_inner().authorities;
        if paths.is_empty() || paths.len() > MAX_EPOCHS {
            let fault = Invalid::new("authorities", format!("must have 1 to {MAX_EPOCHS} members"));
            return Err(Error::from(fault).into());
        }
        let parse = |p: &pb::AuthorityPath| authorities("authorities.via", &p.via, usize::from(MAX_DEPTH));
        let vias = paths.iter().map(parse).collect::<Result<Vec<_>, _>>().map_err(Error::from)?;
        let polled = peer_epoch::epochs(&self.app, here.registry, &vias, here.deadline).await;
        let (epochs, published_sizes) = polled.iter().map(|p| (p.epoch, p.published)).unzip();
        // Rounded up: what is told is no younger than it is.
        let ms = |p: &Polled| u32::try_from(p.age.as_micros().div_ceil(1_000)).unwrap_or(u32::MAX);
        let ages_ms = polled.iter().map(ms).collect();
        Ok(Response::new(pb::GetEpochResponse { epochs, published_sizes, ages_ms }))
    }

    async fn list_peers(&self, request: Request<pb::ListPeersRequest>) -> GrpcReply<pb::ListPeersResponse> {
        let here = self.here(&request)?;
        super::peers::list(self, &here, request.into_inner()).await
    }

    async fn get_log_evidence(
        &self,
        request: Request<pb::GetLogEvidenceRequest>,
    ) -> GrpcReply<pb::GetLogEvidenceResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let via = authorities("via", &r.via, usize::from(MAX_DEPTH)).map_err(Error::from)?;
        let found = log::evidence::at(&self.app, here.registry, &via, r.seq).await?;
        Ok(Response::new(pb::GetLogEvidenceResponse { log_evidence: Some(evidence(found)) }))
    }

    async fn resolve(&self, request: Request<pb::ResolveRequest>) -> GrpcReply<pb::ResolveResponse> {
        let here = self.here(&request)?;
        let r = request.into_inner();
        let asked = asked(self, &here, &r)?;
        let (registry, as_of) = (asked.registry, asked.query.context.time);
        let whole = asked.budget.visited.is_empty();
        let full = whole && asked.query.context.evidence == EvidenceLevel::Full;
        let reply = resolve::answer(&self.app, asked, r.min_epoch).await?;
        // A superior adds its own statement on top; a verifier gets the whole chain.
        let chain =
            if whole { resolve::full_chain(&self.app, registry, &reply).await? } else { reply.chain.clone() };
        let as_of = as_of.unwrap_or(reply.evaluated_at);
        let mut response = encode(&self.app, registry, &reply, as_of, chain);
        if full {
            response.log_evidence = log::evidence::full(&self.app, registry, &reply).await.map(evidence);
        }
        Ok(Response::new(response))
    }
}
