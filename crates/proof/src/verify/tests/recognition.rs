//! Recognition: one hop, where statement and question both say so, and inside what was recognised.

use super::*;
use crate::testing::query;

const UNI: &str = "did:web:uni.peer.example";

/// An anchor, a peer that it recognises for degrees, and somebody in the peer's own federation.
struct Peers {
    root: Party,
    peer: Party,
    below: Party,
    recognition: RecognitionStatement,
    /// What the peer says in turn.
    counter: RecognitionStatement,
    /// What the peer delegates: more than it was recognised for, which is its own affair.
    delegation: SubordinateStatement,
    leaf: AuthorityStatement,
    query: Query,
}

fn recognises(by: &Party, peer: &Party, resource: &str) -> RecognitionStatement {
    let mut scope = grant("issue", resource, "FI", false);
    scope.jurisdictions.clear();
    RecognitionStatement {
        iss: by.entity_id.clone(),
        sub: peer.entity_id.clone(),
        iat: NOW - 200,
        exp: NOW + DAY / 2,
        authority_id: by.authority_id.clone(),
        peer_id: peer.authority_id.clone(),
        jwks: peer.jwks(),
        endpoint: "https://peer.example".to_owned(),
        scope: Scope(vec![scope]),
        may_follow: true,
        one_sided: false,
        valid: vec![years(2024, Some(2027))],
        tls_spki_sha256: Default::default(),
        seq: 9,
    }
}

impl Peers {
    fn new() -> Self {
        let (root, peer, below) = (Party::new("root"), Party::new("peer"), Party::new("below"));
        let mut wide = grant("*", "*", "FI", true);
        wide.jurisdictions.clear();
        let mut leaf = below.states(UNI, "issue", "Degree");
        leaf.jurisdictions.clear();
        let mut query = query(&root, UNI, "issue", "Degree");
        query.context.follow_recognition = true;
        Self {
            recognition: recognises(&root, &peer, "Degree"),
            counter: recognises(&peer, &root, "Degree"),
            delegation: peer.delegates(&below, Scope(vec![wide])),
            leaf,
            query,
            root,
            peer,
            below,
        }
    }

    fn links(&self) -> Vec<String> {
        vec![
            self.leaf.sign(&self.below.signer).expect("signs"),
            self.delegation.sign(&self.peer.signer).expect("signs"),
            self.counter.sign(&self.peer.signer).expect("signs"),
            self.recognition.sign(&self.root.signer).expect("signs"),
            self.root.configuration().sign(&self.root.signer).expect("signs"),
        ]
    }

    fn run(&self, links: Vec<String>) -> Result<Verified, Fault> {
        let chain = Chain::new(links).expect("a chain");
        verify(&chain, &self.query, &self.root.anchors(), now(), now(), None)
    }

    fn fault(&self) -> (usize, FaultCode) {
        let fault = self.run(self.links()).expect_err("must not verify");
        (fault.link, fault.code)
    }
}

fn changed(change: impl FnOnce(&mut Peers)) -> (usize, FaultCode) {
    let mut peers = Peers::new();
    change(&mut peers);
    peers.fault()
}

#[test]
fn a_peers_chain_verifies_with_the_anchor_of_who_recognises_it() {
    let peers = Peers::new();
    let verified = peers.run(peers.links()).expect("verifies");
    let kinds: Vec<_> = verified.links.iter().map(|l| l.kind).collect();
    use LinkKind::{Configuration, Delegation, Recognition, Statement};
    assert_eq!(kinds, [Statement, Delegation, Recognition, Recognition, Configuration]);
    assert_eq!(verified.decided_by, peers.below.authority_id);
    // Scope and expiry of the recognition bound the answer.
    assert_eq!(verified.good_until, Timestamp::from_secs(NOW + DAY / 2));
    assert_eq!(verified.valid_until, years(2024, Some(2027)).until);
}

#[test]
fn it_is_followed_where_both_say_so_and_not_otherwise() {
    assert_eq!(changed(|p| p.query.context.follow_recognition = false), (3, FaultCode::Mismatch));
    assert_eq!(changed(|p| p.recognition.may_follow = false), (3, FaultCode::OutOfScope));
    // The authority asked is the one that recognises: not the peer, not whoever is below it.
    let peer = |p: &mut Peers| p.query.authority = p.peer.authority_id.clone();
    assert_eq!(changed(peer), (3, FaultCode::Mismatch));
}

#[test]
fn it_is_followed_where_the_peer_signs_too_or_the_recognition_says_that_it_need_not() {
    let mut peers = Peers::new();
    let alone = |peers: &Peers| {
        let mut links = peers.links();
        links.remove(2);
        peers.run(links).map(|v| v.links.len()).map_err(|f| (f.link, f.code))
    };
    assert_eq!(alone(&peers), Err((1, FaultCode::Mismatch)), "a delegation comes next");
    let mut links = peers.links();
    links.drain(1..3);
    let fault = peers.run(links).expect_err("the leaf comes next");
    assert_eq!((fault.link, fault.code), (0, FaultCode::Mismatch));
    peers.recognition.one_sided = true;
    assert_eq!(alone(&peers), Ok(4));
    // Where none is due it would be a recognition by the peer: a second hop.
    assert_eq!(peers.fault(), (2, FaultCode::Mismatch));
}

#[test]
fn what_the_peer_says_in_turn_is_verified_as_every_link_is() {
    assert_eq!(changed(|p| p.counter.valid.clear()), (2, FaultCode::NotInForce));
    assert_eq!(changed(|p| p.counter.exp = NOW), (2, FaultCode::LinkExpired));
    assert_eq!(changed(|p| p.counter.iat = NOW + 3_600), (2, FaultCode::NotYetIssued));
    let other = |p: &mut Peers| {
        p.counter.scope = Scope(vec![grant("issue", "Licence", "FI", false)]);
    };
    assert_eq!(changed(other), (2, FaultCode::OutOfScope));
    assert_eq!(changed(|p| p.counter.peer_id = Party::new("third").authority_id), (2, FaultCode::Mismatch));
    let mut peers = Peers::new();
    peers.counter.exp = NOW + 60;
    let good_until = peers.run(peers.links()).expect("verifies").good_until;
    assert_eq!(good_until, Timestamp::from_secs(NOW + 60), "it bounds the answer");
}

#[test]
fn what_the_peer_was_not_recognised_for_is_refused() {
    let licence = |p: &mut Peers| {
        p.leaf.resource = Resource::parse("Licence").expect("a resource");
        p.query.resource = p.leaf.resource.clone();
    };
    assert_eq!(changed(licence), (0, FaultCode::OutOfScope));
    let place = |p: &mut Peers| p.recognition.scope.0[0].jurisdictions = vec![jurisdiction("NO")];
    assert_eq!(changed(place), (0, FaultCode::OutOfJurisdiction));
}

#[test]
fn a_peer_denies_what_it_was_recognised_for_and_nothing_else() {
    let mut peers = Peers::new();
    peers.query.context.jurisdiction = Some(jurisdiction("FI"));
    let judge = |peers: &Peers| {
        let mut links = peers.links();
        let denial = peers.below.denies(&peers.query, Reason::Revoked);
        links[0] = denial.sign(&peers.below.signer).expect("signs");
        let chain = Chain::new(links).expect("a chain");
        let judged = verify_denial(&chain, &peers.query, &peers.root.anchors(), now(), now(), None);
        judged.map(|denied| denied.decided_by).map_err(|fault| (fault.link, fault.code))
    };
    assert_eq!(judge(&peers), Ok(peers.below.authority_id.clone()));
    peers.recognition.scope.0[0].jurisdictions = vec![jurisdiction("NO")];
    assert_eq!(judge(&peers), Err((0, FaultCode::OutOfScope)), "its own delegation reaches further");
}

#[test]
fn one_that_is_over_revoked_or_by_another_is_refused() {
    assert_eq!(changed(|p| p.recognition.valid.clear()), (3, FaultCode::NotInForce));
    assert_eq!(changed(|p| p.recognition.valid = vec![years(2020, Some(2025))]), (3, FaultCode::NotInForce));
    assert_eq!(changed(|p| p.recognition.exp = NOW), (3, FaultCode::LinkExpired));
    let stranger = Party::new("stranger");
    assert_eq!(changed(|p| p.recognition.jwks = stranger.jwks()), (2, FaultCode::Signature));
    let name = |p: &mut Peers| p.recognition.authority_id = stranger.authority_id.clone();
    assert_eq!(changed(name), (3, FaultCode::Mismatch));
    let own = |p: &mut Peers| p.delegation.sub = p.root.entity_id.clone();
    assert_eq!(changed(own), (1, FaultCode::Loop));
}

#[test]
fn nobody_is_recognised_further_on() {
    let peers = Peers::new();
    let (third, mut links) = (Party::new("third"), peers.links());
    let mut leaf = third.states(UNI, "issue", "Degree");
    leaf.jurisdictions.clear();
    let further = recognises(&peers.peer, &third, "Degree");
    links[0] = leaf.sign(&third.signer).expect("signs");
    links[1] = further.sign(&peers.peer.signer).expect("signs");
    let fault = peers.run(links).expect_err("two hops");
    // The question asks the root, so the peer's recognition is not even the one asked for.
    assert_eq!((fault.link, fault.code), (1, FaultCode::Mismatch));
    let issuer = Issuer::from(&peers.root.anchor()).recognise(&peers.recognition).expect("one hop");
    assert_eq!(issuer.recognise(&further).expect_err("two hops").0, FaultCode::PathTooLong);
}

#[test]
fn a_subordinate_recognises_inside_what_it_may_pass_on() {
    let (root, nation, peer) = (Party::new("root"), Party::new("nation"), Party::new("peer"));
    let issuer = |may_delegate| {
        let scope = Scope(vec![grant("issue", "Degree", "FI", may_delegate)]);
        Issuer::from(&root.anchor()).descend(&root.delegates(&nation, scope)).expect("delegated")
    };
    let mut recognition = recognises(&nation, &peer, "Degree");
    let code = |i: &Issuer, r: &RecognitionStatement| i.recognise(r).err().map(|(code, _)| code);
    assert_eq!(code(&issuer(true), &recognition), Some(FaultCode::OutOfScope), "everywhere is more than FI");
    recognition.scope.0[0].jurisdictions = vec![jurisdiction("FI")];
    assert_eq!(code(&issuer(true), &recognition), None);
    assert_eq!(code(&issuer(false), &recognition), Some(FaultCode::OutOfScope));
}

#[test]
fn the_peer_recognises_in_turn_or_does_not() {
    let (root, peer) = (Party::new("root"), Party::new("peer"));
    let own = recognises(&root, &peer, "Degree");
    let counter = |change: fn(&mut RecognitionStatement), by: &Party| {
        let mut counter = recognises(&peer, &root, "Degree");
        change(&mut counter);
        let token = counter.sign(&by.signer).expect("signs");
        verify_counter(&token, &own, now(), now()).err().map(|f| f.code)
    };
    assert_eq!(counter(|_| {}, &peer), None);
    assert_eq!(counter(|c| c.may_follow = false, &peer), None, "to recognise is not to let follow");
    assert_eq!(counter(|_| {}, &root), Some(FaultCode::Signature), "forged");
    assert_eq!(counter(|c| c.valid.clear(), &peer), Some(FaultCode::NotInForce));
    assert_eq!(counter(|c| c.exp = NOW, &peer), Some(FaultCode::LinkExpired));
    let other = |c: &mut RecognitionStatement| {
        c.scope = Scope(vec![grant("issue", "Licence", "FI", false)]);
    };
    assert_eq!(counter(other, &peer), Some(FaultCode::OutOfScope));
    let whom = |c: &mut RecognitionStatement| c.peer_id = Party::new("third").authority_id;
    assert_eq!(counter(whom, &peer), Some(FaultCode::Mismatch));
}
