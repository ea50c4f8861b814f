//! The id of a key as its record keeps it: within the record where it is short, as generated ids are, so that whoever looks for a key
//! by its id finds it there, and a million keys have no million pieces of memory for their ids. Knows nothing of what may be an id.

use std::{fmt, ops::Deref};

/// A text. Up to [`KeyId::WITHIN`] bytes of it take no memory of their own.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyId(Kept);

/// A text of one length is always kept in one way, so that equal texts are kept equally.
#[derive(Clone, PartialEq, Eq)]
enum Kept {
    /// What is behind `len` is zeros.
    Within { len: u8, bytes: [u8; KeyId::WITHIN] },
    /// A box in a box is one word.
    Apart(Box<Box<str>>),
}

impl KeyId {
    /// Generated ids have 12 bytes; with these the whole takes two words.
    pub const WITHIN: usize = 14;

    /// Its bytes: less work than the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Kept::Within { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Kept::Apart(text) => text.as_bytes(),
        }
    }
}

impl From<&str> for KeyId {
    fn from(text: &str) -> Self {
        let mut bytes = [0; Self::WITHIN];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(text.as_bytes());
                Self(Kept::Within { len, bytes })
            }
            _ => Self(Kept::Apart(Box::new(text.into()))),
        }
    }
}

impl Deref for KeyId {
    type Target = str;

    fn deref(&self) -> &str {
        // Bytes that were a text are one.
        match &self.0 {
            Kept::Within { .. } => str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Kept::Apart(text) => text,
        }
    }
}

impl From<&KeyId> for Box<str> {
    fn from(id: &KeyId) -> Self {
        Self::from(&**id)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_takes_two_words() {
        assert_eq!(size_of::<KeyId>(), 2 * size_of::<usize>());
    }

    proptest! {
        #[test]
        fn it_is_the_text_of_whatever_length(one in "[a-cé\0]{0,20}", other in "[a-cé\0]{0,3}") {
            let (id, another) = (KeyId::from(&*one), KeyId::from(&*other));
            prop_assert_eq!((&*id, id.as_bytes()), (&*one, one.as_bytes()));
            prop_assert_eq!(format!("{id} {id:?}"), format!("{one} {one:?}"));
            prop_assert_eq!(id == another, one == other);
            prop_assert!(another == KeyId::from(&*other) && another.clone() == another);
        }
    }
}
