//! The canonical text: the same for the same set, read alike by any reader of JSON, and fit for a header.

use std::collections::BTreeMap;

use keygate::gate::capability::{AdminRight, AdminRights, Capabilities, Operation, Operations, Pattern};
use proptest::prelude::*;

use super::read;

fn sets() -> impl Strategy<Value = Capabilities> {
    let names = "[a-z*\"\\\\ é漢😀]{1,4}(:[a-z*é]{0,3}){0,3}";
    let prefix = proptest::sample::select(vec!["", "[queue]", "[meta]", "[*]"]);
    let operations = proptest::collection::vec(proptest::sample::select(Operation::ALL), 1..20);
    let entry = (prefix, names, operations).prop_map(|(prefix, name, operations)| {
        (Pattern::parse(&format!("{prefix}{name}")).expect("a pattern"), operations.into_iter().collect::<Operations>())
    });
    let widest = prop_oneof![
        2 => Just(vec![]),
        1 => Just(vec![(Pattern::every_channel(), Operations::ALL)]),
        1 => Just(vec![(Pattern::every_channel(), Operations::NONE.with(Operation::Subscribe).with(Operation::Publish))]),
        1 => Just(vec![(Pattern::everything(), Operations::ALL), (Pattern::every_channel(), Operations::ALL)]),
    ];
    let right = proptest::sample::select(vec!["admin:a", "admin:b", "admin:c-1", "admin"]);
    let admin = proptest::collection::vec(right, 0..3)
        .prop_map(|rights| rights.into_iter().filter_map(AdminRight::parse).collect::<AdminRights>());
    (proptest::collection::vec(entry, 0..5), widest, admin, any::<bool>()).prop_map(|(entries, widest, admin, keys)| {
        let set = Capabilities::new(entries.into_iter().chain(widest), admin);
        if keys { set.with_keys() } else { set }
    })
}

proptest! {
    #[test]
    fn the_text_says_the_set_and_says_it_once(set in sets(), order in any::<u64>()) {
        let again = read(set.canonical());
        prop_assert_eq!(set.canonical(), again.canonical());
        prop_assert_eq!((set.entries(), set.admin(), set.manages_keys()), (again.entries(), again.admin(), again.manages_keys()));
        let mut entries = set.entries().to_vec();
        let turn = usize::try_from(order % (entries.len().max(1) as u64)).expect("an index");
        entries.rotate_left(turn);
        let turned = Capabilities::new(entries, set.admin().clone());
        let turned = if set.manages_keys() { turned.with_keys() } else { turned };
        prop_assert_eq!(&turned, &set, "the order of entries says nothing");
    }

    #[test]
    fn the_text_is_fit_for_a_header_and_sorted(set in sets()) {
        let text = set.canonical();
        prop_assert!(text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", text);
        let patterns: Vec<_> = set.entries().iter().map(|(pattern, _)| pattern.as_str()).collect();
        prop_assert!(patterns.is_sorted());
        let resources: BTreeMap<String, Vec<String>> = serde_json::from_str(text).expect("JSON");
        prop_assert!(resources.values().all(|names| !names.is_empty() && names.is_sorted()), "{}", text);
        prop_assert!(text.len() >= 2 && !text.contains(": [") && !text.contains("], "), "{}", text);
    }
}
