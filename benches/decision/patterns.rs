//! What it costs to find out what is held on one channel: compiled, and as a plain walk over the patterns would.

use std::hint::black_box;

use criterion::Criterion;
use keygate::gate::capability::{Capabilities, Channel, Operations};

use crate::{
    counting::Heap,
    sets::{PATTERNS, Set, sets},
};

pub(crate) fn patterns(criterion: &mut Criterion) {
    for Set { name, capabilities, held, not_held } in &sets() {
        for (what, text) in [("held", held), ("not held", not_held)] {
            let channel = Channel::parse(text).expect("a channel");
            assert_eq!(capabilities.on(&channel), walk(capabilities, &channel));
            let before = Heap::now();
            black_box(capabilities.on(black_box(&channel)));
            let allocations = Heap::since(before).allocations;
            assert_eq!(allocations, 0, "{name}");
            let id = |way: &str| format!("{PATTERNS} patterns, {name}, {way}, {what}");
            criterion.bench_function(&id("compiled"), |bencher| bencher.iter(|| capabilities.on(black_box(&channel))));
            criterion.bench_function(&id("walked"), |bencher| bencher.iter(|| walk(capabilities, black_box(&channel))));
        }
    }
    let text = black_box("chat:room-77:typing");
    criterion.bench_function("reading a channel's name", |bencher| bencher.iter(|| Channel::parse(black_box(text))));
}

fn walk(capabilities: &Capabilities, channel: &Channel<'_>) -> Operations {
    let matching = capabilities.entries().iter().filter(|(pattern, _)| pattern.matches(channel));
    matching.fold(Operations::NONE, |held, (_, operations)| held.union(*operations))
}
