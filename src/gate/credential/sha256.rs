//! SHA-256 (FIPS 180-4) and HMAC over it (RFC 2104) of texts that are all there. Knows nothing of keys.
//!
//! What is written here is padding and the order of blocks; blocks are compressed by `sha2`. The interfaces of crates keep a buffer and a
//! state for texts that come in pieces, which takes as long as a block of a text does.

use sha2::block_api::compress256;

const BLOCK: usize = 64;

/// The words between two blocks.
type State = [u32; 8];

/// FIPS 180-4, section 5.3.3.
const FIRST: State = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The digest of a text.
pub(super) fn digest(text: &[u8]) -> [u8; 32] {
    finish(FIRST, 0, text)
}

/// A key of HMAC-SHA-256, as what it makes of the first block of either digest. Does not print itself.
pub(super) struct HmacKey {
    inner: State,
    outer: State,
}

impl HmacKey {
    /// Takes a key of any length.
    pub(super) fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        match block.get_mut(..key.len()) {
            Some(start) => start.copy_from_slice(key),
            None => block[..32].copy_from_slice(&digest(key)),
        }
        let after = |pad: u8| {
            let mut state = FIRST;
            compress256(&mut state, &[block.map(|byte| byte ^ pad)]);
            state
        };
        Self { inner: after(0x36), outer: after(0x5c) }
    }

    /// The code of a text.
    pub(super) fn sign(&self, text: &[u8]) -> [u8; 32] {
        finish(self.outer, BLOCK, &finish(self.inner, BLOCK, text))
    }
}

/// The digest of a text before which whole blocks of so many bytes have led to `state`.
fn finish(mut state: State, before: usize, text: &[u8]) -> [u8; 32] {
    let (whole, rest) = text.as_chunks();
    if !whole.is_empty() {
        compress256(&mut state, whole);
    }
    // FIPS 180-4, section 5.1.1: a bit, zeros, and the length in bits as the last eight bytes of a block.
    let mut last = [[0; BLOCK]; 2];
    let used = if rest.len() < BLOCK - 8 { 1 } else { 2 };
    let bits = (before + text.len()) as u64 * 8;
    let bytes = last.as_flattened_mut();
    bytes[..rest.len()].copy_from_slice(rest);
    bytes[rest.len()] = 0x80;
    bytes[used * BLOCK - 8..used * BLOCK].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &last[..used]);
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ring::{digest::SHA256, hmac};

    fn hex(bytes: [u8; 32]) -> String {
        super::super::hex::text(&bytes)
    }

    #[test]
    fn published_examples() {
        // FIPS 180-2, appendix B, and RFC 4231, cases 2 and 6.
        assert_eq!(hex(digest(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(hex(digest(two_blocks)), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        let code = HmacKey::new(b"Jefe").sign(b"what do ya want for nothing?");
        assert_eq!(hex(code), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let code = HmacKey::new(&[0xaa; 131]).sign(b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(code), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    /// Every length around the ends of blocks, by another hand.
    #[test]
    fn every_length_is_what_ring_makes_of_it() {
        let text: Vec<u8> = (0..=255).cycle().take(300).collect();
        for len in 0..text.len() {
            let text = &text[..len];
            assert_eq!(digest(text), ring::digest::digest(&SHA256, text).as_ref(), "{len}");
            for key in [&[7; 16][..], text] {
                let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &text[len / 2..]);
                assert_eq!(HmacKey::new(key).sign(&text[len / 2..]), code.as_ref(), "{len}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_what_ring_makes_of_it(text in proptest::collection::vec(any::<u8>(), 0..300), key in proptest::collection::vec(any::<u8>(), 0..150)) {
            let (theirs, ours) = (ring::digest::digest(&SHA256, &text), digest(&text));
            prop_assert_eq!(&ours[..], theirs.as_ref());
            let (theirs, ours) = (hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &text), HmacKey::new(&key).sign(&text));
            prop_assert_eq!(&ours[..], theirs.as_ref());
        }
    }
}
