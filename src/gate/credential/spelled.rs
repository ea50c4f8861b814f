//! A generated key in Ably's spelling, `app.id:secret` (Ably docs, auth/basic): what clients of Ably send as user and password.
//!
//! The same key as its usual text, taken apart. What is missing here, its kind, environment and prefix, the record has.

use super::{
    MAX_KEY_BYTES,
    base62::{CHECKSUM_LEN, ID_LEN, SECRET_LEN, checksum_of},
    key_text::{Environment, Kind},
};

/// The parts of a key that is spelled so. Does not print them.
pub struct Spelled<'a> {
    /// The application.
    pub app: &'a str,
    /// The id of the key.
    pub id: &'a str,
    secret: &'a str,
}

/// The usual text of a key, put together without asking the heap.
pub struct KeyText {
    bytes: [u8; MAX_KEY_BYTES],
    len: usize,
}

impl<'a> Spelled<'a> {
    /// Takes a text apart; `None` if it is spelled in another way.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (name, secret) = text.split_once(':')?;
        let (app, id) = name.split_once('.')?;
        let is_base62 = |part: &str, len| part.len() == len && is_alphanumeric(part);
        (!app.is_empty() && is_base62(id, ID_LEN) && is_base62(secret, SECRET_LEN)).then_some(Self { app, id, secret })
    }

    /// The key's usual text, if it is of this prefix, kind and environment; `None` if such a text is longer than any key.
    #[must_use]
    pub fn key_text(&self, prefix: Option<&str>, kind: Kind, environment: Environment) -> Option<KeyText> {
        let mut text = KeyText { bytes: [0; MAX_KEY_BYTES], len: 0 };
        let (prefix, after) = prefix.map_or(("", ""), |prefix| (prefix, "_"));
        for part in [prefix, after, kind.prefix(), "_", environment.name(), "_", self.id, self.secret] {
            text.push(part.as_bytes())?;
        }
        let checksum: [u8; CHECKSUM_LEN] = checksum_of(text.as_str().as_bytes());
        text.push(&checksum)?;
        Some(text)
    }
}

/// Without a branch: of one that asks whether a character is a digit, the processor remembers how it went for the secret that was
/// right, and is faster with one that begins like it (`benches/timing`).
fn is_alphanumeric(text: &str) -> bool {
    let is_one = |b: u8| ((b | 0x20).wrapping_sub(b'a') < 26) | (b.wrapping_sub(b'0') < 10);
    text.bytes().fold(true, |all, b| all & is_one(b))
}

impl KeyText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only whole texts were pushed.
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    fn push(&mut self, part: &[u8]) -> Option<()> {
        let end = self.len + part.len();
        self.bytes.get_mut(self.len..end)?.copy_from_slice(part);
        self.len = end;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::credential::compose;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_taken_apart_and_put_together_is_the_key(
            vendor in proptest::option::of("[a-z0-9]{1,16}"),
            secret: bool,
            live: bool,
            random in proptest::collection::vec(0u8..248, 44),
        ) {
            let kind = if secret { Kind::Secret } else { Kind::Publishable };
            let environment = if live { Environment::Live } else { Environment::Test };
            let text = compose(vendor.as_deref(), kind, environment, random).unwrap();
            let body = &text[text.len() - ID_LEN - SECRET_LEN - CHECKSUM_LEN..];
            let spelled = format!("demo.{}:{}", &body[..ID_LEN], &body[ID_LEN..ID_LEN + SECRET_LEN]);
            let spelled = Spelled::parse(&spelled).unwrap();
            prop_assert_eq!((spelled.app, spelled.id), ("demo", &body[..ID_LEN]));
            let again = spelled.key_text(vendor.as_deref(), kind, environment).unwrap();
            prop_assert_eq!(again.as_str(), text);
        }

        #[test]
        fn any_text_is_taken_apart_or_not(text in "\\PC{0,80}|[a-z]{1,4}\\.[0-9A-Za-z]{11,13}:[0-9A-Za-z]{31,33}") {
            let _ = Spelled::parse(&text);
        }
    }

    #[test]
    fn what_is_spelled_otherwise() {
        let (id, secret) = ("0123456789ab", "0123456789abcdef0123456789abcdef");
        assert!(Spelled::parse(&format!("a.{id}:{secret}")).is_some());
        for text in [
            String::new(),
            format!(".{id}:{secret}"),
            format!("a.b.{id}:{secret}"),
            format!("a.{id}:{secret}0"),
            format!("a.{id}:{}", &secret[1..]),
            format!("a.{id}0:{secret}"),
            format!("a.{id}:{secret}:"),
            format!("a{id}:{secret}"),
            format!("a.{id}{secret}"),
            format!("a.{id}:{}-", &secret[1..]),
            "appid.keyid:secret".to_owned(),
        ] {
            assert!(Spelled::parse(&text).is_none(), "{text}");
        }
        for c in (0..=127).map(char::from).chain(['é', '\u{661}']) {
            for text in [format!("a.{id}:{c}{}", &secret[c.len_utf8()..]), format!("a.{c}{}:{secret}", &id[c.len_utf8()..])] {
                assert_eq!(Spelled::parse(&text).is_some(), c.is_ascii_alphanumeric(), "{text:?}");
            }
        }
        let spelled = format!("a.{id}:{secret}");
        let spelled = Spelled::parse(&spelled).unwrap();
        assert!(spelled.key_text(Some(&"v".repeat(MAX_KEY_BYTES)), Kind::Secret, Environment::Live).is_none());
    }
}
