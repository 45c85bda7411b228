//! Redis dead, frozen, emptied, poisoned: a miss each time, never a wrong answer, an error or a wait.

use std::time::{Duration, Instant};

use charter_cache::{Answers, DEADLINE, Dependencies, Filled, Lookup, RedisTier, Unusable};
use redis::AsyncCommands;
use rustix::process::Signal;

use crate::support::{Counts, REGISTRY, SECRET, Server, ask, change, eventually, filled, now, watching};

/// Where an answer is expected, a busy machine may take its time.
const PATIENCE: Duration = Duration::from_secs(10);

/// One process of the site: its own register and local tier, the common Redis.
fn process(url: &str, secret: &[u8]) -> (Answers<String>, Counts) {
    process_within(url, secret, PATIENCE)
}

fn process_within(url: &str, secret: &[u8], deadline: Duration) -> (Answers<String>, Counts) {
    let counts = Counts::default();
    let answers = metrics::with_local_recorder(&counts, || {
        let tier = RedisTier::connect(url, secret, deadline).unwrap();
        Answers::new(watching().0, 1_000, Some(tier))
    });
    (answers, counts)
}

/// `writer` has put `e@10` into Redis and another process, whose local tier is empty, has found it there.
async fn shared(server: &Server) -> (Answers<String>, Counts) {
    shared_within(server, PATIENCE).await
}

async fn shared_within(server: &Server, deadline: Duration) -> (Answers<String>, Counts) {
    let (writer, _) = process(&server.url(), SECRET);
    let (reader, _) = process(&server.url(), SECRET);
    eventually("the entry in Redis", async || {
        writer.put(&ask("e"), filled(10, "e"));
        reader.get_shared(&ask("e"), now()).await
    })
    .await;
    let (fresh, counts) = process_within(&server.url(), SECRET, deadline);
    // Connected: its first hit is for another entity, so nothing about `e` is in its local tier.
    eventually("a connection", async || {
        writer.put(&ask("warm"), filled(10, "warm"));
        fresh.get_shared(&ask("warm"), now()).await
    })
    .await;
    (fresh, counts)
}

async fn the_key(server: &Server, of: &Lookup<'_>) -> String {
    let mut raw = server.raw().await;
    let (keys, value): (Vec<String>, _) =
        (raw.keys("charter:v1:*").await.unwrap(), format!("{}@", of.entity));
    for key in keys {
        let bytes: Vec<u8> = raw.get(&key).await.unwrap();
        if String::from_utf8_lossy(&bytes).contains(&format!("\"{value}")) {
            return key;
        }
    }
    panic!("{value} is not in Redis");
}

#[tokio::test]
async fn processes_share_answers_within_bounds() {
    let server = Server::start().await;
    let (answers, counts) = shared(&server).await;
    assert_eq!(answers.get_shared(&ask("e"), now()).await.unwrap().value, "e@10");
    assert_eq!(answers.get_local(&ask("e"), now()).unwrap().value, "e@10", "kept in process too");
    assert_eq!(counts.of("redis", "hit"), 2);
    let ttl: i64 = server.raw().await.pttl(the_key(&server, &ask("e")).await).await.unwrap();
    assert!((1..=300_000).contains(&ttl), "{ttl}");

    // A year is clamped; what rests on other registries or is over already isn't written at all.
    let year = Filled { expires_at: now().plus(Duration::from_secs(31_536_000)), ..filled(10, "year") };
    let dep = Dependencies::new().get_or_track(&["did:web:remote.example".to_owned()], 1);
    answers.put(&ask("dep"), Filled { deps: vec![(dep, 1)], ..filled(10, "dep") });
    answers.put(&ask("over"), Filled { expires_at: now(), ..filled(10, "over") });
    answers.put(&ask("year"), year);
    let (other, _) = process(&server.url(), SECRET);
    eventually("the year", async || other.get_shared(&ask("year"), now()).await).await;
    let ttl: i64 = server.raw().await.pttl(the_key(&server, &ask("year")).await).await.unwrap();
    assert!((1..=300_000).contains(&ttl), "{ttl}");
    assert!(other.get_shared(&ask("dep"), now()).await.is_none());
    assert_eq!(server.raw().await.keys::<_, Vec<String>>("*").await.unwrap().len(), 3, "e, warm, year");
}

#[tokio::test]
async fn the_register_judges_what_redis_holds() {
    let server = Server::start().await;
    let (answers, counts) = shared(&server).await;
    let register = answers.register();
    let year = now().plus(Duration::from_secs(31_536_000));
    assert!(answers.get_shared(&ask("e"), year).await.is_none(), "expired");
    register.note(REGISTRY, &[change(11, "e")]);
    assert!(answers.get_shared(&ask("e"), now()).await.is_none(), "changed since");
    assert_eq!(counts.of("redis", "refused"), 2);

    let (late, _) = process(&server.url(), SECRET);
    eventually("a connection", async || late.get_shared(&ask("e"), now()).await).await;
    late.register().start(REGISTRY, 11);
    assert!(late.get_shared(&ask("e"), now()).await.is_none(), "from before this process watched");
    late.register().drop_lease();
    assert!(late.get_shared(&ask("e"), now()).await.is_none(), "no lease");
}

#[tokio::test]
async fn what_we_did_not_write_is_a_miss() {
    let server = Server::start().await;
    let (answers, counts) = shared(&server).await;
    let mut raw = server.raw().await;
    let key = the_key(&server, &ask("e")).await;
    let good: Vec<u8> = raw.get(&key).await.unwrap();
    let other: Vec<u8> = raw.get(the_key(&server, &ask("warm")).await).await.unwrap();

    let mut changed = good.clone();
    let at = changed.windows(4).position(|w| w == b"e@10").unwrap();
    changed[at + 2] = b'9';
    let poison = [changed, other, good[..good.len() - 1].to_vec(), good[..16].to_vec(), vec![0; 1 << 20]];
    for (n, value) in (1..).zip(poison) {
        raw.set::<_, _, ()>(&key, value).await.unwrap();
        assert!(answers.get_shared(&ask("e"), now()).await.is_none(), "poison {n}");
        assert_eq!(counts.of("redis", "forged"), n);
    }
    raw.del::<_, ()>(&key).await.unwrap();
    raw.rpush::<_, _, ()>(&key, "a list").await.unwrap();
    assert!(answers.get_shared(&ask("e"), now()).await.is_none());
    assert_eq!((counts.of("redis", "forged"), counts.of("redis", "failed")), (6, 0));

    raw.del::<_, ()>(&key).await.unwrap();
    raw.set::<_, _, ()>(&key, &good).await.unwrap();
    let (stranger, theirs) = process(&server.url(), b"another site's secret");
    eventually("a refusal", async || {
        assert!(stranger.get_shared(&ask("e"), now()).await.is_none());
        (theirs.of("redis", "forged") > 0).then_some(())
    })
    .await;
    assert_eq!(answers.get_shared(&ask("e"), now()).await.unwrap().value, "e@10", "put back, it counts");
}

#[tokio::test]
async fn an_emptied_redis_is_a_miss() {
    let server = Server::start().await;
    let (answers, counts) = shared(&server).await;
    server.raw().await.flushall::<()>().await.unwrap();
    assert!(answers.get_shared(&ask("e"), now()).await.is_none());
    let fill = || async { Ok::<_, std::convert::Infallible>(filled(12, "e")) };
    assert_eq!(answers.get_or_fill(&ask("e"), now(), fill).await.unwrap().value, "e@12");
    assert_eq!(counts.of("redis", "failed"), 0);
}

#[tokio::test]
async fn a_frozen_redis_costs_the_deadline_and_then_nothing() {
    let server = Server::start().await;
    let (answers, counts) = shared_within(&server, DEADLINE).await;
    server.signal(Signal::STOP);
    let mut costs = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        assert!(answers.get_shared(&ask("e"), now()).await.is_none());
        costs.push(start.elapsed());
    }
    // The runtime's timer counts in whole milliseconds; on a busy machine any may be late, and hardly all of them.
    costs.sort();
    assert!(costs[0] < DEADLINE + Duration::from_millis(5), "{costs:?}");
    let start = Instant::now();
    for _ in 0..100 {
        assert!(answers.get_shared(&ask("e"), now()).await.is_none());
    }
    assert!(start.elapsed() < DEADLINE * 10, "the breaker is open: {:?}", start.elapsed());
    assert_eq!((counts.of("redis", "failed"), counts.of("redis", "skipped")), (5, 100));

    server.signal(Signal::CONT);
    let back = eventually("recovery", async || answers.get_shared(&ask("e"), now()).await).await;
    assert_eq!(back.value, "e@10");
}

#[tokio::test]
async fn a_dead_redis_is_a_miss_and_may_come_back() {
    let server = Server::start().await;
    let (port, url) = (server.port(), server.url());
    let (answers, _) = shared_within(&server, DEADLINE).await;
    drop(server);
    // A process that starts while Redis is down starts all the same.
    let (late, _) = process_within(&url, SECRET, DEADLINE);
    for process in [&answers, &late] {
        let start = Instant::now();
        for i in 0..20 {
            let fill = || async { Ok::<_, std::convert::Infallible>(filled(10, "e")) };
            let entity = format!("e{i}");
            assert!(process.get_or_fill(&ask(&entity), now(), fill).await.is_ok());
        }
        assert!(start.elapsed() < DEADLINE * 10, "five of twenty wait: {:?}", start.elapsed());
    }
    let _again = Server::start_at(port).await;
    eventually("recovery", async || {
        answers.put(&ask("new"), filled(10, "new"));
        late.get_shared(&ask("new"), now()).await
    })
    .await;
}

#[tokio::test]
async fn a_wrong_setting_is_told_and_says_nothing_secret() {
    let tier = |url, secret| RedisTier::connect(url, secret, DEADLINE).err();
    assert_eq!(tier("redis://localhost:1", b""), Some(Unusable::Secret));
    assert_eq!(tier("http://user:hidden@localhost", SECRET), Some(Unusable::Url));
    assert_eq!(
        std::thread::spawn(move || tier("redis://localhost:1", SECRET)).join().unwrap(),
        Some(Unusable::Runtime)
    );
    assert!(!Unusable::Url.to_string().contains("hidden"));
}
