//! Which looks lead to a plan, and which to a refusal.

use charter_domain::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::standby::patroni::Seen;

/// When it is looked.
const NOW: i64 = 1_795_000_000;

/// A member as it answers: name, role of itself, what it has of the log.
fn own(name: &str, role: &str, has: u64, streams: bool) -> Value {
    json!({
        "state": "running", "role": role, "timeline": 3,
        "replication_state": if streams { Some("streaming") } else { None },
        "database_system_identifier": "7", "dcs_last_seen": NOW - 2,
        "xlog": if role == "primary" { json!({ "location": has }) } else { json!({ "received_location": has }) },
        "patroni": { "name": name, "scope": "charter", "version": "4.1.5" },
    })
}

fn member(name: &str, role: &str, lag: impl Into<Value>) -> Value {
    let state = if role == "leader" { "running" } else { "streaming" };
    json!({ "name": name, "role": role, "state": state, "timeline": 3, "lag": lag.into() })
}

struct Look {
    owns: Vec<Option<Value>>,
    cluster: Option<Vec<Value>>,
    config: Value,
}

impl Look {
    /// `a` leads, `b` and `c` confirm.
    fn usual() -> Self {
        Self {
            owns: vec![
                Some(own("a", "primary", 100, false)),
                Some(own("b", "replica", 100, true)),
                Some(own("c", "replica", 90, true)),
            ],
            cluster: Some(vec![
                member("a", "leader", 0),
                member("b", "quorum_standby", 0),
                member("c", "quorum_standby", 10),
            ]),
            config: json!({
                "synchronous_mode": "quorum", "synchronous_mode_strict": true, "synchronous_node_count": 1
            }),
        }
    }

    /// `a` is gone with its lock, and nobody receives from it.
    fn lost(b: u64, c: u64) -> Self {
        let owns = vec![None, Some(own("b", "replica", b, false)), Some(own("c", "replica", c, false))];
        let members = vec![member("b", "quorum_standby", 0), member("c", "quorum_standby", 0)];
        Self { owns, cluster: Some(members), ..Self::usual() }
    }

    fn view(&self) -> View {
        let cluster = self.cluster.as_ref().map(|members| json!({ "members": members, "scope": "charter" }));
        let nodes = (0..).zip(&self.owns).map(|(n, own)| Seen {
            url: format!("http://node{n}"),
            own: own.clone().map_or_else(
                || Err("no connection".to_owned()),
                |own| serde_json::from_value(own).map_err(|e| e.to_string()),
            ),
            cluster: match (own, &cluster) {
                (Some(_), Some(cluster)) => {
                    serde_json::from_value(cluster.clone()).map_err(|e| e.to_string())
                }
                _ => Err("no answer".to_owned()),
            },
            config: own.as_ref().and_then(|_| serde_json::from_value(self.config.clone()).ok()),
        });
        View::of(nodes.collect(), Timestamp::from_secs(NOW))
    }
}

fn refused(way: Result<Way, String>, word: &str) {
    let why = way.expect_err(word);
    assert!(why.contains(word), "{why}");
}

fn leads_to(way: Result<Way, String>) -> String {
    match way.expect("a way") {
        Way::Go(plan) => plan.to,
        Way::Done(member) => format!("done {member}"),
    }
}

#[test]
fn a_switchover_goes_to_the_nearest_that_confirms() {
    let view = Look::usual().view();
    assert!(view.is_good(), "{:?}", view.faults);
    assert_eq!(leads_to(switchover(&view, None)), "b");
    assert_eq!(leads_to(switchover(&view, Some("c"))), "c");
    assert_eq!(leads_to(switchover(&view, Some("a"))), "done a");
    refused(switchover(&view, Some("x")), "no member");
}

#[test]
fn who_has_the_highest_priority_need_not_be_named() {
    let of = |priorities: [(&str, Value); 2]| {
        let mut look = Look::usual();
        for (member, (name, tags)) in look.cluster.iter_mut().flatten().skip(1).zip(priorities) {
            assert_eq!(member["name"], name);
            member["tags"] = tags;
        }
        look.view()
    };
    assert!(!is_first(&Look::usual().view(), "b"), "c is as good");
    let view = of([("b", json!({ "failover_priority": 2 })), ("c", json!({ "failover_priority": 1 }))]);
    assert!(is_first(&view, "b") && !is_first(&view, "c") && !is_first(&view, "a") && !is_first(&view, "x"));
    let view = of([("b", json!({})), ("c", json!({ "nofailover": true }))]);
    assert!(is_first(&view, "b") && !is_first(&view, "c"));
}

#[test]
fn a_switchover_is_refused_where_it_could_lose_or_hang() {
    let with = |n: usize, member: Value| {
        let mut look = Look::usual();
        if let Some(members) = &mut look.cluster {
            members[n] = member;
        }
        look.view()
    };
    refused(switchover(&with(1, member("b", "replica", 0)), Some("b")), "may lack some");
    refused(switchover(&with(1, member("b", "quorum_standby", 1 << 30)), Some("b")), "bytes behind");
    refused(switchover(&with(1, member("b", "quorum_standby", "unknown")), Some("b")), "nobody knows");
    let mut archive = member("b", "quorum_standby", 0);
    archive["state"] = json!("in archive recovery");
    refused(switchover(&with(1, archive), Some("b")), "does not stream");
    let mut tagged = member("b", "quorum_standby", 0);
    tagged["tags"] = json!({ "nofailover": true });
    refused(switchover(&with(1, tagged), Some("b")), "nofailover");
    refused(switchover(&with(0, member("a", "replica", 0)), None), "nobody leads");
    for (setting, word) in
        [("synchronous_mode", "synchronous_mode is off"), ("synchronous_mode_strict", "strict")]
    {
        let mut look = Look::usual();
        look.config[setting] = json!(false);
        refused(switchover(&look.view(), None), word);
    }
}

#[test]
fn members_that_contradict_each_other_change_nothing() {
    let mut two = Look::usual();
    two.owns[1] = Some(own("b", "primary", 100, false));
    refused(switchover(&two.view(), None), "all say that they are primary");
    assert!(!two.view().is_good());
    let mut liar = Look::usual();
    liar.owns[0] = Some(own("a", "replica", 100, true));
    liar.owns[1] = Some(own("b", "primary", 100, false));
    refused(switchover(&liar.view(), None), "`b` says that it is primary");
    let mut other = Look::usual();
    let mut stranger = own("c", "replica", 90, true);
    stranger["database_system_identifier"] = json!("8");
    other.owns[2] = Some(stranger);
    refused(switchover(&other.view(), None), "different clusters");
    let mut twice = Look::usual();
    twice.owns[2] = Some(own("b", "replica", 100, true));
    refused(switchover(&twice.view(), None), "lead to one member");
    let mut leaders = Look::usual();
    leaders.cluster = Some(vec![member("a", "leader", 0), member("b", "leader", 0)]);
    refused(switchover(&leaders.view(), None), "two leaders");
    let mut blind = Look::usual();
    for own in blind.owns.iter_mut().flatten() {
        own["dcs_last_seen"] = json!(NOW - 45);
    }
    refused(switchover(&blind.view(), None), "reached etcd for 45 s");
    let mut silent = Look::usual();
    silent.owns = vec![None, None, None];
    refused(switchover(&silent.view(), None), "no member answers");
}

#[test]
fn a_promotion_needs_the_leader_gone_and_everything_that_was_acknowledged() {
    let view = Look::lost(100, 100).view();
    assert_eq!(leads_to(promote(&view, "b")), "b");
    may_take_over(&view, "b").expect("it may");
    refused(promote(&Look::usual().view(), "b"), "`a` answers as primary");
    refused(promote(&view, "a"), "no member");
    // A write that `a` and `c` confirmed.
    refused(promote(&Look::lost(99, 100).view(), "b"), "promote `c`");
    assert_eq!(leads_to(promote(&Look::lost(99, 100).view(), "c")), "c");
    let mut alone = Look::lost(100, 100);
    alone.owns[2] = None;
    refused(promote(&alone.view(), "b"), "2 must");
    let mut async_standby = Look::lost(100, 100);
    async_standby.cluster = Some(vec![member("b", "replica", 0), member("c", "quorum_standby", 0)]);
    refused(promote(&async_standby.view(), "b"), "may lack some");
    let mut dark = Look::lost(100, 100);
    dark.cluster = None;
    refused(promote(&dark.view(), "b"), "none can read etcd");
    let mut done = Look::usual();
    done.owns[0] = None;
    done.owns[1] = Some(own("b", "primary", 100, false));
    done.cluster = Some(vec![member("b", "leader", 0), member("c", "quorum_standby", 0)]);
    assert_eq!(leads_to(promote(&done.view(), "b")), "done b");
}

#[test]
fn nobody_takes_over_while_the_old_leader_may_still_write() {
    let mut locked = Look::lost(100, 100);
    if let Some(members) = &mut locked.cluster {
        members.push(member("a", "leader", 0));
    }
    let why = may_take_over(&locked.view(), "b").expect_err("locked");
    assert!(why.contains("has not lapsed"), "{why}");
    let mut streaming = Look::lost(100, 100);
    streaming.owns[2] = Some(own("c", "replica", 100, true));
    let why = may_take_over(&streaming.view(), "b").expect_err("it streams");
    assert!(why.contains("still receives"), "{why}");
}
