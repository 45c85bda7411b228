//! base58btc, as multibase `z` has it: the alphabet of Bitcoin, leading zero bytes as leading `1`s.
//!
//! The work grows with the square of the length, so what is longer than [`MAX_TEXT`] is refused unread.

/// Longest text that is decoded, in bytes: a multicodec key of RSA 4096 does not come in base58, all else is shorter.
pub const MAX_TEXT: usize = 1_024;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The digits of `bytes`, most significant first. Meant for ids and hashes: quadratic in their length.
pub fn encode(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let mut digits: Vec<u8> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = low(carry % 58);
            carry /= 58;
        }
        while carry > 0 {
            digits.push(low(carry % 58));
            carry /= 58;
        }
    }
    let ones = std::iter::repeat_n('1', zeros);
    let rest = digits.iter().rev().filter_map(|d| ALPHABET.get(usize::from(*d)));
    ones.chain(rest.map(|b| char::from(*b))).collect()
}

/// The bytes of a text without its multibase prefix. `None` for another alphabet, and for more than [`MAX_TEXT`] bytes.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let zeros = text.bytes().take_while(|b| *b == b'1').count();
    let mut bytes: Vec<u8> = Vec::new();
    for letter in text.bytes() {
        let mut carry = u32::try_from(ALPHABET.iter().position(|a| *a == letter)?).ok()?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = low(carry & 0xff);
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push(low(carry & 0xff));
            carry >>= 8;
        }
    }
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    Some(bytes)
}

/// What is a digit or a byte already.
fn low(number: u32) -> u8 {
    u8::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_vectors_of_the_internet_draft() {
        let vectors: [(&[u8], &str); 4] = [
            (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
            (
                b"The quick brown fox jumps over the lazy dog.",
                "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
            ),
            (&[0, 0, 0x28, 0x7f, 0xb4, 0xcd], "11233QC4"),
            (b"", ""),
        ];
        for (bytes, text) in vectors {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).expect("base58"), bytes);
        }
    }

    #[test]
    fn another_alphabet_and_endless_text_are_refused() {
        for bad in ["0", "O", "I", "l", "a b", "\u{e4}", "ab+", &"2".repeat(MAX_TEXT + 1)] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
