//! Who is known to lack whom, and what answers that rest on it are worth.

use std::time::Duration;

use super::*;

const SECOND: BootInstant = BootInstant::from_nanos(1_000_000_000_000);

fn id(name: &str) -> AuthorityId {
    AuthorityId::parse(&format!("did:web:{name}.example")).expect("valid")
}
fn at(ms: u64) -> BootInstant {
    SECOND.plus(Duration::from_millis(ms))
}
fn sign(ms: u64, counted: i64, sure: bool) -> Sign {
    Sign { before: at(ms), published: counted, counted, sure, further: Vec::new() }
}
fn registers(below: &mut Below, subordinate: &str, seq: i64, identifier: &str) {
    let body = format!(
        r#"{{"kind":"EntityRegistered","subject":"{seq}","data":{{"identifiers":[{{"type":"did","value":"{identifier}"}}]}}}}"#
    );
    let told = Told::parse(body.as_bytes());
    below.event(&id(subordinate), (seq, false), (told.as_ref(), body.as_bytes()));
}
fn lacking(below: &mut Below, entity: &str, ms: u64) -> Vec<String> {
    below.lacking(entity, at(ms)).subordinates.iter().map(ToString::to_string).collect()
}

#[test]
fn only_a_feed_that_is_alive_and_complete_leaves_somebody_out() {
    let mut below = Below::new(&id("root"));
    registers(&mut below, "a", 1, "x");
    registers(&mut below, "b", 1, "y");
    assert!(lacking(&mut below, "x", 0).is_empty(), "none is alive");
    below.sign(&id("a"), sign(0, 1, true), at(0));
    below.sign(&id("b"), sign(0, 1, false), at(0));
    assert!(lacking(&mut below, "x", 10).is_empty(), "b may have told too little");
    below.sign(&id("b"), sign(20, 1, true), at(20));
    assert_eq!(lacking(&mut below, "x", 30), ["did:web:b.example"]);
    assert_eq!(lacking(&mut below, "z", 30), ["did:web:a.example", "did:web:b.example"]);
    below.tags(&id("b"), vec![entity_tag("x")]);
    assert!(lacking(&mut below, "x", 30).is_empty(), "somebody below b has it");
    assert_eq!(lacking(&mut below, "z", 2_010), ["did:web:b.example"], "nothing was heard of a for a lease");
    below.lost(&id("b"));
    assert!(lacking(&mut below, "z", 2_010).is_empty());
    below.sign(&id("b"), sign(2_020, 1, true), at(2_020));
    assert_eq!(lacking(&mut below, "z", 2_030), ["did:web:b.example"]);
    assert_eq!(below.forget(&id("b")), 3);
    assert!(lacking(&mut below, "z", 2_030).is_empty());
}

#[test]
fn an_answer_ends_with_the_entity_that_appears_and_with_the_feed_that_is_lost() {
    let mut below = Below::new(&id("root"));
    for name in ["a", "b"] {
        below.sign(&id(name), sign(0, 1, true), at(0));
    }
    let (x, y) = (entity_tag("x"), entity_tag("y"));
    let (epoch, roll) = (below.lacking("x", at(1)).epoch, below.roll());
    assert!(roll.accepts(x, epoch) && roll.accepts(y, epoch));
    registers(&mut below, "a", 2, "x");
    assert!(!roll.accepts(x, epoch) && roll.accepts(y, epoch));
    assert!(roll.accepts(x, below.lacking("x", at(2)).epoch), "what was asked since knows");
    below.sign(&id("b"), sign(2_100, 1, true), at(2_100));
    assert!(!Arc::ptr_eq(&roll, &below.roll()), "a is lost: nothing confirms what rests on that");
    assert!(!below.roll().accepts(y, epoch), "and the next roll is none of its");
    registers(&mut below, "b", 2, "y");
    assert!(!roll.accepts(y, epoch), "what comes later is told to it still");
}

#[test]
fn superiors_hear_what_was_heard_and_when() {
    let mut below = Below::new(&id("root"));
    let version = below.version();
    registers(&mut below, "a", 1, "x");
    assert!(below.version() > version);
    let further = |epoch| vec![Further { via: vec![id("c")], epoch, before: at(50), published: epoch }];
    let signed = |epoch| Sign { further: further(epoch), ..sign(100, 4, true) };
    assert!(below.sign(&id("a"), signed(7), at(110)));
    assert!(!below.sign(&id("a"), signed(7), at(110)), "nothing is new");
    assert!(below.sign(&id("a"), signed(8), at(110)));
    let summary = below.summary(at(150));
    let heard = |via: &[&str], epoch, ms| Heard {
        via: via.iter().map(|name| id(name)).collect(),
        epoch,
        age: Duration::from_millis(ms),
        published: epoch,
    };
    assert_eq!(summary.heard, [heard(&["a"], 4, 50), heard(&["a", "c"], 8, 100)]);
    assert_eq!((summary.appeared, below.appeared(0, 9)), (1, vec![entity_tag("x")]));
    assert!(below.appeared(1, 9).is_empty());
    assert!(below.summary(at(5_000)).heard.is_empty());
}

#[test]
fn no_way_down_leads_in_a_circle() {
    let mut below = Below::new(&id("root"));
    let further = |via: &[&str]| Further {
        via: via.iter().map(|n| id(n)).collect(),
        epoch: 1,
        before: at(0),
        published: 0,
    };
    let deep: Vec<String> = (0..8).map(|n| format!("d{n}")).collect();
    let deep: Vec<&str> = deep.iter().map(String::as_str).collect();
    let further = vec![further(&["root"]), further(&["b", "a"]), further(&deep), further(&["b"])];
    below.sign(&id("a"), Sign { further, ..sign(0, 1, true) }, at(0));
    let told: Vec<_> = below.summary(at(1)).heard.into_iter().map(|heard| heard.via).collect();
    assert_eq!(told, [vec![id("a")], vec![id("a"), id("b")]]);
}

#[test]
fn who_is_followed_anew_tells_nothing_twice() {
    let mut below = Below::new(&id("root"));
    for _ in 0..2 {
        registers(&mut below, "a", 1, "x");
        assert_eq!(below.appeared(0, 9), [entity_tag("x")]);
        below.forget(&id("a"));
    }
}

#[test]
fn no_more_are_listed_than_a_superior_holds_and_that_is_said() {
    let mut below = Below::new(&id("root"));
    let now = Timestamp::from_secs(0);
    below.tags(&id("a"), (0..).take(MAX_TAGS).collect());
    below.forget(&id("a"));
    below.tags(&id("b"), vec![7]);
    let summary = below.summary(at(1));
    assert!(summary.is_complete(&[], now) && summary.appeared == MAX_TAGS);
    below.tags(&id("b"), vec![u32::MAX]);
    let summary = below.summary(at(1));
    assert!(!summary.is_complete(&[], now) && summary.appeared == MAX_TAGS);
}
