//! The text of a generated key: `[<vendor>_]<kind>_<environment>_<id><secret><checksum>`.
//!
//! `sk_live_` + 12 base62 of id + 32 base62 of secret (190 bits) + 6 base62 of CRC-32 over all before it. The checksum lets
//! scanners and the gate tell typing errors from keys that there are not; it protects nothing (GitHub's token format works alike).

use super::base62::{self, BODY_LEN, ID_LEN};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Lives in browsers and apps: an identifier, not a secret.
    Publishable,
    /// Lives on servers.
    Secret,
}

/// Which half of the world a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Environment {
    /// Production.
    Live,
    /// Everything else.
    Test,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Publishable, Self::Secret];

    /// The one that is called so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// `publishable` or `secret`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publishable => "publishable",
            Self::Secret => "secret",
        }
    }

    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Publishable => "pk",
            Self::Secret => "sk",
        }
    }
}

impl Environment {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Live, Self::Test];

    /// The one that is called so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// `live` or `test`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// What the text of a key says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyShape<'a> {
    /// A generated key whose checksum is right.
    Generated { kind: Kind, environment: Environment, id: &'a str },
    /// Exactly a generated key's shape, with a wrong checksum.
    WrongChecksum,
    /// Any other text: an imported key.
    Foreign,
}

/// Reads the shape of a key's text. Never fails: what is not generated is [`KeyShape::Foreign`].
#[must_use]
pub fn shape(text: &str) -> KeyShape<'_> {
    parse(text).unwrap_or(KeyShape::Foreign)
}

/// The vendor's prefix of a generated key with a right checksum, `Some(None)` where it has none; `None` of any other text.
#[must_use]
pub fn vendor(text: &str) -> Option<Option<&str>> {
    let KeyShape::Generated { kind, environment, .. } = shape(text) else { return None };
    // `_`, or nothing, before the kind, then an `_` on either side of the environment.
    let fixed = kind.prefix().len() + environment.name().len() + 2 + BODY_LEN;
    Some(text.get(..text.len().checked_sub(fixed)?)?.strip_suffix('_'))
}

/// Whether a text has exactly a generated key's shape and a wrong checksum. The checksum is looked at first: where it is right, the time
/// that this takes says nothing of the characters, which a look at each of them would (`benches/timing`).
#[must_use]
pub fn is_mistyped(text: &str) -> bool {
    !base62::is_checked(text.as_bytes()) && shape(text) == KeyShape::WrongChecksum
}

fn parse(text: &str) -> Option<KeyShape<'_>> {
    let body_at = text.len().checked_sub(BODY_LEN)?;
    let (head, body) = (text.get(..body_at)?, text.get(body_at..)?);
    let (rest, environment) = match head.strip_suffix("_live_") {
        Some(rest) => (rest, Environment::Live),
        None => (head.strip_suffix("_test_")?, Environment::Test),
    };
    let (vendor, kind) = match rest.strip_suffix("sk") {
        Some(vendor) => (vendor, Kind::Secret),
        None => (rest.strip_suffix("pk")?, Kind::Publishable),
    };
    let vendor_is_valid = vendor.is_empty()
        || vendor.strip_suffix('_').is_some_and(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !vendor_is_valid || !body.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    if !base62::is_checked(text.as_bytes()) {
        return Some(KeyShape::WrongChecksum);
    }
    Some(KeyShape::Generated { kind, environment, id: &body[..ID_LEN] })
}

/// Writes the text of a key from its parts and `random` bytes, of which 44 are used up to make the id and the secret.
///
/// `random` must yield uniform bytes of a cryptographic source, of which those of 248 and above are passed over. `None` if it ends too
/// early.
pub fn compose(
    vendor: Option<&str>,
    kind: Kind,
    environment: Environment,
    random: impl IntoIterator<Item = u8>,
) -> Option<String> {
    let mut text = vendor.map(|vendor| format!("{vendor}_")).unwrap_or_default();
    text.push_str(kind.prefix());
    text.push('_');
    text.push_str(environment.name());
    text.push('_');
    base62::complete(text, random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds() -> impl Strategy<Value = (Kind, Environment)> {
        (any::<bool>(), any::<bool>()).prop_map(|(secret, live)| {
            (if secret { Kind::Secret } else { Kind::Publishable }, if live { Environment::Live } else { Environment::Test })
        })
    }

    proptest! {
        #[test]
        fn reading_what_was_written_is_identity(
            (kind, environment) in kinds(),
            vendor in proptest::option::of("[a-z0-9]{1,8}"),
            random in proptest::collection::vec(0u8..248, 44),
        ) {
            let text = compose(vendor.as_deref(), kind, environment, random).unwrap();
            let at = text.len() - BODY_LEN;
            let expected = KeyShape::Generated { kind, environment, id: &text[at..at + ID_LEN] };
            prop_assert_eq!(shape(&text), expected);
            prop_assert_eq!(super::vendor(&text), Some(vendor.as_deref()));
        }

        #[test]
        fn one_changed_character_is_noticed(random in proptest::collection::vec(0u8..248, 44), at in 8usize..58, to in "[0-9A-Za-z]") {
            let text = compose(None, Kind::Secret, Environment::Live, random).unwrap();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(shape(&changed) == KeyShape::WrongChecksum, changed != text);
        }

        #[test]
        fn any_text_has_a_shape(text in "\\PC{0,80}") {
            prop_assert_eq!(is_mistyped(&text), shape(&text) == KeyShape::WrongChecksum);
            prop_assert_eq!(vendor(&text).is_some(), matches!(shape(&text), KeyShape::Generated { .. }));
        }
    }

    #[test]
    fn imported_keys_are_foreign() {
        for text in ["", "pk_abc123", "sk_live_xyz", "appid.keyid:secret", "sk_live_", &"é".repeat(30)] {
            assert_eq!(shape(text), KeyShape::Foreign, "{text}");
        }
    }

    #[test]
    fn too_little_randomness_makes_no_key() {
        assert_eq!(compose(None, Kind::Secret, Environment::Live, [255; 100]), None);
    }
}
