//! The name of the application that keys belong to.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

/// An application's name, kept once for all of its keys: one word in each of them, where an `Arc<str>` would take two.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppName(Arc<Name>);

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Name {
    text: Box<str>,
}

impl From<&str> for AppName {
    fn from(text: &str) -> Self {
        Self(Arc::new(Name { text: text.into() }))
    }
}

impl Deref for AppName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.text
    }
}

/// So that a set of names is asked with a text. The hash is that of the text, as a `str` of a struct of one field has it.
impl Borrow<str> for AppName {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl AppName {
    /// Whether both are kept in one place.
    #[must_use]
    pub fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_set_of_names_is_asked_with_a_text() {
        let set = HashSet::from([AppName::from("demo"), AppName::from("chat")]);
        assert!(set.get("demo").is_some_and(|name| **name == *"demo") && !set.contains("dem"));
    }

    #[test]
    fn a_name_takes_one_word() {
        assert_eq!(size_of::<AppName>(), size_of::<usize>());
    }
}
