//! `charter.registry.v1.GovernanceService`: every call needs a member of staff.

use charter_domain::{EntityId, RegistryId, govern::proposal::ProposalState, staff::Staff};
use charter_proto::charter::registry::v1::{self as pb, governance_service_server::GovernanceService};
use charter_store::proposal::Kept;
use tonic::{Request, Response};

use super::{Doorway, Reply, convert, wish};
use crate::{
    App, Error,
    app::{audit, emergency, etag, govern, govern::view, list, once::Asked, staff},
    page,
};

pub(super) fn proposal(shown: view::Shown) -> pb::Proposal {
    let approval = |a: view::Approval| pb::Approval {
        by: a.by,
        role: a.role,
        over: a.over,
        at: Some(convert::time(a.at)),
    };
    let restricted = shown.restricted.and_then(|r| serde_json::to_string(&r).ok());
    pb::Proposal {
        proposal_id: shown.proposal_id,
        revision: i32::try_from(shown.revision).unwrap_or(i32::MAX),
        measure: shown.measure,
        change_json: shown.change.to_string(),
        bytes: shown.bytes.into_bytes(),
        hash: shown.hash,
        proposer: shown.proposer,
        reason: shown.reason,
        quorum: shown.quorum.into(),
        state: shown.state,
        approvals: shown.approvals.into_iter().map(approval).collect(),
        created_at: Some(convert::time(shown.created_at)),
        expires_at: Some(convert::time(shown.expires_at)),
        seq: shown.seq.unwrap_or_default(),
        closed_why: shown.closed_why,
        erased: shown.erased.unwrap_or_default(),
        diff_json: shown.diff.to_string(),
        restricted_json: restricted.unwrap_or_default(),
        etag: shown.etag,
    }
}

async fn shown(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    kept: Kept,
) -> Result<Option<pb::Proposal>, Error> {
    Ok(Some(proposal(view::show(app, staff, registry, kept).await?)))
}

impl Doorway {
    /// Which registry is meant, and who asks there.
    pub(super) async fn staff<T>(
        &self,
        request: &Request<T>,
        registry_id: &str,
    ) -> Result<(RegistryId, Staff), Error> {
        let here = self.here(request)?;
        let registry = self.named(&here, registry_id)?;
        let headers = request.metadata().clone().into_headers();
        Ok((registry, staff::recognise(&self.app, &headers, here.certificate, registry).await?))
    }

    /// Ends a proposal without a change, and shows it.
    async fn end(
        &self,
        (registry, staff): (RegistryId, Staff),
        id: &str,
        end: (ProposalState, String),
        asked: &Asked,
    ) -> Result<Option<pb::Proposal>, Error> {
        let shown = govern::end(&self.app, &staff, registry, govern::id(id)?, end, asked).await?;
        Ok(Some(proposal(shown)))
    }
}

pub(super) fn asked(request_id: &str, etag: &str, validate_only: bool) -> Result<Asked, Error> {
    Ok(Asked::parse(request_id, etag, validate_only)?)
}

#[tonic::async_trait]
impl GovernanceService for Doorway {
    async fn propose(&self, request: Request<pb::ProposeRequest>) -> Reply<pb::ProposeResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let wish = wish::parse(r.change)?;
        let asked = asked(&r.request_id, &r.etag, r.validate_only)?;
        let shown = govern::propose(&self.app, &staff, registry, (wish, r.reason), &asked).await?;
        let proposal = Some(proposal(shown));
        Ok(Response::new(pb::ProposeResponse { proposal }))
    }

    async fn get_proposal(&self, request: Request<pb::GetProposalRequest>) -> Reply<pb::GetProposalResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let id = govern::id(&request.get_ref().proposal_id)?;
        let kept = govern::get(&self.app, &staff, registry, id).await?;
        let proposal = shown(&self.app, &staff, registry, kept).await?;
        Ok(Response::new(pb::GetProposalResponse { proposal }))
    }

    async fn list_proposals(
        &self,
        request: Request<pb::ListProposalsRequest>,
    ) -> Reply<pb::ListProposalsResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let sought = list::proposals(&r.state, &r.filter)?;
        let page =
            self.page(&format!("proposals {} {}", r.state, r.filter), registry, r.page_size, &r.page_token)?;
        let after = govern::cursor(page.after.as_ref())?;
        let list = govern::list(&self.app, &staff, registry, sought, (after, page.limit)).await?;
        let next_page_token = self.next(&page, list.len(), list.last().map(govern::cursor_of));
        let mut proposals = Vec::with_capacity(list.len());
        for kept in list {
            proposals.extend(shown(&self.app, &staff, registry, kept).await?);
        }
        Ok(Response::new(pb::ListProposalsResponse { proposals, next_page_token }))
    }

    async fn approve_proposal(
        &self,
        request: Request<pb::ApproveProposalRequest>,
    ) -> Reply<pb::ApproveProposalResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let id = govern::id(&r.proposal_id)?;
        let app = self.app.clone();
        let asked = asked(&r.request_id, &r.etag, r.validate_only)?;
        let approve = async move { govern::approve(&app, &staff, registry, (id, r.hash), &asked).await };
        let done = govern::to_its_end(approve).await?;
        let proposal = Some(proposal(done.proposal));
        Ok(Response::new(pb::ApproveProposalResponse { proposal, epoch: done.epoch }))
    }

    async fn amend_proposal(
        &self,
        request: Request<pb::AmendProposalRequest>,
    ) -> Reply<pb::AmendProposalResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let id = govern::id(&r.proposal_id)?;
        let p = r.proposal.unwrap_or_default();
        let wish = wish::parse(p.change)?;
        let asked = asked(&r.request_id, &r.etag, p.validate_only)?;
        let shown = govern::amend(&self.app, &staff, registry, id, (wish, p.reason), &asked).await?;
        let proposal = Some(proposal(shown));
        Ok(Response::new(pb::AmendProposalResponse { proposal }))
    }

    async fn refuse_proposal(
        &self,
        request: Request<pb::RefuseProposalRequest>,
    ) -> Reply<pb::RefuseProposalResponse> {
        let who = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let asked = asked(&r.request_id, &r.etag, r.validate_only)?;
        let end = (ProposalState::Refused, r.reason);
        let proposal = self.end(who, &r.proposal_id, end, &asked).await?;
        Ok(Response::new(pb::RefuseProposalResponse { proposal }))
    }

    async fn withdraw_proposal(
        &self,
        request: Request<pb::WithdrawProposalRequest>,
    ) -> Reply<pb::WithdrawProposalResponse> {
        let who = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let asked = asked(&r.request_id, &r.etag, r.validate_only)?;
        let end = (ProposalState::Withdrawn, r.reason);
        let proposal = self.end(who, &r.proposal_id, end, &asked).await?;
        Ok(Response::new(pb::WithdrawProposalResponse { proposal }))
    }

    async fn suspend_in_emergency(
        &self,
        request: Request<pb::SuspendInEmergencyRequest>,
    ) -> Reply<pb::SuspendInEmergencyResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let entity = EntityId::parse(&r.entity_id).map_err(Error::from)?;
        let app = self.app.clone();
        let asked = asked(&r.request_id, "", r.validate_only)?;
        let suspend =
            async move { emergency::suspend(&app, &staff, registry, &entity, &r.code, &asked).await };
        let done = govern::to_its_end(suspend).await?;
        let lapses_at = Some(convert::time(done.lapses_at));
        Ok(Response::new(pb::SuspendInEmergencyResponse { epoch: done.epoch, lapses_at }))
    }

    async fn list_staff(&self, request: Request<pb::ListStaffRequest>) -> Reply<pb::ListStaffResponse> {
        let (registry, caller) = self.staff(&request, &request.get_ref().registry_id).await?;
        let member = |m: charter_store::staff::Member| {
            Ok(pb::StaffMember {
                staff_id: m.id.0,
                roles: m.roles.iter().map(|r| r.code().to_owned()).collect(),
                service: m.service,
                dismissed: m.dismissed,
                you: m.id == caller.id,
                etag: etag::member(&m)?.header(),
            })
        };
        let list = staff::list(&self.app, &caller, registry).await?;
        let staff = list.into_iter().map(member).collect::<Result<_, Error>>()?;
        Ok(Response::new(pb::ListStaffResponse { staff }))
    }

    async fn list_events(&self, request: Request<pb::ListEventsRequest>) -> Reply<pb::ListEventsResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let limit = page::size(if r.page_size == 0 { 100 } else { r.page_size }).map_err(Error::from)?;
        let wish = audit::Wish {
            subject: r.subject,
            actor: r.actor,
            kind: r.kind,
            origin: r.origin,
            newest_first: r.newest_first,
            after: r.after,
            before: r.before,
            from: convert::optional_time("from", r.from).map_err(Error::from)?,
            until: convert::optional_time("until", r.until).map_err(Error::from)?,
        };
        let newest_first = wish.newest_first;
        let list = audit::list(&self.app, &staff, registry, wish, limit).await?;
        let next = audit::next(&list, limit);
        let (next_after, next_before) = if newest_first { (0, next) } else { (next, 0) };
        let mut answer = pb::ListEventsResponse { next_after, next_before, ..Default::default() };
        if r.with_changes {
            let bodies: Vec<Vec<u8>> = list.iter().map(|(_, body)| body.clone()).collect();
            let entries = audit::entries(&self.app, &staff, registry, list).await?;
            answer.entries =
                entries.into_iter().zip(bodies).map(|(e, b)| super::audit::entry(e, b)).collect();
        } else {
            answer.events = list.into_iter().map(|(_, body)| body).collect();
        }
        Ok(Response::new(answer))
    }
}
