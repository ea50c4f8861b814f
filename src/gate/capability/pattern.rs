//! Patterns of resources, as a capability names them (Ably docs, auth/capabilities, "Resource names and wildcards").
//!
//! A name is its segments, split at `:`; an empty segment is one too. A segment that is exactly `*` stands for any one segment, as
//! the last one for one or more; anything else is literal, `foo*` included.
//!
//! **Why containment can be decided segment by segment.** There are more segments than any pattern names. So to every pattern belong
//! names that put a segment of nobody's into each place of a `*`, and any number of those into a last one. A pattern that matches
//! such a name has a `*` in each of these places, and a last `*` where the other has one, for else it ends in a literal; and then it
//! matches all that the other does. The same name shows that **no union of patterns contains what no single one of them does**, as
//! long as they speak of one namespace; `[*]a` is the union of `a`, `[queue]a` and `[meta]a`, and has to be taken apart first.
//! All this is about names of any length: that real ones end at 512 bytes can only make `contains` too cautious.

use std::fmt;

use super::{Channel, Namespace, channel};

/// A pattern. Compares and sorts as its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern {
    text: Box<str>,
    /// `None` is all of them: `[*]`.
    namespace: Option<Namespace>,
}

const EVERY: &str = "[*]";

impl Pattern {
    /// Reads a pattern: `chat:*`, `chat:*:typing`, `[queue]*`, `[*]*`.
    ///
    /// # Errors
    /// What is wrong with the text, for whoever wrote it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let namespace = if text.starts_with(EVERY) {
            None
        } else {
            let prefixed = [Namespace::Queue, Namespace::Meta].into_iter().find(|namespace| text.starts_with(namespace.prefix()));
            Some(prefixed.unwrap_or(Namespace::Plain))
        };
        let pattern = Self { text: text.into(), namespace };
        if text.is_empty() {
            return Err("must not be empty; every channel is `*`");
        }
        if pattern.name().is_empty() {
            return Err("must go on behind its prefix: all queues, for instance, are `[queue]*`");
        }
        if pattern.name().starts_with('[') {
            return Err("may begin with `[` only as `[queue]`, `[meta]` or `[*]`, and once");
        }
        channel::check(text, pattern.name())?;
        Ok(pattern)
    }

    /// `*`: every channel, and neither queues nor meta channels.
    #[must_use]
    pub fn every_channel() -> Self {
        Self { text: "*".into(), namespace: Some(Namespace::Plain) }
    }

    /// `[*]*`: every channel, every queue and every meta channel.
    #[must_use]
    pub fn everything() -> Self {
        Self { text: "[*]*".into(), namespace: None }
    }

    /// The text that was read.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a `*` stands in it that is no whole segment, and therefore nothing but a character: seldom what was meant.
    #[must_use]
    pub fn has_literal_star(&self) -> bool {
        self.name().split(':').any(|segment| segment.contains('*') && segment != "*")
    }

    /// Whether it matches `channel`.
    #[must_use]
    pub fn matches(&self, channel: &Channel<'_>) -> bool {
        let mut given = channel.name().split(':');
        self.is_in(channel.namespace())
            && self.fixed().all(|own| given.next().is_some_and(|segment| covers(own, segment)))
            && given.next().is_some() == self.is_open()
    }

    /// Whether it matches every channel that `other` does. Exact, but see [`Capabilities::contains`](super::Capabilities::contains)
    /// for several patterns together.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.namespaces().all(|namespace| self.is_in(namespace)) && self.contains_names(other)
    }

    /// The pattern of exactly what both match; `None` where that is nothing.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let namespace = match (self.namespace, other.namespace) {
            (None, namespace) | (namespace, None) => namespace,
            (one, other) => Some(one.filter(|_| one == other)?),
        };
        let mut text = namespace.map_or(EVERY, Namespace::prefix).to_owned();
        let mut push = |segment: &str, is_first: bool| {
            text.push_str(if is_first { "" } else { ":" });
            text.push_str(segment);
        };
        let (mut one, mut other_one) = (self.fixed(), other.fixed());
        let mut is_first = true;
        loop {
            let segment = match (one.next(), other_one.next()) {
                (None, None) => break,
                (Some(own), Some(other)) if covers(own, other) => other,
                (Some(own), Some(other)) if covers(other, own) => own,
                // The shorter goes on as far as its last `*` does.
                (Some(own), None) if other.is_open() => own,
                (None, Some(other)) if self.is_open() => other,
                _ => return None,
            };
            push(segment, is_first);
            is_first = false;
        }
        let open = match (self.is_open(), other.is_open()) {
            (true, true) => true,
            (false, false) => false,
            // A last `*` wants a segment more.
            (true, false) if self.fixed().count() < other.fixed().count() => false,
            (false, true) if other.fixed().count() < self.fixed().count() => false,
            _ => return None,
        };
        if open {
            push("*", is_first);
        }
        Some(Self { text: text.into(), namespace })
    }

    /// The namespaces that it speaks of.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = Namespace> {
        Namespace::ALL.into_iter().filter(|&namespace| self.is_in(namespace))
    }

    /// Whether it speaks of `namespace`.
    pub(super) fn is_in(&self, namespace: Namespace) -> bool {
        self.namespace.is_none_or(|own| own == namespace)
    }

    /// [`Pattern::contains`] for two patterns of one namespace.
    pub(super) fn contains_names(&self, other: &Self) -> bool {
        let mut others = other.fixed();
        if !self.fixed().all(|own| others.next().is_some_and(|segment| covers(own, segment))) {
            return false;
        }
        let is_longer = others.next().is_some();
        match (self.is_open(), other.is_open()) {
            (true, true) => true,
            (true, false) => is_longer,
            (false, false) => !is_longer,
            (false, true) => false,
        }
    }

    /// Its segments but for a last `*`.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &str> {
        let fixed = match self.name() {
            "*" => None,
            name => Some(name.strip_suffix(":*").unwrap_or(name)),
        };
        fixed.into_iter().flat_map(|fixed| fixed.split(':'))
    }

    /// Whether it ends in `*`.
    pub(super) fn is_open(&self) -> bool {
        let name = self.name();
        name == "*" || name.ends_with(":*")
    }

    fn name(&self) -> &str {
        &self.text[self.namespace.map_or(EVERY, Namespace::prefix).len()..]
    }
}

/// Whether the segment `own` of a pattern stands for `other`, a segment of a name or of a pattern.
fn covers(own: &str, other: &str) -> bool {
    own == "*" || own == other
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matches_nothing_cannot_be_written() {
        for text in [
            "",
            ":a",
            "[",
            "[a]b",
            "[queue]",
            "[meta]",
            "[*]",
            "[*]:a",
            "[queue][meta]a",
            "[*][*]*",
            "[Queue]*",
            "a\nb",
            "\u{7f}",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text:?}");
        }
        assert!(Pattern::parse(&"a".repeat(513)).is_err());
        for text in ["*", "**", "foo*", "*:*", "a:*:b", "a::b", "a:", "[queue]*", "[meta]a:*", "[*]*", "[*]a", "*]", "é:*"] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_star_inside_a_segment_is_noticed() {
        let has = |text| Pattern::parse(text).unwrap().has_literal_star();
        assert!(["foo*", "a:b*:c", "**", "[queue]a*", "*a:*"].into_iter().all(has));
        assert!(!["*", "a:*", "*:*", "[*]*", "a"].into_iter().any(has));
    }

    #[test]
    fn two_patterns_that_are_well_known() {
        assert_eq!(Pattern::parse("*"), Ok(Pattern::every_channel()));
        assert_eq!(Pattern::parse("[*]*"), Ok(Pattern::everything()));
    }
}
