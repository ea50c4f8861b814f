//! The manager's signature (Ed25519, RFC 8032): of a parcel's digest, behind words that no other use of the key signs.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest,
    rand::SecureRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};

use crate::gate::credential::VerifyKey;

/// What is signed begins so.
const CONTEXT: &[u8] = b"keygate parcel of keys, format 1\n";

/// Who signs. Its key cannot be printed.
pub struct Signer(Ed25519KeyPair);

/// The digest of what is signed, while it goes by.
pub(super) struct Hasher(digest::Context);

impl Signer {
    /// A new key, as it is kept (PKCS #8).
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn generate(random: &dyn SecureRandom) -> Result<Vec<u8>, ring::error::Unspecified> {
        Ed25519KeyPair::generate_pkcs8(random).map(|document| document.as_ref().to_vec())
    }

    /// The signer with a key that was kept; `None` of anything else.
    #[must_use]
    pub fn new(pkcs8: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_pkcs8(pkcs8).ok().map(Self)
    }

    /// What its signatures are checked with.
    #[must_use]
    pub fn verify_key(&self) -> VerifyKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        VerifyKey::new(bytes)
    }

    pub(super) fn sign(&self, hasher: Hasher) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(&hasher.message()).as_ref())
    }
}

/// Whether whoever has the private half of `key` signed what went by `hasher`.
pub(super) fn is_signed(key: &VerifyKey, hasher: Hasher, signature: &str) -> bool {
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
    UnparsedPublicKey::new(&ED25519, key.as_bytes()).verify(&hasher.message(), &signature).is_ok()
}

impl Hasher {
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn message(self) -> Vec<u8> {
        [CONTEXT, self.0.finish().as_ref()].concat()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verify_key())
    }
}
