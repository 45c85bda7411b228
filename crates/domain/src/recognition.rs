//! What an authority records of a peer that it recognises: its names and keys, where it answers, and whether it is asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{HttpsId, Interval, Invalid, SpkiPins, Timestamp, delegation::endpoint, json};

/// Longest JWK set, in bytes: a handful of keys with room to spare.
const MAX_JWKS: usize = 16_384;
/// How far ahead the recognition of a peer may end: five years, leap days included.
const LONGEST: Duration = Duration::from_secs((5 * 365 + 2) * 86_400);

/// A peer as it arrives: JSON and protobuf both become this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawPeer {
    pub entity_identifier: String,
    /// A JWK set, as JSON text.
    pub jwks_json: String,
    pub endpoint: String,
    pub may_follow: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub one_sided: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_spki_sha256: Vec<String>,
}

/// The peer of a recognition. What it is recognised for, and until when, stands in the statement itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its https identifier (OpenID Federation 1.0, 1.2).
    pub entity_identifier: HttpsId,
    /// A JWK set: the keys that its statements are verified with, from here only.
    pub jwks: Value,
    /// Where it answers gRPC.
    pub endpoint: String,
    /// A question that asks for it is passed on to the peer: one hop, never further.
    pub may_follow: bool,
    /// It is followed whether or not the peer recognises this authority in turn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_sided: bool,
    /// Absent where certificates are checked by who issued them.
    #[serde(default, skip_serializing_if = "SpkiPins::is_empty")]
    pub tls_spki_sha256: SpkiPins,
}

impl Peer {
    /// Parses all but the keys themselves, which only the crate of the keys can judge.
    ///
    /// # Errors
    /// Names the first faulty member.
    pub fn parse(raw: &RawPeer) -> Result<Self, Invalid> {
        let entity_identifier =
            HttpsId::parse(&raw.entity_identifier).map_err(|e| e.at("peer.entity_identifier"))?;
        if raw.jwks_json.len() > MAX_JWKS {
            let why = format!("must not be longer than {MAX_JWKS} bytes");
            return Err(Invalid::new("peer.jwks_json", why));
        }
        let jwks = json::parse_strict(&raw.jwks_json).map_err(|e| e.at("peer.jwks_json"))?;
        Ok(Self {
            entity_identifier,
            jwks,
            endpoint: endpoint(&raw.endpoint).map_err(|e| e.at("peer.endpoint"))?,
            may_follow: raw.may_follow,
            one_sided: raw.one_sided,
            tls_spki_sha256: SpkiPins::parse(&raw.tls_spki_sha256)
                .map_err(|e| e.at("peer.tls_spki_sha256"))?,
        })
    }
}

/// A recognition of a peer ends: whoever is followed is looked at again. Records of before this rule keep what they say.
///
/// # Errors
/// Names `valid_until` where it is absent, or later than five years from `now`.
pub fn ends(valid: &Interval, now: Timestamp) -> Result<(), Invalid> {
    let fault = |why: &str| Err(Invalid::new("valid_until", why));
    match valid.until {
        None => fault("must be given for the recognition of a peer"),
        Some(until) if until > now.plus(LONGEST) => {
            fault("must be at most five years from now for the recognition of a peer")
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawPeer {
        RawPeer {
            entity_identifier: "https://peer.example".to_owned(),
            jwks_json: r#"{"keys":[]}"#.to_owned(),
            endpoint: "https://peer.example:7443".to_owned(),
            may_follow: true,
            one_sided: false,
            tls_spki_sha256: Vec::new(),
        }
    }

    #[test]
    fn a_good_peer_parses_and_each_fault_names_its_member() {
        assert!(Peer::parse(&raw()).is_ok_and(|p| p.may_follow));
        let fault = |change: fn(&mut RawPeer)| {
            let mut peer = raw();
            change(&mut peer);
            Peer::parse(&peer).expect_err("faulty").field
        };
        assert_eq!(fault(|p| p.entity_identifier = "peer".to_owned()), "peer.entity_identifier");
        assert_eq!(fault(|p| p.jwks_json = r#"{"keys":[],"keys":[]}"#.to_owned()), "peer.jwks_json");
        assert_eq!(fault(|p| p.jwks_json = " ".repeat(MAX_JWKS + 1)), "peer.jwks_json");
        assert_eq!(fault(|p| p.endpoint = "ftp://peer.example".to_owned()), "peer.endpoint");
        assert_eq!(fault(|p| p.endpoint = "https://peer.example/a b".to_owned()), "peer.endpoint");
        assert_eq!(fault(|p| p.tls_spki_sha256 = vec!["0".to_owned()]), "peer.tls_spki_sha256");
    }

    #[test]
    fn a_peer_reads_back_as_it_was_recorded() {
        let peer = Peer::parse(&raw()).expect("a peer");
        let text = serde_json::to_string(&peer).expect("JSON");
        assert!(!text.contains("tls_spki_sha256") && !text.contains("one_sided"), "{text}");
        assert_eq!(serde_json::from_str::<Peer>(&text).expect("a peer"), peer);
        let alone = Peer { one_sided: true, ..peer };
        let text = serde_json::to_string(&alone).expect("JSON");
        assert_eq!(serde_json::from_str::<Peer>(&text).expect("a peer"), alone);
    }

    #[test]
    fn a_recognition_ends_within_five_years() {
        let now = Timestamp::from_secs(1_000_000_000);
        let until = |until| Interval { from: None, until };
        assert_eq!(ends(&until(Some(now.plus(LONGEST))), now), Ok(()));
        let later = now.plus(LONGEST + Duration::from_secs(1));
        for bad in [None, Some(later)] {
            assert_eq!(ends(&until(bad), now).map_err(|e| e.field), Err("valid_until".to_owned()));
        }
    }
}
