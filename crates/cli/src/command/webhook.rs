//! `charter webhook`: where events are sent, and how that goes.

mod view;

use charter_proto::charter::registry::v1::{self as pb, webhook_service_client::WebhookServiceClient};
use serde_json::json;
use tonic::{Code, transport::Channel};

use self::view::{Attempt, View};
use crate::{
    args::{At, Call, Connection, Format, ListFormat, One, Webhook, WebhookEvents},
    confirm::confirm,
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
        Webhook::Show { id, call, output } => shown(to, id, (call, output)).await,
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
        Webhook::Test { id, call, output } => test(to, id, (call, output)).await,
        Webhook::Replay { one, after } => {
            let mut call = Calls::open(to, one).await?;
            let (registry_id, webhook_id, validate_only) = call.request();
            let request_id = call.desk.request_id();
            let request =
                pb::ReplayWebhookRequest { registry_id, webhook_id, after, request_id, validate_only };
            let changed = call.client.replay_webhook(call.desk.request(request)).await?.into_inner();
            call.done("replay", changed.webhook, "")
        }
        Webhook::RotateSecret(one) => rotate(to, one).await,
        Webhook::Delete { one, yes } => delete(to, one, yes).await,
        Webhook::Deliveries { id, limit, call, output } => deliveries(to, id, limit, (call, output)).await,
    }
}

/// What changes of one webhook have in common.
struct Calls {
    desk: Desk,
    client: WebhookServiceClient<Channel>,
    id: String,
    dry_run: bool,
    output: Format,
}

impl Calls {
    async fn open(to: &Connection, one: One) -> Result<Self, Failure> {
        let At { dry_run, call, output } = one.at;
        let desk = Desk::open(to, call).await?;
        Ok(Self { client: desk.webhooks(), desk, id: one.id, dry_run, output })
    }

    /// Registry, webhook, and whether it is only tried out.
    fn request(&self) -> (String, String, bool) {
        (self.desk.registry_id(), self.id.clone(), self.dry_run)
    }

    /// What is sent besides: the id of the request, and the etag of the webhook, which is read first. One that is not
    /// there has none: the server says so, or knows the request.
    async fn named(&mut self) -> Result<(String, String), Failure> {
        let (registry_id, webhook_id, _) = self.request();
        let request = self.desk.request(pb::GetWebhookRequest { registry_id, webhook_id });
        let etag = match self.client.get_webhook(request).await {
            Ok(found) => found.into_inner().webhook.unwrap_or_default().etag,
            Err(status) if status.code() == Code::NotFound => String::new(),
            Err(status) => return Err(status.into()),
        };
        Ok((self.desk.request_id(), etag))
    }

    fn done(&self, verb: &str, webhook: Option<pb::Webhook>, secret: &str) -> Result<Exit, Failure> {
        let would = self.dry_run.then(|| format!("would {verb} webhook {}", self.id));
        print(self.output, would, webhook, secret)
    }
}

/// `would` is what was only tried out.
fn print(
    format: Format,
    would: Option<String>,
    webhook: Option<pb::Webhook>,
    secret: &str,
) -> Result<Exit, Failure> {
    let view = webhook.map(View::from);
    match (format, would, &view) {
        (Format::Json, ..) if secret.is_empty() => output::json(&json!({ "webhook": view }))?,
        (Format::Json, ..) => output::json(&json!({ "webhook": view, "secret": secret }))?,
        (Format::Table, Some(would), _) => output::text(&would)?,
        (Format::Table, None, Some(view)) => output::text(&view.text(secret))?,
        (Format::Table, None, None) => output::text("done")?,
    };
    if !secret.is_empty() {
        output::note("the secret is not shown again: the receiver needs it to check signatures");
    }
    Ok(Exit::Ok)
}

async fn shown(
    to: &Connection,
    webhook_id: String,
    (call, format): (Call, ListFormat),
) -> Result<Exit, Failure> {
    let desk = Desk::open(to, call).await?;
    let request = pb::GetWebhookRequest { registry_id: desk.registry_id(), webhook_id };
    let found = desk.webhooks().get_webhook(desk.request(request)).await?.into_inner().webhook;
    let view = View::from(found.unwrap_or_default());
    output::one(format, &view, (&View::HEADINGS, view.row()), || view.text(""))?;
    Ok(Exit::Ok)
}

async fn create(to: &Connection, filter: WebhookEvents, url: String, at: At) -> Result<Exit, Failure> {
    let desk = Desk::open(to, at.call).await?;
    let would = at.dry_run.then(|| format!("would send events to {}", output::clean(&url)));
    let request = pb::CreateWebhookRequest {
        registry_id: desk.registry_id(),
        url,
        kinds: filter.kind,
        entity_id: filter.entity,
        request_id: desk.request_id(),
        validate_only: at.dry_run,
    };
    let made = desk.webhooks().create_webhook(desk.request(request)).await?.into_inner();
    print(at.output, would, made.webhook, &made.secret)?;
    repeated(at.dry_run, &made.secret);
    Ok(Exit::Ok)
}

/// A request that was carried out before is answered without its secret.
fn repeated(dry_run: bool, secret: &str) {
    if secret.is_empty() && !dry_run {
        output::note(
            "this was done before: the secret was in that answer alone; `rotate-secret` makes a new one",
        );
    }
}

async fn rotate(to: &Connection, one: One) -> Result<Exit, Failure> {
    let mut call = Calls::open(to, one).await?;
    let (registry_id, webhook_id, validate_only) = call.request();
    let (request_id, etag) = call.named().await?;
    let request = pb::RotateWebhookSecretRequest { registry_id, webhook_id, request_id, etag, validate_only };
    let changed = call.client.rotate_webhook_secret(call.desk.request(request)).await?.into_inner();
    call.done("make a new secret for", changed.webhook, &changed.secret)?;
    repeated(call.dry_run, &changed.secret);
    Ok(Exit::Ok)
}

async fn update(to: &Connection, one: One, settings: pb::UpdateWebhookRequest) -> Result<Exit, Failure> {
    let mut call = Calls::open(to, one).await?;
    let (registry_id, webhook_id, validate_only) = call.request();
    let (request_id, etag) = call.named().await?;
    let request =
        pb::UpdateWebhookRequest { registry_id, webhook_id, request_id, etag, validate_only, ..settings };
    let changed = call.client.update_webhook(call.desk.request(request)).await?.into_inner();
    call.done("change", changed.webhook, "")
}

async fn enabled(to: &Connection, one: One, enabled: bool) -> Result<Exit, Failure> {
    update(to, one, pb::UpdateWebhookRequest { enabled: Some(enabled), ..Default::default() }).await
}

async fn delete(to: &Connection, one: One, yes: bool) -> Result<Exit, Failure> {
    if !yes && !one.at.dry_run {
        confirm(&format!("webhook {} ends for good", one.id)).await?;
    }
    let mut call = Calls::open(to, one).await?;
    let (registry_id, webhook_id, validate_only) = call.request();
    let (request_id, etag) = call.named().await?;
    let request = pb::DeleteWebhookRequest { registry_id, webhook_id, request_id, etag, validate_only };
    call.client.delete_webhook(call.desk.request(request)).await?;
    call.done("delete", None, "")
}

async fn test(to: &Connection, webhook_id: String, (call, format): (Call, Format)) -> Result<Exit, Failure> {
    let desk = Desk::open(to, call).await?;
    let (registry_id, request_id) = (desk.registry_id(), desk.request_id());
    let request = pb::TestWebhookRequest { registry_id, webhook_id, request_id };
    let tested = desk.webhooks().test_webhook(desk.request(request)).await?.into_inner();
    let attempt = Attempt::from(tested.delivery.unwrap_or_default());
    match format {
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
