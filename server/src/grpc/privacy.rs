//! `charter.registry.v1.PrivacyService`: for a security officer with step-up.

use std::pin::Pin;

use charter_proto::charter::registry::v1::{self as pb, privacy_service_server::PrivacyService};
use charter_store::privacy::Held;
use futures::{Stream, stream};
use tonic::{Request, Response, Status};

use super::{Doorway, Reply};
use crate::app::privacy;

type Records = Pin<Box<dyn Stream<Item = Result<pb::ExportPersonalDataResponse, Status>> + Send>>;

fn record(held: Held) -> pb::PersonalDataRecord {
    pb::PersonalDataRecord {
        place: held.place,
        seq: held.seq.unwrap_or_default(),
        erasable: held.erasable,
        data_json: held.data.to_string(),
    }
}

#[tonic::async_trait]
impl PrivacyService for Doorway {
    async fn show_personal_data(
        &self,
        request: Request<pb::ShowPersonalDataRequest>,
    ) -> Reply<pb::ShowPersonalDataResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let about = &request.get_ref().subject;
        let shown = privacy::held(&self.app, &staff, registry, about, "SHOW_PERSONAL_DATA").await?;
        let (subject, held) = shown;
        let truncated = held.len() > privacy::SHOWN;
        let records = held.into_iter().take(privacy::SHOWN).map(record).collect();
        let subject = subject.to_string();
        Ok(Response::new(pb::ShowPersonalDataResponse { subject, records, truncated }))
    }

    type ExportPersonalDataStream = Records;

    async fn export_personal_data(&self, request: Request<pb::ExportPersonalDataRequest>) -> Reply<Records> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let about = &request.get_ref().subject;
        let (_, held) = privacy::held(&self.app, &staff, registry, about, "EXPORT_PERSONAL_DATA").await?;
        let each = |h| Ok(pb::ExportPersonalDataResponse { record: Some(record(h)) });
        Ok(Response::new(Box::pin(stream::iter(held.into_iter().map(each)))))
    }
}
