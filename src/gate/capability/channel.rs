//! What a request names: a channel, a queue or a meta channel. A name is never a pattern: a `*` in it is a character like others.

/// Which of Ably's three kinds of resources a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Namespace {
    /// A channel.
    Plain,
    /// `[queue]…`.
    Queue,
    /// `[meta]…`: a channel about channels.
    Meta,
}

impl Namespace {
    /// All three, each at the place of its number.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Queue, Self::Meta];

    /// What stands in front of a name of it.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Queue => "[queue]",
            Self::Meta => "[meta]",
        }
    }
}

/// One resource, borrowed from the request that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel<'a> {
    namespace: Namespace,
    name: &'a str,
}

/// The longest name, its prefix included. Ably sets no limit; this one bounds what a request can make the gate look at.
pub(super) const MAX_BYTES: usize = 512;

impl<'a> Channel<'a> {
    /// Reads a resource: `chat:room:1`, `[queue]appid-name`, `[meta]log`. Names are compared byte for byte. By Ably's rules a name
    /// is not empty, does not begin with `[` or `:` and has no line break (Ably docs, channels); here it has no other control
    /// character either, and at most 512 bytes.
    ///
    /// # Errors
    /// What is wrong with the text, for whoever wrote it.
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        let namespace = if text.starts_with("[queue]") {
            Namespace::Queue
        } else if text.starts_with("[meta]") {
            Namespace::Meta
        } else {
            Namespace::Plain
        };
        let name = &text[namespace.prefix().len()..];
        check(text, name)?;
        if name.starts_with('[') {
            return Err("begins with `[`, as only `[queue]` and `[meta]` do");
        }
        Ok(Self { namespace, name })
    }

    /// The kind of resource.
    #[must_use]
    pub const fn namespace(&self) -> Namespace {
        self.namespace
    }

    /// The name, without its prefix.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }
}

/// What holds of names and of patterns alike, but for `[`. `text` is the whole, `name` what is behind the prefix.
pub(super) fn check(text: &str, name: &str) -> Result<(), &'static str> {
    if text.len() > MAX_BYTES {
        return Err("must be at most 512 bytes");
    }
    let has_control =
        if text.is_ascii() { text.bytes().any(|b| b.is_ascii_control()) } else { text.chars().any(char::is_control) };
    match name.bytes().next() {
        _ if has_control => Err("must not hold control characters"),
        None if text.is_empty() => Err("must not be empty"),
        None => Err("must have a name behind its prefix"),
        Some(b':') => Err("must not begin with `:`, as no channel does"),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_namespace() {
        let read = |text| Channel::parse(text).map(|channel| (channel.namespace(), channel.name()));
        assert_eq!(read("chat:room:1"), Ok((Namespace::Plain, "chat:room:1")));
        assert_eq!(read("[queue]appid-name"), Ok((Namespace::Queue, "appid-name")));
        assert_eq!(read("[meta]channel.lifecycle"), Ok((Namespace::Meta, "channel.lifecycle")));
        for name in ["*", "foo*", "a::b", "a:", "a[0]", "Grüße", " a ", "\"", "queue]x"] {
            assert_eq!(read(name), Ok((Namespace::Plain, name)));
        }
    }

    #[test]
    fn what_ably_allows_no_channel_to_be_called_is_refused() {
        assert_eq!(Channel::parse(""), Err("must not be empty"));
        assert_eq!(Channel::parse("[meta]"), Err("must have a name behind its prefix"));
        for text in [
            "",
            ":",
            ":a",
            "[",
            "[a",
            "[a]b",
            "[*]*",
            "[Queue]a",
            "[?rewind=1]a",
            "[queue]",
            "[meta]",
            "[queue]:a",
            "[queue][meta]a",
            "a\nb",
            "a\0",
            "a\u{7f}",
            "ä\u{85}",
        ] {
            assert!(Channel::parse(text).is_err(), "{text:?}");
        }
        assert!(Channel::parse(&"a".repeat(512)).is_ok());
        assert!(Channel::parse(&"a".repeat(513)).is_err());
    }
}
