//! `charter.registry.v1.ProcedureService`.

use charter_domain::{Timestamp, procedure::Procedure};
use charter_proto::charter::registry::v1::{self as pb, procedure_service_server::ProcedureService};
use tonic::{Request, Response};

use super::{Doorway, Reply, convert};
use crate::{Error, app::procedure};

fn shown(p: Procedure, now: Timestamp) -> pb::Procedure {
    let (state, next) = (p.state_at(now), p.next_deadline(now));
    pb::Procedure {
        procedure_id: p.id,
        entity_id: p.opened.entity_id.to_string(),
        target: p.opened.target.as_str().to_owned(),
        target_id: p.opened.target_id,
        intended_state: p.opened.state.code().to_owned(),
        intended_reach: p.opened.reach.map_or("PROSPECTIVE", |r| r.code()).to_owned(),
        code: p.opened.reason,
        legal_basis: p.opened.legal_basis,
        served_on: Some(convert::time(p.opened.served_on)),
        reply_by: Some(convert::time(p.opened.reply_by)),
        state: state.code().to_owned(),
        replies_received_on: p.heard.into_iter().map(convert::time).collect(),
        closed_code: p.closed.unwrap_or_default(),
        decision: p.decision.map(decision),
        next_deadline: next.map(|d| convert::time(d.at)),
        next_deadline_kind: next.map_or("", |d| d.what).to_owned(),
    }
}

fn decision(d: charter_domain::procedure::Decision) -> pb::Decision {
    let ruling = |(seq, r): (i64, charter_domain::event::CourtRuled)| pb::Ruling {
        seq,
        ruling: r.ruling.code().to_owned(),
        court: r.court,
        case_number: r.case_number,
        from: Some(convert::time(r.from)),
    };
    pb::Decision {
        seq: d.seq,
        state: d.change.state.code().to_owned(),
        effective_from: Some(convert::time(d.change.starts(d.recorded_at))),
        code: d.change.reason,
        legal_basis: d.change.legal_basis.unwrap_or_default(),
        served_on: d.change.served_on.map(convert::time),
        appeal: d.change.appeal.unwrap_or_default(),
        appeal_by: d.change.appeal_by.map(convert::time),
        rulings: d.rulings.into_iter().map(ruling).collect(),
    }
}

#[tonic::async_trait]
impl ProcedureService for Doorway {
    async fn get_procedure(
        &self,
        request: Request<pb::GetProcedureRequest>,
    ) -> Reply<pb::GetProcedureResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let found = procedure::get(&self.app, &staff, registry, request.get_ref().procedure_id).await?;
        let procedure = Some(shown(found, self.app.clock.now()));
        Ok(Response::new(pb::GetProcedureResponse { procedure }))
    }

    async fn list_procedures(
        &self,
        request: Request<pb::ListProceduresRequest>,
    ) -> Reply<pb::ListProceduresResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let page = self.page(&format!("procedures {}", r.entity_id), registry, r.page_size, &r.page_token)?;
        let before = procedure::cursor(page.after.as_ref()).map_err(Error::from)?;
        let list = procedure::list(&self.app, &staff, registry, &r.entity_id, (before, page.limit)).await?;
        let next_page_token = self.next(&page, list.len(), list.last().map(|p| p.id.to_string()));
        let now = self.app.clock.now();
        let procedures = list.into_iter().map(|p| shown(p, now)).collect();
        Ok(Response::new(pb::ListProceduresResponse { procedures, next_page_token }))
    }
}
