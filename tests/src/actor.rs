//! Who acts: registries, whose staff hold the bootstrap token, and anybody who asks.

use std::{
    collections::BTreeMap,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use charter_domain::{
    Kind,
    recognition::RawPeer,
    record::{RawAuthorization, RawRecord, RawStatus},
    time::Clock,
};
use charter_proto::charter::registry::v1::{
    self as pb, import_service_client::ImportServiceClient, set_status_request::Target,
};
use tonic::{Request, Status, transport::Channel};

use crate::{Asking, TestApp};

pub struct Anonymous<'a>(&'a TestApp);

impl<'a> Anonymous<'a> {
    pub(crate) fn new(app: &'a TestApp) -> Self {
        Self(app)
    }
    /// Asks the listener's registry; `of` names another.
    pub fn asks(&self, entity: &str, action: &str, resource: &str) -> Asking<'a> {
        Asking {
            app: self.0,
            kind: Kind::Authorization,
            authority: self.0.app.config.listeners[0].registry.to_string(),
            entity: entity.to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            context: BTreeMap::new(),
            patient: true,
        }
    }
}

/// A registry of a server, spoken for by the holder of the bootstrap token.
#[derive(Clone)]
pub struct Registry<'a> {
    pub app: &'a TestApp,
    pub authority: String,
}

impl<'a> Registry<'a> {
    pub(crate) fn new(app: &'a TestApp, authority: &str) -> Self {
        let authority = authority.to_owned();
        Self { app, authority }
    }

    pub fn client(&self) -> ImportServiceClient<Channel> {
        ImportServiceClient::new(self.app.channel())
    }

    /// The message with the token.
    pub fn signed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = format!("Bearer {}", self.app.token);
        request.metadata_mut().insert("authorization", token.parse().expect("ASCII"));
        request
    }

    pub fn registers(&self, entity: &str) -> Registering<'a> {
        let record = RawRecord {
            identifier: entity.to_owned(),
            names: [("en".to_owned(), format!("Name of {entity}"))].into(),
            country: "FI".to_owned(),
            ..RawRecord::default()
        };
        Registering { registry: self.clone(), record }
    }

    /// Sends records in one chunk.
    pub async fn loads(
        &self,
        rows: Vec<(u32, RawRecord)>,
        dry_run: bool,
    ) -> Result<Vec<pb::ImportRecordsResponse>, Status> {
        self.loads_chunks(vec![rows], dry_run).await
    }

    pub async fn loads_chunks(
        &self,
        chunks: Vec<Vec<(u32, RawRecord)>>,
        dry_run: bool,
    ) -> Result<Vec<pb::ImportRecordsResponse>, Status> {
        let authority = self.authority.clone();
        let message = move |rows: Vec<(u32, RawRecord)>| pb::ImportRecordsRequest {
            registry_id: authority.clone(),
            dry_run,
            records: rows.into_iter().map(|(line, raw)| charter_cli::records::to_wire(line, raw)).collect(),
            ..Default::default()
        };
        self.imports(chunks.into_iter().map(message).collect()).await
    }

    /// Sends chunks as they are, over one stream.
    pub async fn imports(
        &self,
        chunks: Vec<pb::ImportRecordsRequest>,
    ) -> Result<Vec<pb::ImportRecordsResponse>, Status> {
        let mut request = self.signed(tokio_stream::iter(chunks));
        let registry = self.authority.parse().expect("ASCII");
        request.metadata_mut().insert("charter-registry", registry);
        let mut replies = self.client().import_records(request).await?.into_inner();
        let mut all = Vec::new();
        while let Some(reply) = replies.message().await? {
            all.push(reply);
        }
        Ok(all)
    }

    pub async fn revokes(&self, entity: &str) -> i64 {
        self.sets(Target::EntityId(entity.to_owned()), "REVOKED").await
    }
    pub async fn suspends(&self, entity: &str) -> i64 {
        self.sets(Target::EntityId(entity.to_owned()), "SUSPENDED").await
    }
    pub async fn reinstates(&self, entity: &str) -> i64 {
        self.sets(Target::EntityId(entity.to_owned()), "ACTIVE").await
    }
    pub async fn ends(&self, entity: &str) -> i64 {
        self.sets(Target::EntityId(entity.to_owned()), "ENDED").await
    }

    /// Sets a state from now on; the receipt's epoch.
    pub async fn sets(&self, target: Target, state: &str) -> i64 {
        let request = pb::SetStatusRequest {
            registry_id: self.authority.clone(),
            target: Some(target),
            state: state.to_owned(),
            reason: "DECIDED_IN_A_TEST".to_owned(),
            effective_from: None,
            ..Default::default()
        };
        let reply = self.client().set_status(self.signed(request)).await;
        reply.expect("the state is set").into_inner().epoch
    }

    /// Lets a registry of another server (or of this one) answer for credentials, all actions.
    pub async fn delegates(&self, child: &Registry<'_>, resources: &[&str]) -> pb::PutDelegationResponse {
        let request = self.delegation(child, resources);
        let reply = self.client().put_delegation(self.signed(request)).await;
        reply.expect("the delegation is made").into_inner()
    }

    pub fn delegation(&self, child: &Registry<'_>, resources: &[&str]) -> pb::PutDelegationRequest {
        let hosted = &child.app.app.hosted;
        let id = hosted.by_authority(&child.authority).expect("a registry");
        let tenant = hosted.tenant(id).expect("a registry");
        pb::PutDelegationRequest {
            registry_id: self.authority.clone(),
            subordinate_id: child.authority.clone(),
            entity_identifier: tenant.registry.entity_identifier.to_string(),
            jwks_json: tenant.ring().listed(child.app.app.store.now()).expect("keys").to_json(),
            endpoint: child.app.url(),
            scope: vec![pb::Grant {
                actions: vec!["*".to_owned()],
                resources: resources.iter().map(|r| (*r).to_owned()).collect(),
                may_delegate: true,
                ..pb::Grant::default()
            }],
            max_path_length: Some(4),
            answers_as_own: true,
            valid_from: None,
            valid_until: None,
            ..Default::default()
        }
    }

    /// This registry as another recognises it, with leave to follow.
    pub fn as_peer(&self) -> RawPeer {
        let known = self.delegation(self, &[]);
        RawPeer {
            entity_identifier: known.entity_identifier,
            jwks_json: known.jwks_json,
            endpoint: known.endpoint,
            may_follow: true,
            one_sided: false,
            tls_spki_sha256: known.tls_spki_sha256,
        }
    }

    /// The same, of a child that is known in TLS by these keys (SPKI SHA-256 in hexadecimal).
    pub fn pinned(
        &self,
        child: &Registry<'_>,
        resources: &[&str],
        keys: &[String],
    ) -> pb::PutDelegationRequest {
        pb::PutDelegationRequest { tls_spki_sha256: keys.to_vec(), ..self.delegation(child, resources) }
    }

    pub async fn seals(&self) -> Result<i64, Status> {
        let person = |subject: &str| pb::Administrator {
            issuer: "https://login.example".to_owned(),
            subject: subject.to_owned(),
        };
        let administrators = ["first", "second"].map(person).to_vec();
        self.seals_with(administrators).await
    }

    /// Ends BOOTSTRAP with these administrators.
    pub async fn seals_with(&self, administrators: Vec<pb::Administrator>) -> Result<i64, Status> {
        let request = pb::SealRegistryRequest {
            registry_id: self.authority.clone(),
            administrators,
            ..Default::default()
        };
        let reply = self.client().seal_registry(self.signed(request)).await?;
        Ok(reply.into_inner().epoch)
    }
}

/// An entity on its way into a registry; awaiting it loads it.
pub struct Registering<'a> {
    registry: Registry<'a>,
    record: RawRecord,
}

impl Registering<'_> {
    pub fn authorized(self, action: &str, resource: &str) -> Self {
        self.stated("", action, resource)
    }
    pub fn recognized(self, action: &str, resource: &str) -> Self {
        self.stated("recognition", action, resource)
    }
    fn stated(mut self, kind: &str, action: &str, resource: &str) -> Self {
        self.record.authorizations.push(RawAuthorization {
            kind: kind.to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            ..RawAuthorization::default()
        });
        self
    }
    /// Changes the statement made last.
    fn last(mut self, change: impl FnOnce(&mut RawAuthorization)) -> Self {
        change(self.record.authorizations.last_mut().expect("authorized first"));
        self
    }
    /// RFC 3339, empty for an open end.
    pub fn valid(self, from: &str, until: &str) -> Self {
        self.last(|a| {
            from.clone_into(&mut a.valid_from);
            until.clone_into(&mut a.valid_until);
        })
    }
    pub fn within(self, jurisdiction: &str) -> Self {
        self.last(|a| a.jurisdictions.push(jurisdiction.to_owned()))
    }
    /// Who the peer of the recognition made last is; for a year where no end was given.
    pub fn peer(self, peer: RawPeer) -> Self {
        let year = self.registry.app.clock.now().plus(Duration::from_secs(365 * 86_400));
        self.last(|a| {
            a.peer = Some(peer);
            if a.valid_until.is_empty() {
                a.valid_until = year.to_string();
            }
        })
    }
    pub fn provided(self, dimension: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        self.last(|a| drop(a.conditions.insert(dimension.to_owned(), values)))
    }
    pub fn status(mut self, state: &str, from: &str) -> Self {
        self.record.status = Some(RawStatus {
            state: state.to_owned(),
            from: from.to_owned(),
            reason: "LOADED_SO".to_owned(),
        });
        self
    }
    pub fn with(mut self, change: impl FnOnce(&mut RawRecord)) -> Self {
        change(&mut self.record);
        self
    }
}

impl<'a> IntoFuture for Registering<'a> {
    type Output = String;
    type IntoFuture = Pin<Box<dyn Future<Output = String> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let entity = self.record.identifier.clone();
            let replies = self.registry.loads(vec![(1, self.record)], false).await.expect("loaded");
            assert_eq!(replies[0].errors, [], "{entity}");
            entity
        })
    }
}
