//! `charter.registry.v1.ImportService`: every call needs the bootstrap token.

use std::{collections::BTreeSet, pin::Pin};

use charter_domain::{
    AuthorityId, EntityId, HttpsId, Interval, Invalid, NamingConstraints, Scope, SpkiPins,
    delegation::{endpoint, path_length},
    policy::Caller,
    scope::{Grant, Jurisdiction, Pattern},
    status::State,
};
use charter_proto::charter::registry::v1::{
    self as pb, import_service_server::ImportService, set_status_request::Target as PbTarget,
};
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Doorway, Reply, convert, delegation::naming};
use crate::{
    Error,
    app::{
        delegation::{self, NewDelegation},
        govern::{self, wish::RawSchema},
        import::{self, Rejected},
        init::{self, Administrator},
        once::Asked,
        schema,
        status::{self, NewStatus, Target},
    },
    door::Here,
    error::Code,
};

fn rejected(r: Rejected) -> pb::ImportError {
    pb::ImportError { line: r.line, code: r.code.into_owned(), field: r.field, message: r.message }
}

fn patterns(field: &str, list: &[String]) -> Result<Vec<Pattern>, Invalid> {
    list.iter().map(|p| Pattern::parse(p).map_err(|e| e.at(field))).collect()
}

pub(super) fn grant(g: pb::Grant) -> Result<Grant, Invalid> {
    Ok(Grant {
        actions: patterns("scope.actions", &g.actions)?,
        resources: patterns("scope.resources", &g.resources)?,
        jurisdictions: g.jurisdictions.iter().map(|j| Jurisdiction::parse(j)).collect::<Result<_, _>>()?,
        conditions: convert::conditions(g.conditions),
        may_delegate: g.may_delegate,
        until: convert::optional_time("scope.until", g.until)?,
    })
}

fn delegation(r: pb::PutDelegationRequest) -> Result<NewDelegation, Error> {
    let names = r.naming_constraints.map(naming).unwrap_or_default();
    let grants = r.scope.into_iter().map(grant).collect::<Result<_, _>>()?;
    Ok(NewDelegation {
        subordinate: AuthorityId::parse(&r.subordinate_id).map_err(|e| e.at("subordinate_id"))?,
        entity_identifier: HttpsId::parse(&r.entity_identifier)?,
        jwks: delegation::keys(&r.jwks_json)?,
        endpoint: endpoint(&r.endpoint)?,
        tls_spki_sha256: SpkiPins::parse(&r.tls_spki_sha256)?,
        scope: Scope::parse(grants)?,
        max_path_length: path_length(r.max_path_length)?,
        naming_constraints: NamingConstraints::parse(&names)?,
        answers_as_own: r.answers_as_own,
        valid: Interval::new(
            convert::optional_time("valid_from", r.valid_from)?,
            convert::optional_time("valid_until", r.valid_until)?,
        )?,
        begins_when_recorded: false,
    })
}

fn new_status(r: pb::SetStatusRequest) -> Result<NewStatus, Invalid> {
    let target = match r.target {
        Some(PbTarget::EntityId(id)) => Target::Entity(EntityId::parse(&id)?),
        Some(PbTarget::SubordinateId(id)) => {
            Target::Delegation(AuthorityId::parse(&id).map_err(|e| e.at("subordinate_id"))?)
        }
        None => return Err(Invalid::new("target", "must be an entity or a subordinate")),
    };
    Ok(NewStatus {
        target,
        state: State::parse(&r.state).map_err(|e| e.at("state"))?,
        reason: status::code(&r.reason)?,
        effective_from: convert::optional_time("effective_from", r.effective_from)?,
    })
}

impl Doorway {
    /// `seen` holds the identifiers of earlier chunks of the same run.
    async fn chunk(
        &self,
        (here, caller): (&Here, &Caller),
        message: pb::ImportRecordsRequest,
        dry_run: bool,
        seen: &mut BTreeSet<String>,
    ) -> Result<pb::ImportRecordsResponse, Error> {
        let registry = self.named(here, &message.registry_id)?;
        let permit = import::permit_load(&self.app, caller, registry).await?;
        let asked = Asked::parse(&message.request_id, "", dry_run)?;
        let records = message.records.into_iter().map(convert::record).collect();
        let done = import::load(&self.app, (caller, &permit), records, &asked, seen).await?;
        Ok(pb::ImportRecordsResponse {
            accepted: done.accepted,
            errors: done.rejected.into_iter().map(rejected).collect(),
            epoch: done.epoch,
        })
    }

    /// A run of one chunk, for doors without streams.
    pub async fn import_chunk(
        &self,
        request: Request<pb::ImportRecordsRequest>,
    ) -> Reply<pb::ImportRecordsResponse> {
        let (here, caller) = (self.here(&request)?, self.caller(&request)?);
        let (door, message) = (self.clone(), request.into_inner());
        let dry_run = message.dry_run;
        let work = async move {
            let mut seen = BTreeSet::new();
            door.chunk((&here, &caller), message, dry_run, &mut seen).await
        };
        Ok(Response::new(govern::to_its_end(work).await?))
    }
}

type Chunks = Pin<Box<dyn Stream<Item = Result<pb::ImportRecordsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl ImportService for Doorway {
    type ImportRecordsStream = Chunks;

    async fn import_records(&self, request: Request<Streaming<pb::ImportRecordsRequest>>) -> Reply<Chunks> {
        let here = self.here(&request)?;
        let caller = self.caller(&request)?;
        // Refused before a chunk is read.
        import::permit_load(&self.app, &caller, here.registry).await?;
        let mut incoming = request.into_inner();
        // One chunk in flight: the stream's own flow control slows the sender down.
        let (out, replies) = mpsc::channel(1);
        let door = self.clone();
        tokio::spawn(async move {
            let (mut seen, mut dry_run) = (BTreeSet::new(), None);
            while let Some(message) = incoming.next().await {
                let chunk = async {
                    let message = message?;
                    let dry = *dry_run.get_or_insert(message.dry_run);
                    let done = door.chunk((&here, &caller), message, dry, &mut seen).await?;
                    Ok::<_, Status>(done)
                };
                let reply = chunk.await;
                let failed = reply.is_err();
                if out.send(reply).await.is_err() || failed {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(replies))))
    }

    async fn put_delegation(
        &self,
        request: Request<pb::PutDelegationRequest>,
    ) -> Reply<pb::PutDelegationResponse> {
        let (here, caller) = (self.here(&request)?, self.caller(&request)?);
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        import::permit_load(&self.app, &caller, registry).await?;
        let asked = Asked::parse(&r.request_id, "", r.validate_only).map_err(Error::from)?;
        let made = delegation::put(&self.app, &caller, registry, delegation(r)?, &asked).await?;
        Ok(Response::new(pb::PutDelegationResponse {
            delegation_id: made.delegation_id,
            epoch: made.epoch,
            warnings: made.warnings,
        }))
    }

    async fn put_schema(&self, request: Request<pb::PutSchemaRequest>) -> Reply<pb::PutSchemaResponse> {
        let (here, caller) = (self.here(&request)?, self.caller(&request)?);
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        import::permit_load(&self.app, &caller, registry).await?;
        let raw = RawSchema { resource: r.resource, uri: r.uri, schema_json: r.schema_json };
        let asked = Asked::parse(&r.request_id, "", r.validate_only).map_err(Error::from)?;
        let (sha256, epoch) = schema::put(&self.app, &caller, registry, raw, &asked).await?;
        Ok(Response::new(pb::PutSchemaResponse { sha256, epoch }))
    }

    async fn set_status(&self, request: Request<pb::SetStatusRequest>) -> Reply<pb::SetStatusResponse> {
        let (here, caller) = (self.here(&request)?, self.caller(&request)?);
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        import::permit_load(&self.app, &caller, registry).await?;
        let asked = Asked::parse(&r.request_id, "", r.validate_only).map_err(Error::from)?;
        let new = new_status(r).map_err(Error::from)?;
        // Runs to its end even when the caller leaves: a change is acknowledged or unknown, never half told.
        let app = self.app.clone();
        let task = tokio::spawn(async move { status::set(&app, &caller, registry, new, &asked).await });
        let epoch =
            task.await.map_err(|_| Error::new(Code::Internal, "an error of ours; it was logged"))??;
        Ok(Response::new(pb::SetStatusResponse { epoch }))
    }

    async fn seal_registry(
        &self,
        request: Request<pb::SealRegistryRequest>,
    ) -> Reply<pb::SealRegistryResponse> {
        let (here, caller) = (self.here(&request)?, self.caller(&request)?);
        let r = request.into_inner();
        let registry = self.named(&here, &r.registry_id)?;
        let administrator = |a: pb::Administrator| Administrator { issuer: a.issuer, subject: a.subject };
        let two = r.administrators.into_iter().map(administrator).collect();
        let asked = Asked::parse(&r.request_id, "", r.validate_only).map_err(Error::from)?;
        let epoch = init::seal(&self.app, &caller, registry, two, &asked).await?;
        Ok(Response::new(pb::SealRegistryResponse { epoch }))
    }
}
