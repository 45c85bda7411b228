//! Where a stolen key could still be believed: by a registry that resolves through the root, in a verifier's copy, and in
//! files. And who has stolen it.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use charter_cli::mirror::{LocalCopy, Source, Synced, sync};
use charter_domain::{Context, Kind, Query, Timestamp, recognition::RawPeer, time::Clock as _};
use charter_proof::{AnchorSet, SnapshotIndex, SubordinateStatement};
use charter_server::keyring::Keyring;
use charter_signing::{Signer, jws};
use charter_tests::{
    TestApp,
    governed::ISSUER,
    terminal::{Done, Terminal},
};
use tempfile::TempDir;

use super::{EVERYWHERE, RESOURCE, Two, once, proven, signed_by, with_leaf};
use crate::{
    federation::{ROOT, SECTOR},
    kept::until,
    peer::statement,
};

/// An anchor of its own, which recognises the root.
const NEIGHBOUR: &str = "did:web:neighbour.example";
const DAY: Duration = Duration::from_secs(86_400);

/// Who has the sector's keys as they were.
pub struct Thief {
    ring: Arc<Keyring>,
    at: Timestamp,
}

impl Thief {
    pub fn new(sector: &TestApp, at: Timestamp) -> Self {
        let hosted = &sector.app.hosted;
        let id = hosted.by_authority(SECTOR).expect("served");
        Self { ring: hosted.tenant(id).expect("served").ring(), at }
    }

    fn signer(&self) -> &dyn Signer {
        self.ring.signer(self.at).expect("the stolen key")
    }

    /// A statement about an entity.
    pub fn states(&self, entity: &str) -> String {
        let mut forged = statement(entity, self.at);
        forged.iss = "https://sector.example".to_owned().try_into().expect("valid");
        forged.authority_id = SECTOR.to_owned().try_into().expect("valid");
        forged.resource = RESOURCE.to_owned().try_into().expect("valid");
        forged.sign(self.signer()).expect("signed")
    }

    /// An index of the sector as the thief's own.
    pub fn index(&self, honest: &str) -> String {
        let index = SnapshotIndex::peek(honest).expect("an index");
        index.sign(self.signer()).expect("signed")
    }
}

pub struct Places {
    neighbour: TestApp,
    /// The neighbour's anchors, as its verifiers pinned them.
    pinned: AnchorSet,
    /// A verifier's copy of the federation.
    copy: TempDir,
    /// Of a verifier who has files alone.
    terminal: Terminal,
}

impl Places {
    pub async fn start(two: &Two) -> Self {
        let neighbour = TestApp::build().clock(&two.clock).registry(NEIGHBOUR).start().await;
        let peer = RawPeer { one_sided: true, ..two.root.app.registry(ROOT).as_peer() };
        neighbour.registry(NEIGHBOUR).registers(ROOT).recognized("issue", RESOURCE).peer(peer).await;
        let pinned = neighbour.rest().get("/.well-known/trust-anchors").await.body;
        let pinned = AnchorSet::parse(&pinned).expect("an anchor set");
        let (copy, terminal) = (tempfile::tempdir().expect("a directory"), Terminal::default());
        let places = Self { neighbour, pinned, copy, terminal };
        let anchors = two.root.app.rest().get("/.well-known/trust-anchors").await.body;
        fs::write(places.file("anchors.json"), anchors).expect("written");
        places
    }

    /// What the neighbour shows, who asks the root.
    pub async fn asked(&self) -> Result<Vec<String>, String> {
        let asking = self.neighbour.anonymous().asks(ISSUER, "issue", RESOURCE);
        let asking = asking.with("follow_recognition", "true").with("evidence", "chain");
        let said = asking.grpc().await;
        if said.line() == "200 yes ACTIVE" { Ok(said.chain) } else { Err(said.message) }
    }

    /// The same, once there is an answer.
    pub async fn answered(&self) -> Vec<String> {
        once(|| self.asked()).await
    }

    /// For who has pinned the neighbour.
    pub fn proves(&self, two: &Two, links: &[String], entity: &str) -> Result<(), String> {
        let context = Context { follow_recognition: true, ..Context::default() };
        let query = Query::parse(Kind::Authorization, (NEIGHBOUR, entity, "issue", RESOURCE), context);
        let now = two.clock.now();
        proven(links, &query.expect("a question"), &self.pinned, (now, now), None)
    }

    /// The neighbour comes to show what the spare key signed, under the root's word of now; what the thief signs is refused.
    pub async fn beside_the_root(&self, two: &Two, thief: &Thief, (stolen, spare): (&str, &str)) {
        let by_root = &two.pinned.anchors[0].jwks;
        until(EVERYWHERE, "the neighbour knows of the theft", async || {
            let shown = self.asked().await;
            let stated = |links: &Vec<String>| {
                let stated =
                    SubordinateStatement::parse_verified(&links[1], by_root).expect("the root's own");
                stated.jwks.find(stolen).is_none()
            };
            signed_by(&shown, spare) && shown.is_ok_and(|links| stated(&links))
        })
        .await;
        let honest = self.answered().await;
        self.proves(two, &honest, ISSUER).expect("proven");
        let forged = with_leaf(&honest, thief.states(super::VICTIM));
        self.proves(two, &forged, super::VICTIM).expect_err("under what the root states now");
    }

    /// Brings the copy up to date.
    pub async fn syncs(&self, two: &Two) -> Synced {
        let source = Source::at(&two.root.app.url());
        sync(&source, self.copy.path(), &two.pinned, two.clock.now()).await.expect("a copy")
    }

    /// Which key the copy's yes rests on, proven; or why it is none.
    pub fn copied(&self, two: &Two) -> String {
        let copy = LocalCopy::open(self.copy.path(), two.pinned.clone()).expect("a copy");
        let said = copy.answer(&Two::query(ISSUER, None), two.clock.now(), DAY);
        if said.chain.is_empty() {
            return said.reason.code().to_owned();
        }
        two.proves(&said.chain, ISSUER, None).expect("proven");
        jws::kid(&said.chain[0]).expect("a kid")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.terminal.home().join(name)
    }

    /// How `charter chain verify --offline` ends.
    pub async fn verifies(&self, links: &[String], more: &[&str]) -> Done {
        let (chain, anchors) = (self.file("chain.json"), self.file("anchors.json"));
        fs::write(&chain, serde_json::to_string(links).expect("JSON")).expect("written");
        let [chain, anchors] = [&chain, &anchors].map(|path| path.to_str().expect("UTF-8"));
        let args = ["chain", "verify", chain, "--anchor", anchors, "--offline"];
        self.terminal.charter(&[&args, more].concat()).await
    }
}
