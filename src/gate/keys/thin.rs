//! What many keys have in common, kept once, with one word in each of them.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

/// A text or a list that many keys share. An `Arc<str>` or an `Arc<[_]>` would take two words in each; this takes one, and one step
/// more on the way to what it holds.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thin<T: ?Sized>(Arc<Kept<T>>);

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Kept<T: ?Sized> {
    value: Box<T>,
}

impl<T: ?Sized> Thin<T> {
    /// Whether both are kept in one place.
    #[must_use]
    pub fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: ?Sized> Clone for Thin<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized> Deref for Thin<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

/// So that a set of them is asked with what they hold. Equal values have equal hashes, for a struct of one field is hashed as that
/// field, and a box as what is in it.
impl<T: ?Sized> Borrow<T> for Thin<T> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T: ?Sized> From<Box<T>> for Thin<T> {
    fn from(value: Box<T>) -> Self {
        Self(Arc::new(Kept { value }))
    }
}

impl From<&str> for Thin<str> {
    fn from(text: &str) -> Self {
        Box::<str>::from(text).into()
    }
}

impl<T> FromIterator<T> for Thin<[T]> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        items.into_iter().collect::<Box<[T]>>().into()
    }
}

impl<T> Default for Thin<[T]> {
    fn default() -> Self {
        Box::<[T]>::default().into()
    }
}

impl fmt::Display for Thin<str> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_set_is_asked_with_what_is_in_it() {
        let names = HashSet::from([Thin::<str>::from("demo"), "chat".into()]);
        assert!(names.get("demo").is_some_and(|name| **name == *"demo") && !names.contains("dem"));
        let lists = HashSet::from([Thin::from_iter([1, 2]), Thin::default()]);
        assert!(lists.contains(&[1, 2][..]) && lists.contains(&[][..]) && !lists.contains(&[2][..]));
    }

    #[test]
    fn it_takes_one_word() {
        assert_eq!((size_of::<Thin<str>>(), size_of::<Thin<[u8]>>()), (size_of::<usize>(), size_of::<usize>()));
    }
}
