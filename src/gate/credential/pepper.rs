//! Peppers: with one, the digest of a key is an HMAC, and a stolen key file cannot even be tested offline.

use std::{fmt, num::NonZeroU32};

use super::{hex, sha256::HmacKey};

/// A secret of the deployment that is mixed into digests.
pub struct Pepper {
    key: HmacKey,
    id: PepperId,
}

/// The name of a pepper, derived from it; digests made with it carry it. Written as 8 hex digits. Never zeros, which
/// are read as 1: so no byte of a key tells whether it has one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PepperId(NonZeroU32);

impl Pepper {
    /// Takes the pepper's bytes (at least 16, better 32 random ones).
    ///
    /// # Errors
    /// If they are fewer than 16.
    pub fn new(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() < 16 {
            return Err("a pepper needs at least 16 bytes; make one with `openssl rand -hex 32`");
        }
        let key = HmacKey::new(bytes);
        let [a, b, c, d, ..] = key.sign(b"keygate pepper id");
        Ok(Self { key, id: [a, b, c, d].into() })
    }

    /// The name that digests made with this pepper carry.
    #[must_use]
    pub const fn id(&self) -> PepperId {
        self.id
    }

    pub(super) fn sign(&self, text: &str) -> [u8; 32] {
        self.key.sign(text.as_bytes())
    }
}

impl PepperId {
    /// Reads 8 hex digits; `None` for anything else.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        hex::parse(digits).map(<[u8; 4]>::into)
    }
}

impl From<[u8; 4]> for PepperId {
    fn from(bytes: [u8; 4]) -> Self {
        Self(NonZeroU32::new(u32::from_be_bytes(bytes)).unwrap_or(NonZeroU32::MIN))
    }
}

impl fmt::Display for PepperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::text(&self.0.get().to_be_bytes()))
    }
}

impl fmt::Debug for PepperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PepperId({self})")
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({})", self.id)
    }
}
