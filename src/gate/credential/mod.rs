//! What a request presents to be let in: the text of a key, and the places where it may stand. And what an operator presents to manage
//! keys.

mod admin_token;
mod base62;
mod digest;
pub mod hex;
mod key_text;
mod locations;
mod pepper;
mod sha256;
mod spelled;
mod verify_key;

pub use admin_token::AdminToken;
pub use digest::{Digester, KeyDigest, NoDigest, StoredDigest};
pub use key_text::{Environment, KeyShape, Kind, compose, is_mistyped, shape, vendor};
pub use locations::{Location, Locations, MAX_KEY_BYTES, OWN_PROTOCOL, Presented};
pub use pepper::{Pepper, PepperId};
pub use spelled::Spelled;
pub use verify_key::VerifyKey;
