//! Who a key stands for, and until when.

use charter_domain::{Interval, NamingConstraints, Scope};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn id(name: &str) -> AuthorityId {
    AuthorityId::parse(&format!("did:web:{name}.example")).expect("valid")
}

fn key(n: u8) -> SpkiSha256 {
    [n; 32].into()
}

fn pins(keys: &[u8]) -> SpkiPins {
    keys.iter().map(|n| key(*n)).collect::<Vec<_>>().try_into().expect("few")
}

fn delegation(name: &str, keys: &[u8], until: Option<i64>) -> Delegation {
    Delegation {
        id: 1,
        subordinate: id(name),
        entity_identifier: HttpsId::parse(&format!("https://{name}.example")).expect("valid"),
        jwks: String::new(),
        endpoint: String::new(),
        tls_spki_sha256: pins(keys),
        scope: Scope(Vec::new()),
        max_path_length: None,
        naming_constraints: NamingConstraints::default(),
        answers_as_own: true,
        valid: Interval { from: None, until: until.map(Timestamp::from_secs) },
        statuses: vec![],
        document: None,
    }
}

fn entity(name: &str) -> HttpsId {
    HttpsId::parse(&format!("https://{name}.example")).expect("valid")
}

fn above(keys: &PeerKeys, registry: i32, name: &str, listed: &[u8]) {
    let ground = Ground::WayUp { entity: entity(name), until: NOW.plus(Duration::from_secs(60)) };
    let known = Known { authority: id(name), pins: pins(listed), ground };
    keys.state.write().expect("not poisoned").put_above(RegistryId(registry), known);
}

#[test]
fn a_key_stands_for_its_authority_as_long_as_it_is_listed() {
    let keys = PeerKeys::new(true);
    let who = |n, at| keys.of(&key(n), at).map(|peer| peer.authority);
    keys.below(RegistryId(1), &[delegation("a", &[1, 2], Some(2_000)), delegation("b", &[], None)]);
    assert_eq!((who(1, NOW), who(2, NOW), who(3, NOW)), (Some(id("a")), Some(id("a")), None));
    assert_eq!(who(1, Timestamp::from_secs(2_000)), None, "the delegation has ended");
    keys.below(RegistryId(1), &[delegation("a", &[2], None)]);
    assert_eq!((who(1, NOW), who(2, NOW)), (None, Some(id("a"))), "rotated");
    keys.below(RegistryId(2), &[delegation("b", &[3], None)]);
    assert_eq!((who(2, NOW), who(3, NOW)), (Some(id("a")), Some(id("b"))), "each registry has its own");
    keys.below(RegistryId(1), &[]);
    assert_eq!((who(2, NOW), who(3, NOW)), (None, Some(id("b"))));
}

#[test]
fn one_key_of_several_authorities_is_one_peer_with_the_rights_of_all() {
    let keys = PeerKeys::new(true);
    keys.below(RegistryId(1), &[delegation("b", &[1], None), delegation("a", &[1], None)]);
    let below = KnownPeer { authority: id("a"), superior: false, subordinate: true, recognised: false };
    assert_eq!(keys.of(&key(1), NOW), Some(below.clone()));
    above(&keys, 2, "c", &[1]);
    assert_eq!(keys.of(&key(1), NOW), Some(KnownPeer { superior: true, ..below.clone() }));
    let later = NOW.plus(Duration::from_secs(60));
    assert_eq!(keys.of(&key(1), later), Some(below), "the way up has expired");
}

#[test]
fn a_recognised_peer_is_known_while_it_is_recognised() {
    let keys = PeerKeys::new(true);
    let until = Timestamp::from_secs(2_000);
    let recognised = |name: &str, n| {
        let ground = Ground::Recognition(vec![Interval { from: Some(NOW), until: Some(until) }]);
        Known { authority: id(name), pins: pins(&[n]), ground }
    };
    keys.put(RegistryId(1), Side::Beside, vec![recognised("a", 1), recognised("b", 2)]);
    let who = |n, at| keys.of(&key(n), at);
    let peer = KnownPeer { authority: id("a"), superior: false, subordinate: false, recognised: true };
    assert_eq!(who(1, NOW), Some(peer.clone()));
    assert_eq!(who(1, until), None, "it is over");
    keys.below(RegistryId(1), &[delegation("c", &[1], None)]);
    assert_eq!(who(1, NOW), Some(KnownPeer { subordinate: true, ..peer }), "one key of two");
    keys.put(RegistryId(1), Side::Beside, vec![recognised("b", 2)]);
    assert_eq!(who(1, NOW).map(|peer| peer.recognised), Some(false));
    assert!(who(2, NOW).is_some_and(|peer| peer.recognised));
}

#[test]
fn who_is_no_superior_any_more_is_forgotten_at_once() {
    let keys = PeerKeys::new(true);
    let knows = |n| keys.of(&key(n), NOW).is_some();
    above(&keys, 1, "a", &[3]);
    above(&keys, 1, "a", &[1]);
    above(&keys, 1, "a", &[1]);
    above(&keys, 2, "b", &[2]);
    assert!(!knows(3), "it has changed its key");
    keys.keep_above(RegistryId(1), &[entity("b"), entity("a")]);
    assert!(knows(1) && knows(2));
    keys.keep_above(RegistryId(1), &[entity("b")]);
    assert!(!knows(1) && knows(2), "each registry has its own superiors");
    keys.keep_above(RegistryId(2), &[]);
    assert!(!knows(2));
}
