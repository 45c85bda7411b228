//! `charter.registry.v1.WitnessService`.

use charter_proto::charter::registry::v1::{self as pb, witness_service_server::WitnessService};
use tonic::{Request, Response};

use super::{Doorway, Reply, convert::time, log::signed};
use crate::app::witness::{self, Witnessed};

fn encode(log: Witnessed) -> pb::WitnessedLog {
    let last = log.last.as_ref();
    pb::WitnessedLog {
        state: log.state.code().to_owned(),
        size: last.map_or(0, |last| signed(last.size)),
        root: last.map(|last| last.root.to_string()).unwrap_or_default(),
        cosigned_at: last.and_then(|last| last.at).map(time),
        evidence: log.evidence.unwrap_or_default(),
        quarantined_at: log.quarantined_at.map(time),
        origin: log.origin,
    }
}

#[tonic::async_trait]
impl WitnessService for Doorway {
    async fn list_witnessed_logs(
        &self,
        request: Request<pb::ListWitnessedLogsRequest>,
    ) -> Reply<pb::ListWitnessedLogsResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let found = witness::list(&self.app, &staff, registry).await?;
        let logs = found.into_iter().map(encode).collect();
        Ok(Response::new(pb::ListWitnessedLogsResponse { logs }))
    }
}
