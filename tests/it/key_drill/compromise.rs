//! A sector's key is stolen: the theft is noticed after a while, the key is revoked, and refused at every place in time.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use charter_domain::time::Clock as _;
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_signing::{JwkSet, jws};
use charter_tests::governed::ISSUER;

use super::{
    AHEAD, EVERYWHERE, Load, PATIENCE, Two, VICTIM,
    places::{Places, Thief},
    proven, signed_by, with_leaf,
};
use crate::{
    federation::SECTOR,
    kept::until,
    key::{by_security, kid, rotates, stamp},
    mirror_copy::forged::serves,
};

/// What is promised: refused by the registry itself, and by those who follow its feed.
const LOCALLY: Duration = Duration::from_secs(2);
const BY_THE_FEED: Duration = Duration::from_secs(2);
/// How long nobody knows of the theft: less than the spare key is announced ahead.
const UNNOTICED: Duration = Duration::from_secs(10);
/// Longer than an index is served without being looked at.
const LATER: Duration = Duration::from_secs(3);

impl Two {
    /// The sector's own word on a stolen key, and that of its historical keys.
    async fn historical(&self, stolen: &str, stated: &JwkSet) {
        let path = "/.well-known/openid-federation-historical-keys";
        let historical = self.sector.app.rest().get(path).await.text();
        let claims = jws::verify(&historical, "jwk-set+jwt", stated).expect("signed by the spare key");
        let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
        let keys = claims["keys"].as_array().expect("keys");
        let of = |kid: &str| keys.iter().find(|k| k["kid"] == kid).map(|k| k["revoked"]["reason"].clone());
        assert_eq!((keys.len(), of(stolen)), (2, Some("compromised".into())), "the first is retired");
    }

    /// A spare key that the root states already; then the one in use is stolen, revoked, and refused everywhere.
    pub async fn compromise(&self, places: &Places, load: &Load) {
        rotates(&self.sector, AHEAD).await;
        self.states(&self.shown().await).await;
        let (stolen, spare) = (kid(&self.sector, "ACTIVE").await, kid(&self.sector, "ANNOUNCED").await);
        let thief = Thief::new(&self.sector.app, self.clock.now());
        let before = self.believed(places, &thief, &stolen).await;
        self.waits(load, UNNOTICED).await;
        let (decided, since) = (Instant::now(), self.clock.now());
        let (reason, compromised_since) = ("COMPROMISED".to_owned(), stamp(&self.sector, Duration::ZERO));
        let revoke = pb::RevokeKey { kid: stolen.clone(), reason, compromised_since };
        by_security(&self.sector, Change::RevokeKey(revoke)).await;
        // Of who asks later than that nobody is told otherwise, however long a busy machine takes to tell.
        let revoked = Instant::now();
        let refused = async || {
            let asked = revoked.elapsed();
            let refused = self.verdict(&stolen).await.starts_with("COMPROMISED");
            assert!(asked < LOCALLY || refused, "asked after {asked:?}");
            refused
        };
        until(PATIENCE, "the sector refuses it", refused).await;
        let replaced = async || {
            let asked = revoked.elapsed();
            let shown = self.checked(None).await;
            assert!(asked < BY_THE_FEED || !signed_by(&shown, &stolen), "asked after {asked:?}");
            signed_by(&shown, &spare)
        };
        until(PATIENCE, "the root shows what the spare key signed", replaced).await;
        self.states(&self.shown().await).await;
        let stated = self.stated().await.1.jwks;
        assert!(stated.find(&stolen).is_none() && stated.find(&spare).is_some());
        let after = self.answered().await;
        let forged = with_leaf(&after, thief.states(VICTIM));
        self.proves(&forged, VICTIM, None).expect_err("under what the root states now");
        places.beside_the_root(self, &thief, (&stolen, &spare)).await;
        self.refused_by_the_copy(places, &thief, load).await;
        assert_eq!(places.copied(self), spare, "the copy is up to date");
        assert!(decided.elapsed() < EVERYWHERE, "{:?}", decided.elapsed());
        assert!(self.clock.now().since(since) < EVERYWHERE);
        self.files(places, &thief, (&before, &after)).await;
        self.historical(&stolen, &stated).await;
        self.goes_on(load).await;
        load.stop.store(true, Ordering::Relaxed);
    }

    /// Before the theft is known, the thief is believed wherever its key is: what is refused later is refused for that.
    async fn believed(&self, places: &Places, thief: &Thief, stolen: &str) -> Vec<String> {
        let honest = self.answered().await;
        assert_eq!(jws::kid(&honest[0]).expect("a kid"), stolen);
        self.proves(&with_leaf(&honest, thief.states(VICTIM)), VICTIM, None).expect("at the root");
        let beside = places.answered().await;
        places.proves(self, &with_leaf(&beside, thief.states(VICTIM)), VICTIM).expect("beside the root");
        assert_eq!(places.syncs(self).await.failed, []);
        let index = self.sector.app.rest().get("/snapshot").await.text();
        serves(&self.sector.app, &thief.index(&index)).await;
        assert_eq!(places.syncs(self).await.failed, [], "by a verifier's copy");
        assert_eq!(places.copied(self), stolen);
        honest
    }

    /// The thief answers at the sector's address: the copy believes neither it nor what it had before.
    async fn refused_by_the_copy(&self, places: &Places, thief: &Thief, load: &Load) {
        self.waits(load, LATER).await;
        let index = self.sector.app.rest().get("/snapshot").await.text();
        serves(&self.sector.app, &thief.index(&index)).await;
        let failed = places.syncs(self).await.failed;
        assert!(failed.len() == 1 && failed[0].0 == SECTOR, "{failed:?}");
        assert_eq!(places.copied(self), "UNVERIFIABLE", "{failed:?}");
        self.waits(load, LATER).await;
        assert_eq!(places.syncs(self).await.failed, [], "the sector's own index again");
    }

    /// A chain of before is good until it expires, for whoever does not ask how old it is; one of now shows the theft.
    async fn files(&self, places: &Places, thief: &Thief, (before, after): (&[String], &[String])) {
        let recent = |links: &[String]| {
            let now = self.clock.now();
            proven(links, &Self::query(ISSUER, None), &self.pinned, (now, now), Some(UNNOTICED))
        };
        recent(after).expect("issued since");
        assert!(recent(before).expect_err("issued before").contains("TOO_OLD"));
        let stale = with_leaf(before, thief.states(VICTIM));
        let forged = with_leaf(after, thief.states(VICTIM));
        // The program goes by the machine's clock, which is ahead of the test's by `BEHIND`.
        for (links, more, code) in [
            (before, [].as_slice(), 0),
            (&stale, &[], 0),
            (before, &["--max-age", "5m"], 5),
            (&stale, &["--max-age", "5m"], 5),
            (&forged, &[], 5),
            (after, &[], 0),
        ] {
            let done = places.verifies(links, more).await;
            assert_eq!(done.code, code, "{more:?} {done:?}");
        }
    }
}
