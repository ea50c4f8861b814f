//! What a manager's signatures are checked with: its public key (Ed25519, RFC 8032). Public, so that it stands in configuration files.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

const PREFIX: &str = "ed25519:";

/// A public key, written `ed25519:` and 43 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyKey([u8; 32]);

impl VerifyKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads one; `None` of any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?.try_into().ok().map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verify_key_is_written_and_read() {
        let key = VerifyKey::new([0xfb; 32]);
        let text = key.to_string();
        assert_eq!((text.len(), VerifyKey::parse(&text), key.as_bytes()), (51, Some(key), &[0xfb; 32]));
        for wrong in ["", "ed25519:", &text[..50], &format!("{text}A"), &text.replace("ed25519:", ""), &text.replace('-', "+")] {
            assert_eq!(VerifyKey::parse(wrong), None, "{wrong}");
        }
    }
}
