//! The servers of a file: registries, records and delegations, on databases of their own, with one clock.

use std::{sync::Arc, time::Duration};

use charter_domain::{NamingConstraints, Timestamp, record::RawAuthorization, time::Clock};
use charter_proto::charter::registry::v1::{self as pb, set_status_request::Target};
use charter_server::tasks::superior;
use charter_tests::{Registry, TestApp, TestClock};

use super::spec::{Delegation, File, Recognition, Record, did};
use crate::kept::until;

const YEAR: Duration = Duration::from_secs(365 * 86_400);

pub struct Servers {
    apps: Vec<TestApp>,
    pub clock: Arc<TestClock>,
}

impl Servers {
    pub async fn start(file: &File) -> Self {
        let clock = Arc::new(TestClock::default());
        let mut servers = Self { apps: Vec::new(), clock };
        let last = file.registries.iter().map(|r| r.server).max().unwrap_or(1);
        for number in 1..=last {
            servers.add(file, number).await;
        }
        for registry in &file.registries {
            let own = servers.app(registry.server).registry(&did(&registry.id));
            for delegation in &registry.delegates {
                let to = servers.app(file.server_of(&delegation.to)).registry(&did(&delegation.to));
                delegates(&own, &to, delegation).await;
            }
            for recognition in &registry.recognizes {
                let peer = &recognition.peer;
                let there = servers.app(file.server_of(peer)).registry(&did(peer));
                recognizes(&own, &there, recognition).await;
            }
            for record in &registry.records {
                records(&own, record).await;
            }
        }
        servers.look_up().await;
        servers
    }

    /// From 1, as the files count them.
    pub fn app(&self, number: usize) -> &TestApp {
        &self.apps[number - 1]
    }

    /// The anchor set of the first server, as it serves it.
    pub async fn anchors(&self) -> Vec<u8> {
        self.app(1).rest().get("/.well-known/trust-anchors").await.body.to_vec()
    }

    async fn add(&mut self, file: &File, number: usize) {
        let mut build = TestApp::build().clock(&self.clock);
        for registry in file.registries.iter().filter(|r| r.server == number) {
            let Some(above) = &registry.under else {
                build = build.registry(&did(&registry.id));
                continue;
            };
            build = build.under(&did(&registry.id), &did(above));
            let place = file.server_of(above);
            if place < number {
                build = build.details(&format!("superior_endpoint = \"{}\"", self.app(place).url()));
            }
        }
        self.apps.push(build.start().await);
    }

    /// Every registry has the statements of its superiors; those above first.
    async fn look_up(&self) {
        for app in &self.apps {
            for tenant in app.app.hosted.tenants() {
                let id = &tenant.registry.authority;
                let what = format!("{id} knows its superiors");
                until(Duration::from_secs(60), &what, async || superior::fetch(&app.app, tenant).await).await;
            }
        }
    }

    pub async fn stop(self) {
        for app in self.apps {
            app.stop().await;
        }
    }
}

fn instant(text: &str) -> prost_types::Timestamp {
    let seconds = Timestamp::parse(text).expect("an instant").secs();
    prost_types::Timestamp { seconds, nanos: 0 }
}

async fn delegates(own: &Registry<'_>, to: &Registry<'_>, spec: &Delegation) {
    let resources: Vec<&str> = spec.resources.iter().map(String::as_str).collect();
    let mut request = own.delegation(to, &resources);
    request.max_path_length = spec.max_path_length.or(request.max_path_length);
    request.naming_constraints = spec.naming_constraints.clone().map(|names| {
        let NamingConstraints { permitted, excluded } = names;
        pb::NamingConstraints { permitted, excluded }
    });
    request.answers_as_own = spec.answers_as_own;
    request.valid_from = spec.valid_from.as_deref().map(instant);
    request.valid_until = spec.valid_until.as_deref().map(instant);
    if let Some(endpoint) = &spec.endpoint {
        endpoint.clone_into(&mut request.endpoint);
    }
    for grant in &mut request.scope {
        grant.jurisdictions.clone_from(&spec.jurisdictions);
        grant.may_delegate = spec.may_delegate;
    }
    own.client().put_delegation(own.signed(request)).await.expect("the delegation is made");
    if let Some(state) = &spec.state {
        own.sets(Target::SubordinateId(to.authority.clone()), state).await;
    }
}

async fn recognizes(own: &Registry<'_>, there: &Registry<'_>, spec: &Recognition) {
    let mut peer = there.as_peer();
    (peer.may_follow, peer.one_sided) = (spec.may_follow, spec.one_sided);
    if let Some(endpoint) = &spec.endpoint {
        endpoint.clone_into(&mut peer.endpoint);
    }
    let year = || own.app.clock.now().plus(YEAR).to_string();
    let recognition = RawAuthorization {
        kind: "recognition".to_owned(),
        action: "issue".to_owned(),
        resource: spec.resource.clone(),
        valid_from: spec.valid_from.clone().unwrap_or_default(),
        valid_until: spec.valid_until.clone().unwrap_or_else(year),
        peer: Some(peer),
        ..RawAuthorization::default()
    };
    states(own, &there.authority, vec![recognition], spec.status.as_deref()).await;
}

async fn records(own: &Registry<'_>, spec: &Record) {
    states(own, &did(&spec.entity), spec.authorizations.clone(), spec.status.as_deref()).await;
}

async fn states(own: &Registry<'_>, entity: &str, made: Vec<RawAuthorization>, status: Option<&str>) {
    let registering = own.registers(entity).with(|raw| raw.authorizations = made);
    match status {
        Some(state) => registering.status(state, "2025-06-01T00:00:00Z").await,
        None => registering.await,
    };
}
