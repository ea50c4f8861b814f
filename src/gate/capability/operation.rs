//! Ably's vocabulary of operations on channels, and sets of them (Ably docs, auth/capabilities, "Capability operations").

use std::fmt;

macro_rules! operations {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// One thing that a key may be allowed to do on a channel.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Operation { $($variant),+ }

        impl Operation {
            /// Every operation, in the order of Ably's documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in configuration, logs and headers.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

operations! {
    Subscribe = "subscribe",
    Publish = "publish",
    Presence = "presence",
    ObjectSubscribe = "object-subscribe",
    ObjectPublish = "object-publish",
    AnnotationSubscribe = "annotation-subscribe",
    AnnotationPublish = "annotation-publish",
    MessageUpdateOwn = "message-update-own",
    MessageUpdateAny = "message-update-any",
    MessageDeleteOwn = "message-delete-own",
    MessageDeleteAny = "message-delete-any",
    History = "history",
    Stats = "stats",
    PushSubscribe = "push-subscribe",
    PushAdmin = "push-admin",
    ChannelMetadata = "channel-metadata",
    PrivilegedHeaders = "privileged-headers",
}

impl Operation {
    /// The operation of this name; `None` where there is no such operation.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.name() == name)
    }
}

/// A set of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Operations(u32);

impl Operations {
    /// No operation at all.
    pub const NONE: Self = Self(0);
    /// Ably's `*`: everything that can be done on a channel.
    pub const ALL: Self = Self((1 << Operation::ALL.len()) - 1);

    /// This set with `operation` in it.
    #[must_use]
    pub const fn with(self, operation: Operation) -> Self {
        Self(self.0 | 1 << operation as u32)
    }

    /// What is in this set or in `other`.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and in `other`.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is nothing in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `operation` is in the set.
    #[must_use]
    pub const fn contains(self, operation: Operation) -> bool {
        self.0 & (1 << operation as u32) != 0
    }

    /// Whether every operation of `other` is in this set too.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The operations of the set, in [`Operation::ALL`]'s order.
    pub fn iter(self) -> impl Iterator<Item = Operation> {
        Operation::ALL.iter().copied().filter(move |&operation| self.contains(operation))
    }

    /// The names as a capability lists them, sorted; `*` alone where all are there (Ably docs, token request spec, "canonicalisation").
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = self == Self::ALL;
        let mut names: Vec<_> = if all { vec!["*"] } else { self.iter().map(Operation::name).collect() };
        names.sort_unstable();
        names.into_iter()
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        operations.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The names, with commas between them, for people.
impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_finds_its_operation_and_no_other_does() {
        for &operation in Operation::ALL {
            assert_eq!(Operation::from_name(operation.name()), Some(operation));
        }
        for name in ["Subscribe", "*", "admin", ""] {
            assert_eq!(Operation::from_name(name), None);
        }
    }

    #[test]
    fn all_is_every_operation() {
        assert_eq!(Operation::ALL.len(), 17);
        assert_eq!(Operation::ALL.iter().copied().collect::<Operations>(), Operations::ALL);
        assert_eq!(Operations::ALL.iter().count(), 17);
    }

    #[test]
    fn names_are_sorted_and_all_of_them_are_a_star() {
        let some = Operations::NONE.with(Operation::Subscribe).with(Operation::Publish);
        assert_eq!(some.to_string(), "publish, subscribe");
        assert_eq!(Operations::ALL.to_string(), "*");
        assert_eq!(Operations::NONE.to_string(), "");
    }
}
