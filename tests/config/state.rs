//! The state file: what is written is read again, and what is broken is told with its place and the way out.

use std::{fs, path::Path};

use expect_test::expect_file;
use keygate::{
    config::{parse_state, state_text},
    gate::blocks::{Block, Blocks, MAX_BLOCKS, Target},
};
use proptest::prelude::*;

use super::root;

#[test]
fn every_broken_state_has_its_message() {
    let mut seen = 0;
    for entry in fs::read_dir(root().join("tests/config/bad-state")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "json") {
            let told = parse_state(Path::new("keygate.state.json"), &fs::read_to_string(&file).unwrap());
            let told = told.map(drop).expect_err(file.to_str().unwrap()).to_string() + "\n";
            assert!(told.contains("move it away"), "{told}");
            expect_file![file.with_extension("expected")].assert_eq(&told);
            seen += 1;
        }
    }
    assert!(seen > 10);
}

#[test]
fn what_is_over_is_not_written() {
    let until = |id: &str, until_ms| Block { target: Target::Key(id.into()), since_ms: 0, until_ms, reason: "".into() };
    let blocks = Blocks::new([until("over", 1000), until("on", 1001), until("always", i64::MAX)]).unwrap();
    let text = state_text(&blocks, 1000);
    let read = parse_state(Path::new("state"), &text).unwrap();
    let mut ids: Vec<_> = read.in_force(0).map(|block| block.target.to_string()).collect();
    ids.sort();
    assert_eq!(ids, ["key `always`", "key `on`"], "{text}");
}

#[test]
fn too_many_are_refused() {
    let entry = |n: usize| format!(r#"{{"key":"k{n}","since":"2027-01-01T00:00:00Z"}}"#);
    let text = |count| {
        let entries: Vec<_> = (0..count).map(entry).collect();
        format!(r#"{{"version":1,"blocks":[{}]}}"#, entries.join(","))
    };
    assert!(parse_state(Path::new("state"), &text(MAX_BLOCKS)).is_ok());
    let told = parse_state(Path::new("state"), &text(MAX_BLOCKS + 1)).map(drop).unwrap_err().to_string();
    assert!(told.contains("blocks: are more than 10000"), "{told}");
}

fn any_target() -> impl Strategy<Value = Target> {
    prop_oneof![
        "[A-Za-z0-9_-]{1,20}".prop_map(|id| Target::key(&id).unwrap()),
        (any::<[u8; 4]>(), 0..=32u8).prop_map(|(ip, length)| Target::network(&format!(
            "{}/{length}",
            std::net::Ipv4Addr::from(ip)
        ))
        .unwrap()),
        (any::<u128>(), 0..=128u8).prop_map(|(ip, length)| Target::network(&format!(
            "{}/{length}",
            std::net::Ipv6Addr::from_bits(ip)
        ))
        .unwrap()),
    ]
}

proptest! {
    /// A gate must never refuse to start with what another wrote.
    #[test]
    fn what_is_written_is_read(
        blocks in proptest::collection::vec((any_target(), 0..4_000_000_000_000i64, 1..4_000_000_000_000i64, any::<bool>(), "\\PC{0,200}"), 0..8),
    ) {
        let blocks = blocks.into_iter().map(|(target, since_ms, until_ms, lasting, reason)| {
            Block { target, since_ms, until_ms: if lasting { i64::MAX } else { until_ms }, reason: reason.into() }
        });
        let blocks = Blocks::new(blocks).unwrap();
        let read = parse_state(Path::new("state"), &state_text(&blocks, 0)).unwrap();
        let sorted = |set: &Blocks| {
            let mut all: Vec<_> = set.in_force(0).cloned().collect();
            all.sort_by(|one, other| one.target.cmp(&other.target));
            all
        };
        prop_assert_eq!(sorted(&read), sorted(&blocks));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "([\\[\\]{},:\"]|\"(version|blocks|key|ip|since)\"|1|2027-01-01T00:00:00Z){0,30}") {
        let _ = parse_state(Path::new("state"), &text);
    }
}
