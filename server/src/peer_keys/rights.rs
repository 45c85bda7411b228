//! What a peer may call on a listener for peers: questions come from above, and from below come requests for the
//! statement about whoever asks.

use super::KnownPeer;

const FEDERATION: &str = "/charter.federation.v1.FederationService/";

/// Methods of federation by who may call them, superiors and subordinates.
const RIGHTS: [(&str, [bool; 2]); 8] = [
    ("GetEntityConfiguration", [true, true]),
    ("GetSubordinateStatement", [false, true]),
    ("GetRecognition", [true, true]),
    ("GetEpoch", [true, false]),
    ("GetLogEvidence", [true, false]),
    ("ListPeers", [true, false]),
    ("Resolve", [true, false]),
    ("Watch", [true, false]),
];

/// What the listener offers besides federation asks for its own credentials. A method without a row is nobody's.
pub fn may(peer: &KnownPeer, path: &str) -> bool {
    let Some(method) = path.strip_prefix(FEDERATION) else { return true };
    let row = RIGHTS.iter().find(|(name, _)| *name == method);
    row.is_some_and(|(_, [above, below])| (peer.superior && *above) || (peer.subordinate && *below))
}

#[cfg(test)]
mod tests {
    use charter_domain::AuthorityId;

    use super::*;

    fn peer(superior: bool, subordinate: bool) -> KnownPeer {
        let authority = AuthorityId::parse("did:web:a.example").expect("valid");
        KnownPeer { authority, superior, subordinate }
    }

    #[test]
    fn every_method_of_federation_is_somebodys_and_no_peer_has_all() {
        let methods = charter_proto::methods();
        let methods: Vec<_> = methods.iter().filter(|path| path.starts_with(FEDERATION)).collect();
        assert_eq!(methods.len(), RIGHTS.len(), "{methods:?}");
        assert!(methods.iter().all(|path| may(&peer(true, true), path)));
        assert!(!methods.iter().all(|path| may(&peer(true, false), path)), "a superior");
        assert!(!methods.iter().all(|path| may(&peer(false, true), path)), "a subordinate");
        assert!(!may(&peer(true, true), "/charter.federation.v1.FederationService/Unknown"));
    }
}
