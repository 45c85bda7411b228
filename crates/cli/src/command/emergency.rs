//! `charter entity emergency-suspend`: at once, by one person, until it lapses or is proposed and approved.

use charter_proto::charter::registry::v1::SuspendInEmergencyRequest;
use serde_json::json;

use crate::{
    args::{Connection, Emergency, Format},
    confirm::confirm,
    desk::Desk,
    exit::{Exit, Failure},
    output,
};

pub async fn suspend(to: &Connection, args: Emergency) -> Result<Exit, Failure> {
    let what = format!("entity `{}`", args.id);
    if !args.yes && !args.dry_run {
        confirm(&format!("{what} becomes SUSPENDED at once for 24 hours, reason {}", args.reason)).await?;
    }
    let desk = Desk::open(to, args.call).await?;
    let request = SuspendInEmergencyRequest {
        registry_id: desk.registry_id(),
        entity_id: args.id.into(),
        code: args.reason,
        request_id: desk.request_id(),
        validate_only: args.dry_run,
    };
    let receipt = desk.client().suspend_in_emergency(desk.request(request)).await?.into_inner();
    let (epoch, lapses_at) = (receipt.epoch, output::time(receipt.lapses_at));
    match args.output {
        Format::Json => output::json(&json!({ "epoch": epoch, "lapses_at": lapses_at }))?,
        Format::Table if args.dry_run => {
            output::text(&format!("would suspend {what} until {}", lapses_at.unwrap_or_default()))?
        }
        Format::Table => {
            let lapses = lapses_at.unwrap_or_default();
            output::text(&format!("{what} is SUSPENDED until {lapses} (epoch {epoch})\n{}", keep(&lapses)))?
        }
    };
    Ok(Exit::Ok)
}

/// Until then it is suspended already, and cannot be again.
fn keep(lapses: &str) -> String {
    format!(
        "to keep it: `charter entity suspend ID --propose --at {lapses} --reason CODE --hearing-waived CONFIRMS_EMERGENCY --legal-basis TEXT --why TEXT`"
    )
}
