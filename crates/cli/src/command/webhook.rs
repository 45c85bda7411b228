//! `charter webhook`: where events are sent, and how that goes.

mod view;

use charter_proto::charter::registry::v1::{self as pb, webhook_service_client::WebhookServiceClient};
use serde_json::json;
use tonic::transport::Channel;

use self::view::{Attempt, View};
use crate::{
    args::{At, Call, Connection, Format, ListFormat, One, Webhook, WebhookEvents},
    desk::Desk,
    exit::{Exit, Failure},
    output,
};

pub async fn run(to: &Connection, command: Webhook) -> Result<Exit, Failure> {
    match command {
        Webhook::Create { filter, url, at } => create(to, filter, url, at).await,
        Webhook::List { call, output } => {
            let desk = Desk::open(to, call).await?;
            let request = pb::ListWebhooksRequest { registry_id: desk.registry_id() };
            let list = desk.webhooks().list_webhooks(desk.request(request)).await?.into_inner().webhooks;
            let views: Vec<_> = list.into_iter().map(View::from).collect();
            output::list(output, ("webhooks", None), &views, &View::HEADINGS, View::row)?;
            Ok(Exit::Ok)
        }
        Webhook::Show(one) => {
            let mut call = Calls::open(to, one).await?;
            let request = pb::GetWebhookRequest { registry_id: call.registry(), webhook_id: call.id() };
            let found = call.client.get_webhook(call.desk.request(request)).await?.into_inner().webhook;
            show(call.output, found, None)
        }
        Webhook::Update { filter, one, url } => {
            let settings = pb::UpdateWebhookRequest {
                url,
                kinds: filter.kind,
                entity_id: filter.entity,
                ..Default::default()
            };
            update(to, one, settings).await
        }
        Webhook::Enable(one) => enabled(to, one, true).await,
        Webhook::Disable(one) => enabled(to, one, false).await,
        Webhook::Test(one) => test(to, one).await,
        Webhook::Replay { one, after } => {
            let mut call = Calls::open(to, one).await?;
            let (registry_id, webhook_id) = (call.registry(), call.id());
            let request = pb::ReplayWebhookRequest { registry_id, webhook_id, after };
            let changed = call.client.replay_webhook(call.desk.request(request)).await?.into_inner();
            show(call.output, changed.webhook, None)
        }
        Webhook::RotateSecret(one) => {
            let mut call = Calls::open(to, one).await?;
            let (registry_id, webhook_id) = (call.registry(), call.id());
            let request = pb::RotateWebhookSecretRequest { registry_id, webhook_id };
            let changed = call.client.rotate_webhook_secret(call.desk.request(request)).await?.into_inner();
            show(call.output, changed.webhook, Some(&changed.secret))
        }
        Webhook::Delete(one) => {
            let mut call = Calls::open(to, one).await?;
            let request = pb::DeleteWebhookRequest { registry_id: call.registry(), webhook_id: call.id() };
            call.client.delete_webhook(call.desk.request(request)).await?;
            match call.output {
                Format::Json => output::json(&json!({}))?,
                Format::Table => output::text("deleted")?,
            };
            Ok(Exit::Ok)
        }
        Webhook::Deliveries { id, limit, call, output } => deliveries(to, id, limit, (call, output)).await,
    }
}

/// What the calls about one webhook have in common.
struct Calls {
    desk: Desk,
    client: WebhookServiceClient<Channel>,
    id: String,
    output: Format,
}

impl Calls {
    async fn open(to: &Connection, one: One) -> Result<Self, Failure> {
        let desk = Desk::open(to, one.at.call).await?;
        Ok(Self { client: desk.webhooks(), desk, id: one.id, output: one.at.output })
    }
    fn registry(&self) -> String {
        self.desk.registry_id()
    }
    fn id(&self) -> String {
        self.id.clone()
    }
}

fn show(format: Format, webhook: Option<pb::Webhook>, secret: Option<&str>) -> Result<Exit, Failure> {
    let webhook = webhook.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no webhook"))?;
    let view = View::from(webhook);
    match (format, secret) {
        (Format::Json, Some(secret)) => output::json(&json!({ "webhook": view, "secret": secret }))?,
        (Format::Json, None) => output::json(&view)?,
        (Format::Table, _) => output::text(&view.text(secret))?,
    };
    if secret.is_some() {
        output::note("the secret is not shown again: the receiver needs it to check signatures");
    }
    Ok(Exit::Ok)
}

async fn create(to: &Connection, filter: WebhookEvents, url: String, at: At) -> Result<Exit, Failure> {
    let desk = Desk::open(to, at.call).await?;
    let registry_id = desk.registry_id();
    let request = pb::CreateWebhookRequest { registry_id, url, kinds: filter.kind, entity_id: filter.entity };
    let made = desk.webhooks().create_webhook(desk.request(request)).await?.into_inner();
    show(at.output, made.webhook, Some(&made.secret))
}

async fn update(to: &Connection, one: One, settings: pb::UpdateWebhookRequest) -> Result<Exit, Failure> {
    let mut call = Calls::open(to, one).await?;
    let (registry_id, webhook_id) = (call.registry(), call.id());
    let request = pb::UpdateWebhookRequest { registry_id, webhook_id, ..settings };
    let changed = call.client.update_webhook(call.desk.request(request)).await?.into_inner();
    show(call.output, changed.webhook, None)
}

async fn enabled(to: &Connection, one: One, enabled: bool) -> Result<Exit, Failure> {
    update(to, one, pb::UpdateWebhookRequest { enabled: Some(enabled), ..Default::default() }).await
}

async fn test(to: &Connection, one: One) -> Result<Exit, Failure> {
    let mut call = Calls::open(to, one).await?;
    let request = pb::TestWebhookRequest { registry_id: call.registry(), webhook_id: call.id() };
    let delivery =
        call.client.test_webhook(call.desk.request(request)).await?.into_inner().delivery.unwrap_or_default();
    let attempt = Attempt::from(delivery);
    match call.output {
        Format::Json => output::json(&attempt)?,
        Format::Table => output::text(&attempt.text())?,
    };
    Ok(if attempt.arrived() { Exit::Ok } else { Exit::Negative })
}

async fn deliveries(
    to: &Connection,
    webhook_id: String,
    page_size: i32,
    (call, format): (Call, ListFormat),
) -> Result<Exit, Failure> {
    let desk = Desk::open(to, call).await?;
    let (registry_id, page_token) = (desk.registry_id(), String::new());
    let request = pb::ListDeliveriesRequest { registry_id, webhook_id, page_size, page_token };
    let page = desk.webhooks().list_deliveries(desk.request(request)).await?.into_inner();
    let views: Vec<_> = page.deliveries.into_iter().map(Attempt::from).collect();
    output::list(format, ("deliveries", None), &views, &Attempt::HEADINGS, Attempt::row)?;
    Ok(Exit::Ok)
}
