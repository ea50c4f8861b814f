//! The text of a generated key: `[<vendor>_]<kind>_<environment>_<id><secret><checksum>`.
//!
//! `sk_live_` + 12 base62 of id + 32 base62 of secret (190 bits) + 6 base62 of CRC-32 over all before it. The checksum lets
//! scanners and the gate discard typing errors without a lookup; it protects nothing (GitHub's token format works alike).

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

pub(super) const ID_LEN: usize = 12;
pub(super) const SECRET_LEN: usize = 32;
pub(super) const CHECKSUM_LEN: usize = 6;
const BODY_LEN: usize = ID_LEN + SECRET_LEN + CHECKSUM_LEN;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

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

/// Whether a text has exactly a generated key's shape and a wrong checksum. Asked of every key, so the checksum is looked at
/// first: it is nearly always right, and takes less than a look at each character.
#[must_use]
pub fn is_mistyped(text: &str) -> bool {
    let checksum_is_right = |(checked, checksum)| number_of(checksum) == Some(u64::from(crc32fast::hash(checked)));
    let right = text.as_bytes().split_last_chunk().is_some_and(checksum_is_right);
    !right && shape(text) == KeyShape::WrongChecksum
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
    let (checked, checksum) = text.split_at(text.len() - CHECKSUM_LEN);
    if checksum.as_bytes() != checksum_of(checked.as_bytes()) {
        return Some(KeyShape::WrongChecksum);
    }
    Some(KeyShape::Generated { kind, environment, id: &body[..ID_LEN] })
}

/// Writes the text of a key from its parts and `random` bytes, of which 44 are used up to make the id and the secret.
///
/// `random` must yield uniform bytes of a cryptographic source; bytes of 248 and above are passed over, so that every
/// base62 digit is equally likely. `None` if it ends too early.
pub fn compose(
    vendor: Option<&str>,
    kind: Kind,
    environment: Environment,
    random: impl IntoIterator<Item = u8>,
) -> Option<String> {
    let mut digits = random.into_iter().filter(|&b| b < 248).map(|b| char::from(BASE62[usize::from(b % 62)]));
    let mut text = vendor.map(|vendor| format!("{vendor}_")).unwrap_or_default();
    text.push_str(kind.prefix());
    text.push('_');
    text.push_str(environment.name());
    text.push('_');
    let fixed = text.len();
    text.extend(digits.by_ref().take(ID_LEN + SECRET_LEN));
    if text.len() != fixed + ID_LEN + SECRET_LEN {
        return None;
    }
    let checksum = checksum_of(text.as_bytes());
    text.extend(checksum.map(char::from));
    Some(text)
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

/// The number that a checksum writes: reading it takes less than writing another to compare.
fn number_of(checksum: &[u8; CHECKSUM_LEN]) -> Option<u64> {
    const NO_DIGIT: u8 = u8::MAX;
    const VALUES: [u8; 256] = {
        let mut values = [NO_DIGIT; 256];
        let mut value = 0;
        while value < BASE62.len() {
            values[BASE62[value] as usize] = value as u8;
            value += 1;
        }
        values
    };
    let values = checksum.map(|digit| VALUES[usize::from(digit)]);
    let number = values.iter().fold(0, |number, &value| number * 62 + u64::from(value));
    (!values.contains(&NO_DIGIT)).then_some(number)
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
        }

        #[test]
        fn one_changed_character_is_noticed(random in proptest::collection::vec(0u8..248, 44), at in 8usize..58, to in "[0-9A-Za-z]") {
            let text = compose(None, Kind::Secret, Environment::Live, random).unwrap();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(shape(&changed) == KeyShape::WrongChecksum, changed != text);
            prop_assert_eq!(is_mistyped(&changed), changed != text);
        }

        #[test]
        fn any_text_has_a_shape(text in "\\PC{0,80}") {
            prop_assert_eq!(is_mistyped(&text), shape(&text) == KeyShape::WrongChecksum);
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
