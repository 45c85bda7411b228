//! 401 registries in five real processes: the root in one, national registries in two, education registries in two.

use std::{collections::BTreeMap, fs, time::Instant};

use charter_domain::record::{RawAuthorization, RawRecord};
use charter_proto::charter::registry::v1::{
    ImportRecordsRequest, import_service_client::ImportServiceClient,
};
use charter_tests::{
    TestApp,
    app::Build,
    database::Database,
    nations::{Child, education, nation},
    program::Served,
    universities::University,
};
use futures::{StreamExt, stream};
use tempfile::TempDir;
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};

pub const ROOT: &str = "did:web:root.trust.example";
pub const DEGREE: &str = "UniversityDegreeCredential";
/// Registries that are loaded at once.
const LOADS: usize = 4;
/// Records of one message, as `charter import` sends them.
const CHUNK: usize = 500;
/// Delegations that are made at once: each waits a lease for its acknowledgement.
const DELEGATIONS: usize = 24;
/// A superior follows each of its subordinates, and those of one process have one address. What no feed tells is asked
/// about once a minute: this build would be busy with it, and each question is asked once.
const SETTINGS: &str = "
cache = { peer_poll_ms = 60000 }
limits = { per_address_rps = 100000, per_address_burst = 100000, global_rps = 100000, max_watchers_per_address = 1000, deadline_ms = 10000 }
";

pub type ByCountry = BTreeMap<String, Vec<University>>;

/// A process, its database and its files.
struct Part {
    served: Served,
    token: String,
    _dir: TempDir,
}

pub struct Federation {
    root: Part,
    /// Every other country each.
    nations: [Part; 2],
    sectors: [Part; 2],
}

impl Part {
    async fn start(build: Build) -> Self {
        let (database, dir) = (Database::create().await, tempfile::tempdir().expect("a directory"));
        let served = Served::start(dir.path(), |address| build.toml(&database, dir.path(), address)).await;
        let token = fs::read_to_string(dir.path().join("token")).expect("a token").trim().to_owned();
        Self { served, token, _dir: dir }
    }

    fn client(&self) -> ImportServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(self.served.url()).expect("a URL");
        ImportServiceClient::new(endpoint.connect_lazy())
    }

    fn signed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = format!("Bearer {}", self.token);
        request.metadata_mut().insert("authorization", token.parse().expect("ASCII"));
        request
    }

    /// Loads the universities of a country into its education registry; how many there are, each counted once.
    async fn loads(&self, country: &str, list: &[University]) -> usize {
        let registry = education(country);
        let records: BTreeMap<String, RawRecord> =
            list.iter().map(|u| (u.identifier(), record(u.clone()))).collect();
        let lines: Vec<_> = (1..).zip(records.into_values()).collect();
        let chunks: Vec<_> = lines.chunks(CHUNK).map(<[_]>::to_vec).collect();
        let message = move |lines: Vec<(u32, RawRecord)>| ImportRecordsRequest {
            registry_id: registry.clone(),
            records: lines.into_iter().map(|(n, raw)| charter_cli::records::to_wire(n, raw)).collect(),
            ..ImportRecordsRequest::default()
        };
        let request = self.signed(stream::iter(chunks.into_iter().map(message)));
        let mut replies = self.client().import_records(request).await.expect("loading").into_inner();
        let mut accepted = 0;
        while let Some(reply) = replies.message().await.expect("loaded") {
            assert_eq!(reply.errors, [], "{country}");
            accepted += reply.accepted as usize;
        }
        accepted
    }

    /// Lets a registry of another process speak for its country, under one of this process.
    async fn delegates(
        &self,
        superior: &str,
        (at, authority, slug): (&Self, &str, &str),
        country: &str,
        levels: u32,
    ) {
        let child = Child {
            authority,
            url: &at.served.url(),
            slug,
            resources: &[DEGREE],
            jurisdictions: &[country],
            levels,
        };
        let request = self.signed(child.under(superior).await.expect("its keys"));
        self.client().put_delegation(request).await.expect("delegated");
    }
}

fn record(university: University) -> RawRecord {
    RawRecord {
        identifier: university.identifier(),
        names: [("en".to_owned(), university.name)].into(),
        country: university.country.clone(),
        authorizations: vec![RawAuthorization {
            action: "issue".to_owned(),
            resource: DEGREE.to_owned(),
            jurisdictions: vec![university.country],
            ..RawAuthorization::default()
        }],
        ..RawRecord::default()
    }
}

/// Every other country, from the first or the second on.
fn half(countries: &ByCountry, n: usize) -> impl Iterator<Item = &String> {
    countries.keys().skip(n).step_by(2)
}

impl Federation {
    pub async fn start(countries: &ByCountry) -> Self {
        let begun = Instant::now();
        let build = || TestApp::build().settings(SETTINGS);
        let national = |n| half(countries, n).fold(build(), |all, code| all.under(&nation(code), ROOT));
        let sector =
            |n| half(countries, n).fold(build(), |all, code| all.under(&education(code), &nation(code)));
        let federation = Self {
            root: Part::start(build().registry(ROOT)).await,
            nations: [Part::start(national(0)).await, Part::start(national(1)).await],
            sectors: [Part::start(sector(0)).await, Part::start(sector(1)).await],
        };
        println!("{} registries opened in {:.1?}", 2 * countries.len() + 1, begun.elapsed());
        federation.load(countries).await;
        federation.delegate(countries).await;
        federation
    }

    /// The address of the root.
    pub fn root(&self) -> &Served {
        &self.root.served
    }

    async fn load(&self, countries: &ByCountry) {
        let begun = Instant::now();
        let loading = stream::iter(countries.iter().enumerate())
            .map(|(n, (code, list))| self.sectors[n % 2].loads(code, list))
            .buffer_unordered(LOADS);
        let loaded: usize = loading.collect::<Vec<_>>().await.into_iter().sum();
        println!("{loaded} entities loaded in {:.1?}", begun.elapsed());
    }

    async fn delegate(&self, countries: &ByCountry) {
        let begun = Instant::now();
        let making = stream::iter(countries.keys().enumerate())
            .map(|(n, code)| self.delegates(n, code))
            .buffer_unordered(DELEGATIONS);
        making.collect::<()>().await;
        println!("{} delegations made in {:.1?}", 2 * countries.len(), begun.elapsed());
    }

    /// Registries are called `r0`, `r1` and so on in the process that they are in.
    async fn delegates(&self, n: usize, code: &str) {
        let (national, sector, slug) = (nation(code), education(code), format!("r{}", n / 2));
        let (above, below) = (&self.nations[n % 2], &self.sectors[n % 2]);
        above.delegates(&national, (below, &sector, &slug), code, 0).await;
        self.root.delegates(ROOT, (above, &national, &slug), code, 1).await;
    }
}
