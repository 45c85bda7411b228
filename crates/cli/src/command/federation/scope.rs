//! `charter federation scope`: what an authority may speak for, grant by grant.

use charter_domain::AuthorityId;
use charter_proto::charter::{federation::v1 as fed, registry::v1 as pb};
use serde_json::Value;

use super::peers::other_keys;
use crate::{
    args::{Connection, ListFormat},
    command::delegation::Grant,
    connect::Server,
    exit::{Exit, Failure},
    output,
};

const HEADINGS: [&str; 6] = ["ACTIONS", "RESOURCES", "JURISDICTIONS", "CONDITIONS", "MAY DELEGATE", "UNTIL"];

pub async fn run(
    to: &Connection,
    authority: AuthorityId,
    registry: Option<AuthorityId>,
    format: ListFormat,
) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let request = pb::GetDelegationRequest {
        registry_id: registry.as_ref().map_or_else(String::new, ToString::to_string),
        subordinate_id: authority.to_string(),
    };
    let answer = server.registry().get_delegation(server.request(request)).await?.into_inner();
    let found = answer.delegation;
    let found = found.ok_or_else(|| Failure::new(Exit::Unexpected, "the answer holds no delegation"))?;
    let state = found.status.map(|s| s.state).unwrap_or_default();
    let end =
        output::time(found.valid_until).map_or_else(|| "without end".to_owned(), |t| format!("until {t}"));
    let grants: Vec<Grant> = found.scope.into_iter().map(Grant::from).collect();
    output::list(format, ("grants", None), &grants, &HEADINGS, row)?;
    output::note(&format!("the delegation to `{authority}` is {state}, {end}"));
    say_keys(&server, registry.as_ref(), &authority).await;
    Ok(Exit::Ok)
}

/// What the subordinate announces and the delegation does not state, where the server tells: a listener without the
/// services for registries does not.
async fn say_keys(server: &Server, registry: Option<&AuthorityId>, authority: &AuthorityId) {
    let request = fed::ListPeersRequest {
        authority_id: registry.map(ToString::to_string).unwrap_or_default(),
        subordinate_id: authority.to_string(),
        ..Default::default()
    };
    let Ok(reply) = server.federation().list_peers(server.request(request)).await else { return };
    let found = reply.into_inner().peers;
    for peer in found.iter().filter(|p| other_keys(&p.tls_spki_sha256, &p.announced_tls_spki_sha256)) {
        let list = |keys: &[String]| if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        let (stated, announced) = (list(&peer.tls_spki_sha256), list(&peer.announced_tls_spki_sha256));
        output::say(&format!("it announces other TLS keys than are stated: {announced}; stated: {stated}"));
    }
}

/// What is not restricted is said to be so.
fn row(grant: &Grant) -> Vec<String> {
    let any = |list: &[String]| if list.is_empty() { "any".to_owned() } else { list.join(", ") };
    vec![
        grant.actions.join(", "),
        grant.resources.join(", "),
        any(&grant.jurisdictions),
        conditions(&grant.conditions),
        if grant.may_delegate { "yes" } else { "no" }.to_owned(),
        grant.until.clone().unwrap_or_else(|| "no end of its own".to_owned()),
    ]
}

fn conditions(conditions: &Value) -> String {
    let one = |(name, values): (&String, &Value)| {
        let values: Vec<&str> = values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        format!("{name} = {}", values.join(" or "))
    };
    let all: Vec<String> = conditions.as_object().into_iter().flatten().map(one).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(" and ") }
}
