//! Which nodes count, and which of them is the primary, by what they say of themselves.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::*;

const CLUSTER: i64 = 7;

/// Three nodes of which one standby confirms each write, and what they say.
fn nodes(seen: [Seen; 3]) -> Nodes {
    let nodes = Nodes::new(split("host=a,b,c", 1, None).expect("readable"), 1);
    say(&nodes, seen);
    nodes
}

fn say(nodes: &Nodes, seen: [Seen; 3]) {
    for (node, seen) in nodes.nodes().zip(seen) {
        node.pretend(seen);
    }
    nodes.agree(&seen);
}

fn seen(started: i64, role: Role) -> Seen {
    let server = Some(Server { cluster: CLUSTER, started });
    Seen { role, streamed: role == Role::Standby, server, ..Seen::default() }
}

fn primary(started: i64, timeline: u32) -> Seen {
    Seen { timeline, ..seen(started, Role::Primary) }
}

fn standby(started: i64) -> Seen {
    seen(started, Role::Standby)
}

fn down() -> Seen {
    Seen { role: Role::Down, ..Seen::default() }
}

fn counted(nodes: &Nodes) -> Vec<usize> {
    let mut servers = HashSet::new();
    let seen = nodes.nodes().map(Node::seen).enumerate();
    seen.filter(|(_, seen)| nodes.adds(seen, &mut servers)).map(|(n, _)| n).collect()
}

#[test]
fn a_primary_and_standbys_that_follow_count() {
    let nodes = nodes([standby(1), primary(2, 1), standby(3)]);
    assert_eq!((nodes.primary(), counted(&nodes)), (Some(1), vec![0, 1, 2]));
    assert_eq!(nodes.listed(Role::Standby), [0, 2, 1]);
    assert_eq!(nodes.listed(Role::Primary), [1, 0, 2]);
}

#[test]
fn a_standby_that_shows_more_than_it_was_streamed_does_not_count() {
    let crashed = Seen { streamed: false, ..standby(1) };
    let nodes = nodes([crashed, primary(2, 2), standby(3)]);
    assert_eq!(counted(&nodes), [1, 2]);
    assert_eq!(nodes.listed(Role::Standby), [2, 1]);
}

#[test]
fn a_standby_that_turns_to_a_new_primary_counts_while_it_is_not_past_the_fork() {
    let turning = Seen { streamed: false, turning: Some(1), replayed: 100, ..standby(3) };
    let promoted = Seen { promoted: true, replayed: 100, ..primary(2, 2) };
    assert_eq!(counted(&nodes([down(), promoted, turning])), [1, 2]);
    let wrong = [
        ("past the fork", promoted, Seen { replayed: 101, ..turning }),
        ("never seen to follow", promoted, Seen { turning: None, ..turning }),
        ("of a timeline long past", Seen { timeline: 3, ..promoted }, turning),
        ("a primary that was started anew", Seen { promoted: false, ..promoted }, turning),
    ];
    for (what, primary, standby) in wrong {
        assert_eq!(counted(&nodes([down(), primary, standby])), [1], "{what}");
    }
    let nodes = nodes([down(), promoted, turning]);
    say(&nodes, [down(), down(), turning]);
    assert!(counted(&nodes).is_empty(), "the primary is not heard of");
}

#[test]
fn an_old_primary_is_none_even_when_the_new_one_is_gone() {
    let nodes = nodes([primary(1, 1), primary(2, 2), standby(3)]);
    assert_eq!((nodes.primary(), counted(&nodes)), (Some(1), vec![1, 2]));
    say(&nodes, [primary(1, 1), down(), standby(3)]);
    assert_eq!((nodes.primary(), counted(&nodes)), (None, vec![2]));
}

#[test]
fn what_an_old_primary_says_counts_for_nothing_once_there_is_another() {
    let nodes = nodes([primary(1, 1), standby(2), standby(3)]);
    assert!(!nodes.is_past(1));
    say(&nodes, [primary(1, 1), primary(2, 2), standby(3)]);
    assert!(nodes.is_past(1) && !nodes.is_past(2));
}

#[test]
fn what_is_left_to_itself_is_bounded() {
    let nodes = nodes([primary(1, 1), standby(2), standby(3)]);
    let held = [nodes.begins(2).expect("room"), nodes.begins(2).expect("room")];
    let full = nodes.begins(2).expect_err("no room");
    assert!(matches!(&full, Error::Unavailable(_)) && !full.is_passing(), "{full:?}");
    drop(held);
    assert!(nodes.begins(2).is_ok());
}

#[test]
fn of_two_primaries_on_one_timeline_none_is() {
    let nodes = nodes([primary(1, 2), primary(2, 2), standby(3)]);
    assert!(nodes.is_contested());
    assert_eq!((nodes.primary(), counted(&nodes)), (None, vec![2]));
}

#[test]
fn two_hosts_of_one_server_are_one_node() {
    let nodes = nodes([primary(1, 1), primary(1, 1), down()]);
    assert!(!nodes.is_contested());
    assert!(counted(&nodes).is_empty(), "one server is not enough to say which cluster this is");
    say(&nodes, [primary(1, 1), primary(1, 1), standby(3)]);
    assert_eq!((nodes.primary(), counted(&nodes)), (Some(0), vec![0, 2]));
}

#[test]
fn a_node_of_another_cluster_counts_for_nothing() {
    let server = Some(Server { cluster: CLUSTER + 1, started: 9 });
    let foreign = Seen { server, ..primary(9, 8) };
    let nodes = nodes([foreign, primary(2, 3), standby(3)]);
    assert_eq!((nodes.primary(), counted(&nodes)), (Some(1), vec![1, 2]));
    // It can be the only one that answers.
    say(&nodes, [foreign, down(), down()]);
    assert_eq!((nodes.primary(), counted(&nodes)), (None, vec![]));
}

#[test]
fn a_suspect_is_not_used_until_it_has_answered() {
    let nodes = nodes([primary(1, 1), standby(2), standby(3)]);
    nodes.node(0).suspect();
    assert_eq!((nodes.primary(), counted(&nodes)), (None, vec![1, 2]));
    nodes.node(0).pretend(primary(1, 1));
    assert_eq!((nodes.primary(), counted(&nodes)), (Some(0), vec![0, 1, 2]));
}

#[test]
fn floors_only_rise_and_two_histories_stop_everything() {
    let nodes = nodes([primary(1, 1), standby(2), standby(3)]);
    nodes.raise(RegistryId(1), 5);
    nodes.raise(RegistryId(1), 3);
    assert_eq!(nodes.floor_known(RegistryId(1)).expect("known"), 5);
    assert!(matches!(nodes.floor_known(RegistryId(2)), Err(Error::NotFound(_))));
    assert!(nodes.whole().is_ok());
    assert!(matches!(nodes.part("two histories"), Error::Internal(_)));
    assert!(matches!(nodes.whole(), Err(Error::Unavailable(_))));
}

/// What it comes to without waiting for anything.
fn at_once<T>(asked: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(asked).poll(&mut context) {
        Poll::Ready(told) => Some(told),
        Poll::Pending => None,
    }
}

#[test]
fn who_asks_while_polls_find_too_few_nodes_hears_that_at_once() {
    let nodes = nodes([down(), down(), standby(3)]);
    nodes.polls();
    for told in [at_once(nodes.prove()), at_once(nodes.floor(RegistryId(1))).map(|told| told.map(drop))] {
        assert!(matches!(told, Some(Err(Error::Unavailable(text))) if text.contains("2 are needed")));
    }
    assert!(matches!(at_once(nodes.writer()), Some(Err(Error::NotPrimary))));
}
