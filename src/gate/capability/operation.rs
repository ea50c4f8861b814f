//! Ably's vocabulary of operations (Ably docs, auth/capabilities), and `admin` for a backend's management routes.

use std::{borrow::Cow, fmt};

macro_rules! operations {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// One thing a key may be allowed to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Operation { $($variant),+ }

        impl Operation {
            /// Every operation, in the order of Ably's documentation, `admin` last.
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
    Admin = "admin",
}

impl Operation {
    /// The operation of this name; `None` where there is no such operation.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.name() == name)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Operations(u32);

impl Operations {
    /// No operation at all.
    pub const NONE: Self = Self(0);
    /// Ably's `*`: everything that can be done on a channel. `admin` is not among them.
    pub const CHANNEL: Self = Self((1 << Operation::Admin as u32) - 1);
    /// Everything, `admin` included: what a secret key may do unless told less.
    pub const EVERYTHING: Self = Self((1 << (Operation::Admin as u32 + 1)) - 1);

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

    /// The set's [`Display`](fmt::Display), without making it anew for the sets that nearly every key has.
    #[must_use]
    pub fn canonical(self) -> Cow<'static, str> {
        const SUBSCRIBE: Operations = Operations::NONE.with(Operation::Subscribe);
        match self {
            Self::EVERYTHING => r#"{"*":["*","admin"]}"#.into(),
            Self::CHANNEL => r#"{"*":["*"]}"#.into(),
            SUBSCRIBE => r#"{"*":["subscribe"]}"#.into(),
            other => other.to_string().into(),
        }
    }

    /// The operations of the set, in [`Operation::ALL`]'s order.
    pub fn iter(self) -> impl Iterator<Item = Operation> {
        Operation::ALL.iter().copied().filter(move |&operation| self.contains(operation))
    }
}

/// As Ably's capability JSON for every channel, `{"*":["publish","subscribe"]}`: sorted, no white space
/// (Ably docs, token request spec, "canonical text"). All operations of a channel are `*`.
impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = if self.contains_all(Self::CHANNEL) {
            std::iter::once("*").chain(self.contains(Operation::Admin).then_some("admin")).collect()
        } else {
            self.iter().map(Operation::name).collect()
        };
        names.sort_unstable();
        write!(f, r#"{{"*":["{}"]}}"#, names.join(r#"",""#))
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
        assert_eq!(Operation::from_name("Subscribe"), None);
        assert_eq!(Operation::from_name("*"), None);
    }

    #[test]
    fn the_star_of_a_channel_never_implies_admin() {
        assert!(!Operations::CHANNEL.contains(Operation::Admin));
        assert!(Operations::EVERYTHING.contains(Operation::Admin));
        assert!(Operations::EVERYTHING.contains_all(Operations::CHANNEL));
        assert_eq!(Operations::CHANNEL.iter().count(), 17);
    }

    #[test]
    fn capability_text_is_canonical() {
        let some = Operations::NONE.with(Operation::Subscribe).with(Operation::Publish);
        assert_eq!(some.to_string(), r#"{"*":["publish","subscribe"]}"#);
        for set in [Operations::EVERYTHING, Operations::CHANNEL, Operations::NONE.with(Operation::Subscribe), some] {
            assert_eq!(set.canonical(), set.to_string());
        }
        assert_eq!(Operations::CHANNEL.to_string(), r#"{"*":["*"]}"#);
        assert_eq!(Operations::EVERYTHING.to_string(), r#"{"*":["*","admin"]}"#);
    }
}
