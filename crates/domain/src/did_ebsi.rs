//! The syntax of `did:ebsi`: `did:ebsi:[network:]z..`, base58btc of a version byte and 16 bytes.

use crate::{Invalid, base58};

/// Version 1: legal entities. Natural persons have a `did:key`.
const LEGAL_ENTITY: u8 = 1;
/// The version byte and the random part.
const BYTES: usize = 17;

/// Whether `did` is a DID of a legal entity at EBSI, or at another network of its kind that it names.
pub fn is_legal_entity(did: &str) -> bool {
    let Some(rest) = did.strip_prefix("did:ebsi:") else { return false };
    let (network, id) = rest.split_once(':').map_or((None, rest), |(network, id)| (Some(network), id));
    let plain = |n: &str| {
        !n.is_empty() && n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let bytes = id.strip_prefix('z').and_then(base58::decode);
    network.is_none_or(plain) && bytes.is_some_and(|b| b.len() == BYTES && b.first() == Some(&LEGAL_ENTITY))
}

/// The same, for the field of a caller.
pub fn check(field: &str, did: &str) -> Result<(), Invalid> {
    let fault = "must be `did:ebsi:z..`, base58btc of the byte 1 and 16 more";
    if is_legal_entity(did) { Ok(()) } else { Err(Invalid::new(field, fault)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn did(bytes: &[u8]) -> String {
        format!("did:ebsi:z{}", base58::encode(bytes))
    }

    #[test]
    fn seventeen_bytes_that_begin_with_one() {
        let good = did(&[1, 8, 90, 165, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert!(is_legal_entity(&good));
        assert!(is_legal_entity(&good.replace("did:ebsi:", "did:ebsi:pilot-2:")));
        let long: Vec<u8> = [1].into_iter().chain([7; 17]).collect();
        let short: Vec<u8> = [1].into_iter().chain([7; 15]).collect();
        for bad in [did(&[2; 17]), did(&[0; 17]), did(&long), did(&short), "did:ebsi:z".into(), String::new()]
        {
            assert!(!is_legal_entity(&bad), "{bad}");
            assert!(check("did", &bad).is_err());
        }
        let id = good.trim_start_matches("did:ebsi:");
        for bad in [
            format!("did:ebsi:m{id}"),
            format!("did:ebsi::{id}"),
            format!("did:ebsi:A:{id}"),
            format!("did:ebsi:a:b:{id}"),
            format!("did:key:{id}"),
            format!("{good}#key"),
            format!("{good}/../x"),
        ] {
            assert!(!is_legal_entity(&bad), "{bad}");
        }
    }
}
