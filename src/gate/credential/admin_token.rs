//! The token by which an operator manages keys: `keygate_at_` + 12 base62 of id + 32 base62 of secret + 6 base62 of CRC-32 over all before.
//!
//! Made like a key and kept like one, as a digest alone; it opens the management API and nothing else.

use ring::digest;
use subtle::ConstantTimeEq as _;

use super::base62::{self, BODY_LEN, ID_LEN};

const PREFIX: &str = "keygate_at_";

/// The text of a token. Cannot be printed.
pub struct AdminToken(String);

impl AdminToken {
    /// Reads a token; `None` of any other text, and of one with a wrong checksum.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?;
        let is_one = body.len() == BODY_LEN && body.bytes().all(|b| b.is_ascii_alphanumeric());
        (is_one && base62::is_checked(text.as_bytes())).then(|| Self(text.to_owned()))
    }

    /// Makes a token of uniform bytes of a cryptographic source, of which those of 248 and above are passed over. `None` if they end
    /// before there are 44 others.
    #[must_use]
    pub fn compose(random: impl IntoIterator<Item = u8>) -> Option<Self> {
        base62::complete(PREFIX.to_owned(), random).map(Self)
    }

    /// The id of the operator, which is no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.get(PREFIX.len()..PREFIX.len() + ID_LEN).unwrap_or_default()
    }

    /// SHA-256 of the text: what is kept of it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref());
        bytes
    }

    /// Whether it is the token that `digest` was kept of; takes as long for any other.
    #[must_use]
    pub fn is(&self, digest: &[u8; 32]) -> bool {
        self.digest().ct_eq(digest).into()
    }

    /// The text, for whoever it was made for.
    #[must_use]
    pub fn reveal(self) -> String {
        self.0
    }
}

impl std::fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AdminToken({}…)", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::credential::{KeyShape, shape};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reading_what_was_made_is_identity(random in proptest::collection::vec(any::<u8>(), 80)) {
            let token = AdminToken::compose(random).unwrap();
            let (id, digest) = (token.id().to_owned(), token.digest());
            let printed = format!("{token:?}");
            let text = token.reveal();
            prop_assert_eq!(text.len(), 61);
            let beginning = format!("keygate_at_{id}");
            prop_assert!(text.starts_with(&beginning) && id.len() == ID_LEN);
            let again = AdminToken::parse(&text).unwrap();
            prop_assert!(again.id() == id && again.is(&digest));
            prop_assert!(!printed.contains(&text[23..]), "{}", printed);
            prop_assert_eq!(shape(&text), KeyShape::Foreign, "no key");
        }

        #[test]
        fn one_changed_character_is_noticed(random in proptest::collection::vec(0u8..248, 44), at in 0usize..61, to in "[ -~]") {
            let text = AdminToken::compose(random).unwrap().reveal();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(AdminToken::parse(&changed).is_some(), changed == text);
        }
    }

    #[test]
    fn nothing_else_is_a_token() {
        let text = AdminToken::compose([1; 44]).unwrap().reveal();
        for other in ["", "keygate_at_", &text[1..], &text[..60], &format!("{text}0"), &format!(" {text}"), &text.to_uppercase()]
        {
            assert!(AdminToken::parse(other).is_none(), "{other}");
        }
        assert!(AdminToken::compose([255; 100]).is_none() && AdminToken::compose([1; 43]).is_none());
        let other = AdminToken::compose([2; 44]).unwrap();
        assert!(!other.is(&AdminToken::parse(&text).unwrap().digest()));
    }
}
