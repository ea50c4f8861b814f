//! The part that all generated credentials have in common: an id, a secret and a checksum, in base62.
//!
//! Knows nothing of what stands before them.

/// Of the id: 71 bits, so that no two are the same.
pub(super) const ID_LEN: usize = 12;
/// Of the secret: 190 bits.
pub(super) const SECRET_LEN: usize = 32;
/// Of the CRC-32 over all before it.
pub(super) const CHECKSUM_LEN: usize = 6;
/// All three.
pub(super) const BODY_LEN: usize = ID_LEN + SECRET_LEN + CHECKSUM_LEN;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Writes id, secret and checksum behind `text`, which is checked too. `random` must yield uniform bytes of a cryptographic source;
/// bytes of 248 and above are passed over, so that every digit is equally likely. `None` if it ends too early.
pub(super) fn complete(mut text: String, random: impl IntoIterator<Item = u8>) -> Option<String> {
    let fixed = text.len();
    let digits = random.into_iter().filter(|&b| b < 248).map(|b| char::from(BASE62[usize::from(b % 62)]));
    text.extend(digits.take(ID_LEN + SECRET_LEN));
    if text.len() != fixed + ID_LEN + SECRET_LEN {
        return None;
    }
    let checksum = checksum_of(text.as_bytes());
    text.extend(checksum.map(char::from));
    Some(text)
}

/// Whether a text ends in the checksum of all before it.
pub(super) fn is_checked(text: &[u8]) -> bool {
    text.split_last_chunk().is_some_and(|(checked, checksum)| checksum_of(checked) == *checksum)
}

pub(super) fn checksum_of(text: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut crc = crc32fast::hash(text);
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(crc % 62) as usize];
        crc /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    proptest! {
        #[test]
        fn what_was_completed_is_checked(text in "\\PC{0,80}", random in vec(0u8..248, 44)) {
            prop_assert!(is_checked(complete(text, random).unwrap().as_bytes()));
        }
    }

    #[test]
    fn bytes_that_would_favour_some_digits_are_passed_over() {
        let of = |random: Vec<u8>| complete(String::new(), random).unwrap();
        let (kept, passed_over): (Vec<_>, Vec<_>) = ((204..248).collect(), (248..=255).collect());
        assert_eq!(of([&passed_over[..], &kept[..22], &passed_over, &kept[22..]].concat()), of(kept));
    }
}
