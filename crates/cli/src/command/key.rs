//! `charter key` and `charter entity key`: keys with their history, proposals about them, and whether a signature counts.

mod view;

use std::path::Path;

use charter_domain::EntityId;
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use serde_json::{Value, json};

use self::view::View;
use crate::{
    args::{CheckKey, Connection, Draft, EntityKey, Format, Key, ListFormat, ListKeys, Revoke},
    command::propose,
    connect::Server,
    exit::{Exit, Failure},
    output, proposal,
};

/// Members that a private JWK has (RFC 7518, 6; RFC 8037, 2).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

pub async fn run(to: &Connection, command: Key) -> Result<Exit, Failure> {
    match command {
        Key::List(args) => list(to, None, args, true).await,
        Key::History(args) => list(to, None, args, false).await,
        Key::Show { kid, entity, registry, output } => {
            let of = (entity, registry.map_or_else(String::new, Into::into));
            show(to, of, &kid, output).await
        }
        Key::Rotate { active_from, why, draft } => {
            let rotate = pb::RotateKey { active_from: active_from.map(output::timestamp) };
            rotation(to, rotate, why, draft).await
        }
        Key::Retire { kid, from, why, draft } => {
            let retire = pb::RetireKey { kid, from: from.map(output::timestamp) };
            propose::send(to, draft, why, Change::RetireKey(retire)).await
        }
        Key::Revoke(args) => revoke(to, args).await,
        Key::Check(args) => check(to, args).await,
        Key::Evidence { sha256, entity, why, draft } => {
            let entity_id = entity.map_or_else(String::new, Into::into);
            let evidence = pb::RecordEvidence { sha256, entity_id };
            propose::send(to, draft, why, Change::RecordEvidence(evidence)).await
        }
    }
}

pub async fn entity(to: &Connection, command: EntityKey) -> Result<Exit, Failure> {
    match command {
        EntityKey::List { entity, list: args } => list(to, Some(entity), args, false).await,
        EntityKey::Add { entity, jwk, valid_from, valid_until, why, draft } => {
            let add = pb::AddEntityKey {
                entity_id: entity.into(),
                jwk_json: jwk_text(&jwk).await?,
                valid_from: valid_from.map(output::timestamp),
                valid_until: valid_until.map(output::timestamp),
            };
            propose::send(to, draft, why, Change::AddEntityKey(add)).await
        }
        EntityKey::Revoke { entity, revoke: args } => {
            let change = Change::RevokeEntityKey(pb::RevokeEntityKey {
                entity_id: entity.into(),
                kid: args.kid,
                reason: args.reason.code().to_owned(),
                compromised_since: args.compromised_since.map(output::timestamp),
            });
            propose::send(to, args.draft, args.why, change).await
        }
    }
}

/// Proposes a key, and shows the set that the superior has to state: without it nobody verifies what the key signs.
pub(super) async fn rotation(
    to: &Connection,
    rotate: pb::RotateKey,
    why: String,
    draft: Draft,
) -> Result<Exit, Failure> {
    let (format, dry_run) = (draft.output, draft.dry_run);
    let registry = draft.call.registry.clone().map_or_else(String::new, Into::into);
    let proposal = propose::file(to, draft, why, Change::RotateKey(rotate)).await?;
    let change: Value = serde_json::from_str(&proposal.change_json).unwrap_or_default();
    let mut keys = fetch(to, None, registry).await?;
    keys.retain(View::is_in_use);
    let mut stated: Vec<Value> = keys.into_iter().map(|key| key.jwk).collect();
    stated.push(change["data"]["jwk"].clone());
    let (view, jwks) = (proposal::View::from(proposal), json!({ "keys": stated }));
    match format {
        // A key that was only tried out is made anew.
        Format::Json if dry_run => output::json(&json!({ "proposal": view }))?,
        Format::Json => output::json(&json!({ "proposal": view, "superior_jwks": jwks }))?,
        Format::Table if dry_run => output::text(&propose::said(&view, dry_run))?,
        Format::Table => {
            let said = propose::said(&view, dry_run);
            output::text(&format!(
                "{said}\nbefore the key signs, the superior must state these keys in its delegation; until then nobody \
                 can verify\nwhat the key signs:\n{jwks}"
            ))?
        }
    };
    Ok(Exit::Ok)
}

/// Of a file, or standard input for `-`. A private key never leaves this machine.
async fn jwk_text(path: &Path) -> Result<String, Failure> {
    let source = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
    let read = tokio::fs::read_to_string(source).await;
    let text =
        read.map_err(|e| Failure::usage(format!("cannot read the key's file `{}`: {e}", path.display())))?;
    let jwk: Value = serde_json::from_str(&text)
        .map_err(|_| Failure::usage(format!("`{}` does not hold a JWK in JSON", path.display())))?;
    if PRIVATE.iter().any(|member| jwk.get(member).is_some()) {
        return Err(Failure::usage(format!("`{}` holds a private key: it was not sent", path.display()))
            .hint("give the members of the public key only: kty, crv, x, y, and kid if it has one"));
    }
    Ok(text)
}

async fn revoke(to: &Connection, args: Revoke) -> Result<Exit, Failure> {
    let change = Change::RevokeKey(pb::RevokeKey {
        kid: args.kid,
        reason: args.reason.code().to_owned(),
        compromised_since: args.compromised_since.map(output::timestamp),
    });
    propose::send(to, args.draft, args.why, change).await
}

async fn fetch(to: &Connection, entity: Option<EntityId>, registry_id: String) -> Result<Vec<View>, Failure> {
    let server = Server::connect(to).await?;
    let entity_id = entity.map_or_else(String::new, Into::into);
    let request = server.request(pb::ListKeysRequest { registry_id, entity_id });
    let keys = server.keys().list_keys(request).await?.into_inner().keys;
    Ok(keys.into_iter().map(View::from).collect())
}

async fn list(
    to: &Connection,
    entity: Option<EntityId>,
    args: ListKeys,
    in_use: bool,
) -> Result<Exit, Failure> {
    let mut views = fetch(to, entity, args.registry.map_or_else(String::new, Into::into)).await?;
    views.retain(|view| !in_use || view.is_in_use());
    output::list(args.output, ("keys", None), &views, &View::HEADINGS, View::row)?;
    Ok(Exit::Ok)
}

async fn show(
    to: &Connection,
    (entity, registry): (Option<EntityId>, String),
    kid: &str,
    format: ListFormat,
) -> Result<Exit, Failure> {
    let views = fetch(to, entity, registry).await?;
    let view = views.into_iter().find(|view| view.kid == kid);
    let view = view.ok_or_else(|| {
        Failure::new(Exit::Unknown, format!("there is no key `{kid}`"))
            .hint("`charter key history` prints all")
    })?;
    output::one(format, &view, (&View::HEADINGS, view.row()), || view.text())?;
    Ok(Exit::Ok)
}

async fn check(to: &Connection, args: CheckKey) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let request = pb::CheckKeyRequest {
        registry_id: args.registry.map_or_else(String::new, Into::into),
        entity_id: args.entity.map_or_else(String::new, Into::into),
        kid: args.kid,
        claimed_at: args.claimed_at.map(output::timestamp),
        sha256: args.sha256.unwrap_or_default(),
    };
    let said = server.keys().check_key(server.request(request)).await?.into_inner();
    match args.output {
        Format::Json => output::json(&json!({
            "verdict": said.verdict, "message": said.message, "accepted": said.accepted,
            "evidence_seq": said.evidence_seq, "existed_at": output::time(said.existed_at),
            "evaluated_at": output::time(said.evaluated_at),
        }))?,
        Format::Table => {
            output::text(&format!("{}: {}", output::clean(&said.verdict), output::clean(&said.message)))?
        }
    };
    Ok(match said.verdict.as_str() {
        _ if said.accepted => Exit::Ok,
        "UNKNOWN_KEY" => Exit::Unknown,
        _ => Exit::Negative,
    })
}
