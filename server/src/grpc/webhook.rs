//! `charter.registry.v1.WebhookService`: every call needs an operator.

use charter_domain::Timestamp;
use charter_proto::charter::registry::v1::{self as pb, webhook_service_server::WebhookService};
use charter_store::{
    outbox::Attempt,
    webhook::{Changed, Webhook},
};
use tonic::{Request, Response};

use super::{Doorway, Reply, convert, governance::asked};
use crate::{
    Error,
    app::{
        etag,
        webhook::{self, Wish},
    },
};

fn optional(t: Option<Timestamp>) -> Option<prost_types::Timestamp> {
    t.map(convert::time)
}

fn view(w: Webhook, changes: Vec<Changed>) -> Result<pb::Webhook, Error> {
    let failing = w.failing_since().is_some();
    let change = |c: Changed| pb::WebhookChange { at: Some(convert::time(c.at())), by: c.by.0, what: c.what };
    Ok(pb::Webhook {
        etag: etag::webhook(&w)?.header(),
        webhook_id: w.id.to_string(),
        state: w.state.clone(),
        disabled_why: w.disabled_why.clone(),
        cursor: w.cursor,
        failures: w.failures,
        failing_since: optional(w.failing_since()),
        due_at: optional(Some(w.due_at()).filter(|_| failing)),
        created_at: Some(convert::time(w.created_at())),
        previous_until: optional(w.previous_until()),
        entity_id: w.entity.map(|e| e.to_string()).unwrap_or_default(),
        changes: changes.into_iter().map(change).collect(),
        url: w.url,
        kinds: w.kinds,
    })
}

fn delivery(a: Attempt) -> pb::Delivery {
    pb::Delivery {
        at: Some(convert::time(a.at())),
        number: a.number,
        seq: a.seq,
        failures: a.failures,
        duration_ms: a.duration_ms,
        status: a.status.into(),
        outcome: a.outcome,
    }
}

#[tonic::async_trait]
impl WebhookService for Doorway {
    async fn create_webhook(
        &self,
        request: Request<pb::CreateWebhookRequest>,
    ) -> Reply<pb::CreateWebhookResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let wish = Wish { url: r.url, kinds: r.kinds, entity_id: r.entity_id };
        let asked = asked(&r.request_id, "", r.validate_only)?;
        let made = webhook::create(&self.app, &staff, registry, wish, &asked).await?;
        let Some((made, secret)) = made else {
            return Ok(Response::new(pb::CreateWebhookResponse::default()));
        };
        let webhook = Some(view(made, Vec::new())?);
        Ok(Response::new(pb::CreateWebhookResponse { webhook, secret }))
    }

    async fn get_webhook(&self, request: Request<pb::GetWebhookRequest>) -> Reply<pb::GetWebhookResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let id = webhook::id(&request.get_ref().webhook_id)?;
        let (found, changes) = webhook::get(&self.app, &staff, registry, id).await?;
        Ok(Response::new(pb::GetWebhookResponse { webhook: Some(view(found, changes)?) }))
    }

    async fn list_webhooks(
        &self,
        request: Request<pb::ListWebhooksRequest>,
    ) -> Reply<pb::ListWebhooksResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let list = webhook::list(&self.app, &staff, registry).await?;
        let webhooks = list.into_iter().map(|w| view(w, Vec::new())).collect::<Result<_, Error>>()?;
        Ok(Response::new(pb::ListWebhooksResponse { webhooks }))
    }

    async fn update_webhook(
        &self,
        request: Request<pb::UpdateWebhookRequest>,
    ) -> Reply<pb::UpdateWebhookResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let id = webhook::id(&r.webhook_id)?;
        let wish = Wish { url: r.url, kinds: r.kinds, entity_id: r.entity_id };
        let asked = asked(&r.request_id, &r.etag, r.validate_only)?;
        let what = (wish, r.enabled);
        let changed = webhook::update(&self.app, &staff, registry, (id, &asked), what).await?;
        Ok(Response::new(pb::UpdateWebhookResponse { webhook: Some(view(changed, Vec::new())?) }))
    }

    async fn delete_webhook(
        &self,
        request: Request<pb::DeleteWebhookRequest>,
    ) -> Reply<pb::DeleteWebhookResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let id = webhook::id(&r.webhook_id)?;
        let asked = asked(&r.request_id, &r.etag, r.validate_only)?;
        webhook::delete(&self.app, &staff, registry, (id, &asked)).await?;
        Ok(Response::new(pb::DeleteWebhookResponse {}))
    }

    async fn test_webhook(&self, request: Request<pb::TestWebhookRequest>) -> Reply<pb::TestWebhookResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let id = webhook::id(&r.webhook_id)?;
        let asked = asked(&r.request_id, "", false)?;
        let attempt = webhook::test(&self.app, &staff, registry, (id, &asked)).await?;
        Ok(Response::new(pb::TestWebhookResponse { delivery: Some(delivery(attempt)) }))
    }

    async fn replay_webhook(
        &self,
        request: Request<pb::ReplayWebhookRequest>,
    ) -> Reply<pb::ReplayWebhookResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let id = webhook::id(&r.webhook_id)?;
        let asked = asked(&r.request_id, "", r.validate_only)?;
        let changed = webhook::replay(&self.app, &staff, registry, (id, &asked), r.after).await?;
        Ok(Response::new(pb::ReplayWebhookResponse { webhook: Some(view(changed, Vec::new())?) }))
    }

    async fn rotate_webhook_secret(
        &self,
        request: Request<pb::RotateWebhookSecretRequest>,
    ) -> Reply<pb::RotateWebhookSecretResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let id = webhook::id(&r.webhook_id)?;
        let asked = asked(&r.request_id, &r.etag, r.validate_only)?;
        let (changed, secret) = webhook::rotate(&self.app, &staff, registry, (id, &asked)).await?;
        let webhook = Some(view(changed, Vec::new())?);
        Ok(Response::new(pb::RotateWebhookSecretResponse { webhook, secret }))
    }

    async fn list_deliveries(
        &self,
        request: Request<pb::ListDeliveriesRequest>,
    ) -> Reply<pb::ListDeliveriesResponse> {
        let (registry, staff) = self.staff(&request, &request.get_ref().registry_id).await?;
        let r = request.into_inner();
        let id = webhook::id(&r.webhook_id)?;
        let page = self.page(&format!("deliveries {id}"), registry, r.page_size, &r.page_token)?;
        let before = page.after.as_ref().and_then(|a| a.parse().ok()).unwrap_or(i64::MAX);
        let list = webhook::deliveries(&self.app, &staff, registry, (id, before, page.limit)).await?;
        let next_page_token = self.next(&page, list.len(), list.last().map(|a| a.number.to_string()));
        let deliveries = list.into_iter().map(delivery).collect();
        Ok(Response::new(pb::ListDeliveriesResponse { deliveries, next_page_token }))
    }
}
