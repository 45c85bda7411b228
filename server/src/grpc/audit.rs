//! `charter.registry.v1.AuditService`: exports, and who has looked.

use std::pin::Pin;

use charter_domain::Timestamp;
use charter_proto::charter::registry::v1::{self as pb, audit_service_server::AuditService};
use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::{Doorway, Reply, convert};
use crate::{
    Error,
    app::audit::{self, Entry},
    page,
};

type Lines = Pin<Box<dyn Stream<Item = Result<pb::ExportEventsResponse, Status>> + Send>>;

/// With the event's bytes as they were recorded.
pub(super) fn entry(entry: Entry, event: Vec<u8>) -> pb::AuditEntry {
    pb::AuditEntry {
        seq: entry.seq,
        leaf_hash: entry.leaf_hash,
        event,
        actor: entry.actor,
        actor_roles: entry.actor_roles.iter().map(|r| r.code().to_owned()).collect(),
        reason_code: entry.reason_code,
        reason: entry.reason,
        proposal_id: entry.proposal_id,
        erased: entry.erased.unwrap_or_default(),
        changes_json: entry.changes.to_string(),
    }
}

#[tonic::async_trait]
impl AuditService for Doorway {
    type ExportEventsStream = Lines;

    async fn export_events(&self, request: Request<pb::ExportEventsRequest>) -> Reply<Lines> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let wish = audit::Wish {
            subject: r.subject,
            actor: r.actor,
            kind: r.kind,
            origin: r.origin,
            from: convert::optional_time("from", r.from).map_err(Error::from)?,
            until: convert::optional_time("until", r.until).map_err(Error::from)?,
            after: r.after,
            ..audit::Wish::default()
        };
        let lines = audit::export(&self.app, &staff, registry, wish).await?;
        let lines = lines
            .map(|line| line.map(|(seq, line)| pb::ExportEventsResponse { seq, line }).map_err(Status::from));
        Ok(Response::new(Box::pin(lines)))
    }

    async fn list_accesses(
        &self,
        request: Request<pb::ListAccessesRequest>,
    ) -> Reply<pb::ListAccessesResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let limit = page::size(if r.page_size == 0 { 100 } else { r.page_size }).map_err(Error::from)?;
        let list = audit::accesses(&self.app, &staff, registry, (r.by, r.before), limit).await?;
        let full = usize::try_from(limit).is_ok_and(|l| list.len() >= l);
        let next_before = list.last().filter(|_| full).map_or(0, |a| a.access_id);
        let access = |a: charter_store::access::Access| pb::Access {
            access_id: a.access_id,
            at: Some(convert::time(Timestamp::from_micros(a.at))),
            by: a.by.0,
            what: a.what,
            filter_json: a.filter.to_string(),
        };
        let accesses = list.into_iter().map(access).collect();
        Ok(Response::new(pb::ListAccessesResponse { accesses, next_before }))
    }
}
