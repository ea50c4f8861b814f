//! What is held on a channel is what the naive model says, whatever the patterns; and what one pattern says of another is so.
#![no_main]

#[path = "../../tests/decision/capability/model.rs"]
mod model;

use keygate::gate::capability::{AdminRights, Capabilities, Channel, Operation, Operations, Pattern};
use libfuzzer_sys::fuzz_target;

/// Few words, so that patterns and names meet.
const WORDS: [&str; 16] = ["a", "b", "aa", "*", ":", ":", ":*", "[", "[queue]", "[meta]", "[*]", "é", "\t", "\n", "\n", "chat"];

fuzz_target!(|input: &[u8]| {
    let Some((&how, rest)) = input.split_first() else { return };
    let text = if how % 2 == 0 {
        String::from_utf8_lossy(rest).into_owned()
    } else {
        rest.iter().map(|byte| WORDS[usize::from(byte % 16)]).collect()
    };
    let mut lines = text.split('\n');
    let Some(Ok(channel)) = lines.next().map(Channel::parse) else { return };
    let name = format!("{}{}", channel.namespace().prefix(), channel.name());
    let patterns: Vec<_> = lines.filter_map(|line| Pattern::parse(line).ok()).collect();
    let operation = |at: usize| Operations::NONE.with(Operation::ALL[at % Operation::ALL.len()]);
    let all = Capabilities::new(patterns.iter().cloned().zip((0..).map(operation)), AdminRights::None);
    let mut expected = Operations::NONE;
    for (at, pattern) in patterns.iter().enumerate() {
        let matches = model::matches(pattern.as_str(), &name);
        assert_eq!(pattern.matches(&channel), matches, "{pattern:?} of {name:?}");
        expected = expected.union(if matches { operation(at) } else { Operations::NONE });
    }
    assert_eq!(all.on(&channel), expected, "{all} on {name:?}");
    assert!(all.on(&channel).contains_all(all.everywhere()) || name.starts_with('['));
    assert!(all.canonical().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{all}");
    for (one, other) in patterns.iter().take(8).flat_map(|one| patterns.iter().take(8).map(move |other| (one, other))) {
        let both = one.matches(&channel) && other.matches(&channel);
        let common = one.intersect(other);
        assert_eq!(common.as_ref().is_some_and(|common| common.matches(&channel)), both, "{one} and {other} of {name:?}");
        assert!(common.is_none_or(|common| one.contains(&common) && other.contains(&common)));
        assert!(
            !one.contains(other) || !other.matches(&channel) || one.matches(&channel),
            "{one} contains {other}, but {name:?}"
        );
    }
    let (some, rest) = all.entries().split_at(all.entries().len() / 2);
    let [some, rest] = [some, rest].map(|entries| Capabilities::new(entries.iter().cloned(), AdminRights::None));
    assert!(all.contains(&some) && all.contains(&rest));
    assert!(!some.contains(&rest) || some.on(&channel).contains_all(rest.on(&channel)));
    let common = some.intersect(&rest).unwrap_or_default();
    assert_eq!(common.on(&channel), some.on(&channel).intersection(rest.on(&channel)), "{some} and {rest} on {name:?}");
});
