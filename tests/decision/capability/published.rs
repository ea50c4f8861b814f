//! `published.txt`, row by row.

use keygate::gate::capability::{Capabilities, Channel, Operation, Operations, Pattern};

use super::{model, read};

#[test]
fn every_published_example_holds() {
    let rows: Vec<_> = include_str!("published.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(rows.len() > 50, "{}", rows.len());
    for row in rows {
        match *row.split(" | ").collect::<Vec<_>>() {
            ["matches", pattern, name] => check_match(pattern, name, true),
            ["matches not", pattern, name] => check_match(pattern, name, false),
            ["intersection", one, other, "nothing"] => assert_eq!(read(one).intersect(&read(other)), None, "{row}"),
            ["intersection", one, other, both] => check_intersection(&read(one), &read(other), both),
            ["canonical", written, canonical] => assert_eq!(read(written).canonical(), canonical),
            _ => panic!("a row that is none: {row}"),
        }
    }
}

fn check_match(pattern: &str, name: &str, expected: bool) {
    let channel = Channel::parse(name).expect("a channel");
    let parsed = Pattern::parse(pattern).expect("a pattern");
    assert_eq!(parsed.matches(&channel), expected, "{pattern} of {name}");
    assert_eq!(model::matches(pattern, name), expected, "the model: {pattern} of {name}");
    let subscribe = Operations::NONE.with(Operation::Subscribe);
    let set = Capabilities::new([(parsed, subscribe)], Default::default());
    assert_eq!(set.on(&channel), if expected { subscribe } else { Operations::NONE }, "compiled: {pattern} of {name}");
}

fn check_intersection(one: &Capabilities, other: &Capabilities, both: &str) {
    let common = one.intersect(other).expect("something");
    assert_eq!(common.canonical(), both);
    assert_eq!(other.intersect(one).as_ref(), Some(&common));
    assert!(one.contains(&common) && other.contains(&common));
}
