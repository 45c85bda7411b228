//! The log that a registry's configuration names, verified from an anchor set.

use std::path::Path;

use charter_proof::{AnchorSet, EntityConfiguration, Fault, FaultCode, document::Log, verify_configuration};
use charter_proto::charter::federation::v1::{GetEntityConfigurationRequest, GetSubordinateStatementRequest};

use crate::{
    args::{Connection, LogSource},
    clock,
    connect::Server,
    evidence,
    exit::{Exit, Failure},
};

/// Asks the registry for its configuration, and its superior where it is no anchor itself.
pub async fn log(to: &Connection, args: &LogSource, anchor: &Path) -> Result<Log, Failure> {
    let anchors = evidence::read_anchors(anchor)?;
    let server = Server::connect(to).await?;
    let authority_id = args.registry.as_ref().map_or_else(String::new, ToString::to_string);
    let request = server.request(GetEntityConfigurationRequest { authority_id });
    let token =
        server.federation().get_entity_configuration(request).await?.into_inner().entity_configuration;
    let configuration = verified(to, args, &anchors, &token).await?;
    let found = &configuration.metadata.trust_registry.authority_id;
    match &args.registry {
        Some(asked) if asked != found => {
            let text = format!("the configuration is of `{found}`, not of `{asked}`");
            Err(Failure::new(Exit::CannotVerify, text))
        }
        _ => configuration.metadata.trust_registry.log.ok_or_else(|| {
            Failure::new(Exit::CannotVerify, format!("the configuration of `{found}` names no log"))
        }),
    }
}

async fn verified(
    to: &Connection,
    args: &LogSource,
    anchors: &AnchorSet,
    token: &str,
) -> Result<EntityConfiguration, Failure> {
    let now = clock::at_or_now(None);
    let failed = |fault: Fault| Failure::new(Exit::CannotVerify, format!("the configuration: {fault}"));
    match verify_configuration(token, &[], anchors, now) {
        // No anchor: somebody above it vouches for its keys.
        Err(fault) if fault.code == FaultCode::UnknownAnchor => {
            let superiors = superiors(to, args).await?;
            verify_configuration(token, &superiors, anchors, now).map_err(failed)
        }
        done => done.map_err(failed),
    }
}

/// What the superior says of the registry, and the way up from there.
async fn superiors(to: &Connection, args: &LogSource) -> Result<Vec<String>, Failure> {
    let registry = args.registry.as_ref().ok_or_else(|| {
        Failure::usage(
            "the registry is no anchor: --registry names it, --superior where its superior answers",
        )
    })?;
    let address = args.superior.clone().unwrap_or_else(|| to.server.clone());
    let server = Server::connect(&Connection { server: address, ..to.clone() }).await?;
    let request = server.request(GetSubordinateStatementRequest {
        authority_id: String::new(),
        subordinate_id: registry.to_string(),
    });
    let said = server.federation().get_subordinate_statement(request).await?.into_inner();
    Ok([vec![said.subordinate_statement], said.superior_chain].concat())
}
