//! Digests of keys: all that is kept of a secret key.
//!
//! Keys hold 190 random bits, so a fast hash is enough; a slow one would be a lever for denial of service (reference: Unkey,
//! GitHub, Stripe). With a pepper the digest is an HMAC, and a stolen key file cannot even be tested offline.

use std::fmt;

use ring::{digest, hmac};
use subtle::ConstantTimeEq;

/// The digest of a key's whole text.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Eight of its bytes, uniformly distributed: a hash for tables.
    #[must_use]
    pub fn table_hash(&self) -> u64 {
        self.words().next().unwrap_or_default()
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        self.0.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word))
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        // By words: byte by byte, subtle's barriers take longer than the rest of the lookup.
        let difference = self.words().zip(other.words()).fold(0, |all, (one, other)| all | (one ^ other));
        difference.ct_eq(&0).into()
    }
}
impl Eq for KeyDigest {}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

/// A secret of the deployment that is mixed into digests.
pub struct Pepper {
    key: hmac::Key,
    id: [u8; 4],
}

impl Pepper {
    /// Takes the pepper's bytes (at least 16, better 32 random ones).
    ///
    /// # Errors
    /// If they are fewer than 16.
    pub fn new(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() < 16 {
            return Err("a pepper needs at least 16 bytes; make one with `openssl rand -hex 32`");
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let named = hmac::sign(&key, b"keygate pepper id");
        let mut id = [0; 4];
        id.copy_from_slice(&named.as_ref()[..4]);
        Ok(Self { key, id })
    }

    /// The name that digests made with this pepper carry: 8 hex digits, derived from it.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&self.id)
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({})", self.id())
    }
}

/// One way to make a digest.
#[derive(Clone, Copy, Debug)]
pub enum Digester<'p> {
    /// SHA-256 of the text.
    Sha256,
    /// HMAC-SHA-256 of the text under a pepper.
    Hmac(&'p Pepper),
}

impl Digester<'_> {
    /// The digest of `text`.
    #[must_use]
    pub fn digest(self, text: &str) -> KeyDigest {
        let mut bytes = [0; 32];
        match self {
            Self::Sha256 => bytes.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref()),
            Self::Hmac(pepper) => bytes.copy_from_slice(hmac::sign(&pepper.key, text.as_bytes()).as_ref()),
        }
        KeyDigest(bytes)
    }

    /// `text`'s digest as it stands in a key file.
    #[must_use]
    pub fn stored(self, text: &str) -> String {
        let KeyDigest(bytes) = self.digest(text);
        match self {
            Self::Sha256 => format!("sha256${}", hex(&bytes)),
            Self::Hmac(pepper) => format!("hmac-sha256${}${}", pepper.id(), hex(&bytes)),
        }
    }
}

/// A digest as it stands in a key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDigest {
    /// The id of the pepper it was made with; `None` for plain SHA-256.
    pub pepper: Option<String>,
    /// The digest.
    pub digest: KeyDigest,
}

impl StoredDigest {
    /// Reads `sha256$<64 hex>` or `hmac-sha256$<pepper id>$<64 hex>`.
    ///
    /// # Errors
    /// Says what was expected; never repeats the text, which may be a key pasted into the wrong place.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected `sha256$` and 64 hex digits, or `hmac-sha256$<pepper id>$` and 64 hex digits";
        let mut parts = text.split('$');
        let (pepper, digits) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("sha256"), Some(digits), None, None) => (None, digits),
            (Some("hmac-sha256"), Some(pepper), Some(digits), None) => (Some(pepper.to_owned()), digits),
            _ => return Err(EXPECTED),
        };
        Ok(Self { pepper, digest: KeyDigest(unhex(digits).ok_or(EXPECTED)?) })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_digests_read_back() {
        let pepper = Pepper::new(&[7; 32]).unwrap();
        for digester in [Digester::Sha256, Digester::Hmac(&pepper)] {
            let read = StoredDigest::parse(&digester.stored("sk_abc")).unwrap();
            assert!(read.digest == digester.digest("sk_abc") && read.digest != digester.digest("sk_abd"));
        }
        // FIPS 180-2's example, so that files made by `sha256sum` work.
        assert_eq!(Digester::Sha256.stored("abc"), "sha256$ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_pepper_changes_every_digest_and_names_itself() {
        let (one, other) = (Pepper::new(&[1; 32]).unwrap(), Pepper::new(&[2; 32]).unwrap());
        assert!(Digester::Hmac(&one).digest("k") != Digester::Hmac(&other).digest("k"));
        assert_ne!(one.id(), other.id());
        assert!(Pepper::new(b"short").is_err());
    }

    #[test]
    fn what_is_no_digest_is_refused_without_being_repeated() {
        for text in ["", "sha256", "sha256$", "sha256$zz", "md5$00", "sk_live_secret", "sha256$00$11", "hmac-sha256$aa"] {
            let error = StoredDigest::parse(text).unwrap_err();
            assert!(text.is_empty() || !error.contains(text) || text == "sha256" || text == "sha256$");
        }
    }

    #[test]
    fn nothing_secret_prints() {
        let pepper = Pepper::new(b"canary-canary-canary").unwrap();
        let shown = format!("{pepper:?} {:?}", Digester::Hmac(&pepper).digest("canary"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
