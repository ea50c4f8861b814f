//! Digests of keys: all that is kept of a secret key.
//!
//! Keys hold 190 random bits, so a fast hash is enough; a slow one would be a lever for denial of service (reference: Unkey,
//! GitHub, Stripe).

use std::fmt;

use subtle::ConstantTimeEq;

use super::{Pepper, PepperId, hex, sha256};

/// The digest of a key's whole text.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// From its bytes, as a store keeps them.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

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
        KeyDigest(match self {
            Self::Sha256 => sha256::digest(text.as_bytes()),
            Self::Hmac(pepper) => pepper.sign(text),
        })
    }

    /// `text`'s digest, with the name of its pepper.
    #[must_use]
    pub fn kept(self, text: &str) -> StoredDigest {
        let pepper = match self {
            Self::Sha256 => None,
            Self::Hmac(pepper) => Some(pepper.id()),
        };
        StoredDigest { pepper, digest: self.digest(text) }
    }

    /// `text`'s digest as it stands in a key file.
    #[must_use]
    pub fn stored(self, text: &str) -> String {
        self.kept(text).written()
    }
}

/// A digest as it stands in a key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDigest {
    /// The id of the pepper it was made with; `None` for plain SHA-256.
    pub pepper: Option<PepperId>,
    /// The digest.
    pub digest: KeyDigest,
}

/// Why a text is no [`StoredDigest`]. Never repeats it: it may be a key pasted into the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDigest {
    /// It has another form.
    Form,
    /// What should name its pepper is no [`PepperId`].
    PepperId,
}

impl StoredDigest {
    /// Reads `sha256$<64 hex>` or `hmac-sha256$<pepper id>$<64 hex>`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NoDigest> {
        let mut parts = text.split('$');
        let (id, digits) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("sha256"), Some(digits), None, None) => (None, digits),
            (Some("hmac-sha256"), Some(id), Some(digits), None) => (Some(id), digits),
            _ => return Err(NoDigest::Form),
        };
        let digest = KeyDigest(hex::parse(digits).ok_or(NoDigest::Form)?);
        let pepper = id.map(|id| PepperId::parse(id).ok_or(NoDigest::PepperId)).transpose()?;
        Ok(Self { pepper, digest })
    }
}

impl StoredDigest {
    /// As it stands in a key file.
    #[must_use]
    pub fn written(&self) -> String {
        let digits = hex::text(&self.digest.0);
        match self.pepper {
            None => format!("sha256${digits}"),
            Some(id) => format!("hmac-sha256${id}${digits}"),
        }
    }
}

impl fmt::Display for NoDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "expected `sha256$` and 64 hex digits, or `hmac-sha256$<pepper id>$` and 64 hex digits",
            Self::PepperId => "the id of its pepper is not 8 hex digits",
        })
    }
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
            assert!(KeyDigest::new(*read.digest.as_bytes()) == read.digest);
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
    fn a_digest_names_its_pepper() {
        let pepper = Pepper::new(&[7; 32]).unwrap();
        let stored = Digester::Hmac(&pepper).stored("sk_abc");
        assert_eq!(StoredDigest::parse(&stored).unwrap().pepper, Some(pepper.id()));
        assert!(stored.starts_with(&format!("hmac-sha256${}$", pepper.id())));
        assert_eq!(PepperId::parse("0A1b2c3d").unwrap().to_string(), "0a1b2c3d");
        for id in ["", "0a1b2c3", "0a1b2c3d4", "0a1b2c3g", "+a1b2c3d", "é1b2c3d"] {
            assert!(PepperId::parse(id).is_none(), "{id}");
            let unnamed = stored.replace(&pepper.id().to_string(), id);
            assert_eq!(StoredDigest::parse(&unnamed), Err(NoDigest::PepperId), "{id}");
        }
    }

    #[test]
    fn what_is_no_digest_is_refused_without_being_repeated() {
        for text in [
            "",
            "sha256",
            "sha256$",
            "sha256$zz",
            "md5$00",
            "sk_live_secret",
            "sha256$00$11",
            "hmac-sha256$aa",
            "hmac-sha256$k3y$00",
        ] {
            let error = StoredDigest::parse(text).unwrap_err().to_string();
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
