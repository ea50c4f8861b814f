//! Containment and intersection against brute force: all patterns over a small alphabet, and all names that could tell them apart.
//!
//! The patterns have up to three segments of `a`, `b` and `*`. Names have up to four segments of `a`, `b` and `c`, which no pattern
//! names: whatever two patterns match differently, they match differently in such a name.

use std::sync::LazyLock;

use keygate::gate::capability::{AdminRights, Capabilities, Channel, Operation, Operations, Pattern};
use proptest::prelude::*;

use super::{model, read};

struct Universe {
    patterns: Vec<Pattern>,
    channels: Vec<String>,
    /// For each pattern, which channels it matches, by the model.
    matched: Vec<Vec<bool>>,
}

static UNIVERSE: LazyLock<Universe> = LazyLock::new(|| {
    let names = |segments: &[&str], longest, prefixes: &[&str]| -> Vec<String> {
        let names = model::names(segments, longest);
        prefixes.iter().flat_map(|prefix| names.iter().map(move |name| format!("{prefix}{name}"))).collect()
    };
    let texts = names(&["a", "b", "*"], 3, &["", "[queue]", "[*]"]);
    let channels = names(&["a", "b", "c"], 4, &["", "[queue]", "[meta]"]);
    let matched = texts.iter().map(|pattern| channels.iter().map(|channel| model::matches(pattern, channel)).collect()).collect();
    Universe { patterns: texts.iter().map(|text| Pattern::parse(text).expect("a pattern")).collect(), channels, matched }
});

impl Universe {
    fn channels(&self) -> impl Iterator<Item = Channel<'_>> {
        self.channels.iter().map(|channel| Channel::parse(channel).expect("a channel"))
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let all = 0..self.patterns.len();
        all.clone().flat_map(move |one| all.clone().map(move |other| (one, other)))
    }
}

#[test]
fn a_pattern_matches_what_the_model_says() {
    for (pattern, matched) in UNIVERSE.patterns.iter().zip(&UNIVERSE.matched) {
        for (channel, &expected) in UNIVERSE.channels().zip(matched) {
            assert_eq!(pattern.matches(&channel), expected, "{pattern} of {channel:?}");
        }
    }
}

#[test]
fn a_pattern_contains_another_that_matches_nothing_else() {
    for (one, other) in UNIVERSE.pairs() {
        let expected = UNIVERSE.matched[one].iter().zip(&UNIVERSE.matched[other]).all(|(one, other)| *one || !other);
        let (one, other) = (&UNIVERSE.patterns[one], &UNIVERSE.patterns[other]);
        assert_eq!(one.contains(other), expected, "{one} of {other}");
    }
}

#[test]
fn an_intersection_matches_what_both_match() {
    for (one, other) in UNIVERSE.pairs() {
        let both: Vec<_> =
            UNIVERSE.matched[one].iter().zip(&UNIVERSE.matched[other]).map(|(one, other)| *one && *other).collect();
        let (one, other) = (&UNIVERSE.patterns[one], &UNIVERSE.patterns[other]);
        let common = one.intersect(other);
        let matched = |channel: Channel<'_>| common.as_ref().is_some_and(|common| common.matches(&channel));
        assert!(UNIVERSE.channels().map(matched).eq(both), "{one} and {other}: {common:?}");
        let read_again = common.as_ref().map(|common| Pattern::parse(common.as_str()));
        assert_eq!(read_again, common.clone().map(Ok), "what is made can be written");
        assert_eq!(common.is_some(), UNIVERSE.channels().any(matched), "{one} and {other}");
    }
}

/// What two patterns have in common is said once: not again of what is held whole already.
#[test]
fn an_intersection_says_nothing_twice() {
    let (wide, narrow) = (read(r#"{"*:b":["subscribe"],"a:*":["subscribe"]}"#), read(r#"{"a:*":["subscribe"]}"#));
    for (one, other) in [(&wide, &narrow), (&narrow, &wide)] {
        assert_eq!(one.intersect(other).as_ref(), Some(&narrow));
    }
}

/// The one union that is more than each of its parts: of the three namespaces, `[*]` is made.
#[test]
fn the_three_namespaces_together_contain_every_one() {
    let parts = ["a:*", "[queue]a:*", "[meta]*"].map(|text| Pattern::parse(text).expect("a pattern"));
    let set = |patterns: &[Pattern]| {
        let subscribe = Operations::NONE.with(Operation::Subscribe);
        Capabilities::new(patterns.iter().map(|pattern| (pattern.clone(), subscribe)), AdminRights::None)
    };
    let every = set(&[Pattern::parse("[*]a:b").expect("a pattern")]);
    assert!(set(&parts).contains(&every));
    assert!(!set(&parts[..2]).contains(&every) && !set(&parts[1..]).contains(&every) && !every.contains(&set(&parts)));
}

/// Two operations, so that one pattern can be wide in one and another in the other.
fn sets() -> impl Strategy<Value = Capabilities> {
    let operations = [[Operation::Subscribe].as_slice(), &[Operation::Publish], &[Operation::Subscribe, Operation::Publish]];
    let operations = proptest::sample::select(operations.map(|set| set.iter().copied().collect::<Operations>()).to_vec());
    let pattern = proptest::sample::select(&UNIVERSE.patterns[..]);
    proptest::collection::vec((pattern, operations), 0..6).prop_map(|entries| Capabilities::new(entries, AdminRights::None))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_set_holds_what_its_patterns_hold(set in sets()) {
        for (channel, text) in UNIVERSE.channels().zip(&UNIVERSE.channels) {
            let matching = set.entries().iter().filter(|(pattern, _)| model::matches(pattern.as_str(), text));
            let expected = matching.fold(Operations::NONE, |held, (_, operations)| held.union(*operations));
            prop_assert_eq!(set.on(&channel), expected, "{} on {}", set, text);
            prop_assert!(set.anywhere().contains_all(expected));
        }
        let plain = UNIVERSE.channels().zip(&UNIVERSE.channels).filter(|(_, text)| !text.starts_with('['));
        let everywhere = plain.fold(Operations::ALL, |held, (channel, _)| held.intersection(set.on(&channel)));
        prop_assert_eq!(set.everywhere(), everywhere, "{}", set);
    }

    #[test]
    fn a_set_contains_another_that_holds_nothing_else(one in sets(), other in sets()) {
        let expected = UNIVERSE.channels().all(|channel| one.on(&channel).contains_all(other.on(&channel)));
        prop_assert_eq!(one.contains(&other), expected, "{} of {}", one, other);
        prop_assert!(one.contains(&one) && Capabilities::everything().contains(&one));
    }

    /// Random sets are seldom contained in one another. A set that has lost something always is, and then one that has it all is not.
    #[test]
    fn a_set_contains_its_parts(one in sets(), lost in any::<proptest::sample::Index>()) {
        let mut entries = one.entries().to_vec();
        if !entries.is_empty() {
            entries.remove(lost.index(entries.len()));
        }
        let part = Capabilities::new(entries, AdminRights::None);
        let same = UNIVERSE.channels().all(|channel| one.on(&channel) == part.on(&channel));
        prop_assert!(one.contains(&part));
        prop_assert_eq!(part.contains(&one), same, "{} of {}", part, one);
    }

    #[test]
    fn an_intersection_of_sets_holds_what_both_hold(one in sets(), other in sets()) {
        let common = one.intersect(&other).unwrap_or_default();
        for channel in UNIVERSE.channels() {
            prop_assert_eq!(common.on(&channel), one.on(&channel).intersection(other.on(&channel)), "{} and {}", one, other);
        }
        prop_assert_eq!(&common, &other.intersect(&one).unwrap_or_default());
        prop_assert!(one.contains(&common) && other.contains(&common));
        prop_assert_eq!(&one.intersect(&one).unwrap_or_default(), &one);
        prop_assert_eq!(&one.intersect(&Capabilities::everything()).unwrap_or_default(), &one);
    }
}
