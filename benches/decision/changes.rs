//! What it costs to make a set of the one before it with one key changed, and what is left of many changes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use keygate::gate::{
    credential::{Environment, Kind, compose},
    keys::{KeyRecord, KeySet, State},
    limit::Quotas,
    testing,
};

use crate::{
    counting::Heap,
    world::{Digests, Random, World, builder},
};

/// How many changes are made.
const CHANGES: usize = 100_000;

/// Changes keys of a world one by one: most are given another state, some are rotated, some go and others come.
pub(crate) fn changes(world: &World, digests: Digests) {
    if digests != Digests::Sha256 {
        return;
    }
    let before = Heap::now();
    let mut set = Arc::new(builder(&world.texts, digests, Quotas::default()).build().expect("a key set"));
    let mut random = Random(9);
    let mut times = Vec::with_capacity(CHANGES);
    let mut allocations = 0;
    for _ in 0..CHANGES {
        let (changed, gone) = change(&set, &world.texts, &mut random);
        let removed: Vec<_> = gone.iter().map(String::as_str).collect();
        let heap = Heap::now();
        let start = Instant::now();
        let next = set.with(changed, &removed).expect("a key set");
        // What a publication does: the set before goes when nobody reads it any more.
        set = Arc::new(next);
        times.push(start.elapsed());
        allocations += Heap::since(heap).allocations;
    }
    let bytes = (Heap::since(before).live_bytes - (CHANGES * size_of::<Duration>()) as i64) / set.len() as i64 - 12;
    times.sort_unstable();
    println!(
        "{} keys: one changed in {:.1?} (99 of 100 in {:.1?}, all in {:.0?}), {} allocations; {bytes} bytes each after {CHANGES} changes",
        set.len(),
        times[CHANGES / 2],
        times[CHANGES * 99 / 100],
        times[CHANGES - 1],
        allocations / CHANGES as u64,
    );
}

/// A key that changes, and one that goes; of both, there may be none.
fn change(set: &KeySet, texts: &[String], random: &mut Random) -> (Vec<KeyRecord>, Vec<String>) {
    let any = |random: &mut Random| usize::try_from(random.word() % texts.len() as u64).expect("an index");
    let id = texts[any(random)][8..20].to_owned();
    // It may have gone.
    let Some(key) = set.by_id(&id) else { return (Vec::new(), vec![id]) };
    let like = |id: &str, text: &str| KeyRecord {
        kind: key.kind,
        capabilities: Arc::clone(&key.capabilities),
        app: key.app.clone(),
        origins: key.origins.clone(),
        limits: Arc::clone(&key.limits),
        ..testing::secret(id, text)
    };
    let mut fresh = || compose(None, Kind::Publishable, Environment::Live, random.bytes()).expect("bytes without end");
    match fresh().as_bytes()[8] % 4 {
        0 => {
            let text = fresh();
            (vec![like(&text[8..20], &text)], vec![id])
        }
        1 => (vec![like(&id, &fresh())], Vec::new()),
        _ => (vec![KeyRecord { state: State::Disabled, digest: key.digest.clone(), ..like(&id, "") }], Vec::new()),
    }
}
