//! What a peer may call on a listener for peers: questions come from above and from recognised peers, and from below come
//! requests for the statement about whoever asks. Superiors ask for statements too: they keep those of everybody below.

use super::KnownPeer;

const FEDERATION: &str = "/charter.federation.v1.FederationService/";

/// Methods of federation by who may call them: superiors, subordinates, recognised peers.
const RIGHTS: [(&str, [bool; 3]); 8] = [
    ("GetEntityConfiguration", [true, true, true]),
    ("GetSubordinateStatement", [true, true, false]),
    ("GetRecognition", [true, true, true]),
    ("GetEpoch", [true, false, false]),
    ("GetLogEvidence", [true, false, false]),
    ("ListPeers", [true, false, false]),
    ("Resolve", [true, false, true]),
    ("Watch", [true, false, false]),
];

/// What the listener offers besides federation asks for its own credentials. A method without a row is nobody's.
pub fn may(peer: &KnownPeer, path: &str) -> bool {
    let Some(method) = path.strip_prefix(FEDERATION) else { return true };
    let row = RIGHTS.iter().find(|(name, _)| *name == method);
    let kinds = [peer.superior, peer.subordinate, peer.recognised];
    row.is_some_and(|(_, rights)| rights.iter().zip(kinds).any(|(may, is)| *may && is))
}

#[cfg(test)]
mod tests {
    use charter_domain::AuthorityId;

    use super::*;

    fn peer([superior, subordinate, recognised]: [bool; 3]) -> KnownPeer {
        let authority = AuthorityId::parse("did:web:a.example").expect("valid");
        KnownPeer { authority, superior, subordinate, recognised }
    }

    #[test]
    fn every_method_of_federation_is_a_superiors_and_others_have_fewer() {
        let methods = charter_proto::methods();
        let methods: Vec<_> = methods.iter().filter(|path| path.starts_with(FEDERATION)).collect();
        assert_eq!(methods.len(), RIGHTS.len(), "{methods:?}");
        assert!(methods.iter().all(|path| may(&peer([true, false, false]), path)));
        for one in [[false; 3], [false, true, false], [false, false, true], [false, true, true]] {
            assert!(!methods.iter().all(|path| may(&peer(one), path)), "{one:?}");
        }
        assert!(!may(&peer([true; 3]), "/charter.federation.v1.FederationService/Unknown"));
    }
}
