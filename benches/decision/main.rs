//! What a decision costs: time, heap, and with `scripts/bench-decision` instructions. Everything is on: origin, rate limit, the
//! bucket of refusals, every place for a credential; a request has thirteen headers.
//!
//! `KEYGATE_COUNT="<case>/<digests>/<batches>"` decides so many batches of one case and nothing else, for callgrind.

mod cases;
mod changes;
mod counting;
mod patterns;
mod sets;
mod world;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion};

use keygate::gate::{
    credential::{Digester, Pepper},
    limit::Quotas,
};

use self::{
    cases::{BATCH, Case, Requests},
    counting::Heap,
    world::{Digests, PATH, World, builder, head, headers, texts},
};

const SIZES: [usize; 3] = [1, 1_000, 1_000_000];

fn main() {
    if let Ok(what) = std::env::var("KEYGATE_COUNT") {
        return count(&what);
    }
    let mut criterion = Criterion::default().configure_from_args();
    views(&mut criterion);
    digests(&mut criterion);
    patterns::patterns(&mut criterion);
    for digests in Digests::ALL {
        for size in SIZES {
            let world = if size == 1_000_000 { weighed(size, digests) } else { World::new(size, digests) };
            decisions(&mut criterion, &world, digests);
        }
    }
    criterion.final_summary();
}

fn decisions(criterion: &mut Criterion, world: &World, digests: Digests) {
    for case in Case::ALL {
        // With one key none is cold; and only a lookup costs by the kind of digest.
        let differs = matches!(case, Case::Hot | Case::Cold | Case::Unknown);
        if case == Case::Cold && world.texts.len() == 1 || digests == Digests::Hmac && !differs {
            continue;
        }
        let name = format!("{}, {}", case.name(), digests.name());
        let mut requests = Requests::new(case, world);
        let allocations = requests.batch(BATCH, |decide| {
            decide();
            let before = Heap::now();
            decide();
            Heap::since(before).allocations
        });
        if allocations != 0 || world.texts.len() == 1_000 {
            println!("{name}: {allocations} allocations in {BATCH} decisions");
        }
        criterion.bench_with_input(BenchmarkId::new(name, world.texts.len()), world, |bencher, _| {
            bencher.iter_custom(|wanted| time(&mut requests, wanted));
        });
    }
}

fn time(requests: &mut Requests<'_>, wanted: u64) -> Duration {
    let mut taken = Duration::ZERO;
    let mut left = wanted;
    while left > 0 {
        let count = left.min(BATCH);
        taken += requests.batch(count, |decide| {
            let start = Instant::now();
            decide();
            start.elapsed()
        });
        left -= count;
    }
    taken
}

/// What comes before a decision: the head that httparse has read, viewed as a request.
fn views(criterion: &mut Criterion) {
    let headers = headers(Some("pk_live_abc"));
    criterion.bench_function("view of a head", |bencher| bencher.iter(|| black_box(head(PATH, black_box(&headers)))));
}

/// What no lookup can do without: the digest of a key's text, which is the machine's own speed.
fn digests(criterion: &mut Criterion) {
    let pepper = Pepper::new(&[7; 32]).expect("a pepper");
    let text = &texts(1)[0];
    for (name, digester) in [("sha256", Digester::Sha256), ("hmac-sha256", Digester::Hmac(&pepper))] {
        let name = format!("digest of a key, {name}");
        criterion.bench_function(&name, |bencher| bencher.iter(|| digester.digest(black_box(text))));
    }
}

/// A world of many keys, and on the way to it what they weigh and how long they take.
fn weighed(count: usize, digests: Digests) -> World {
    let texts = texts(count);
    let before = Heap::now();
    let start = Instant::now();
    let builder = builder(&texts, digests, Quotas::default());
    let (made, start) = (start.elapsed(), Instant::now());
    let set = black_box(builder.build().expect("a key set"));
    let built = start.elapsed();
    // Less what the text of each id takes: 12 bytes.
    let bytes = Heap::since(before).live_bytes / count as i64 - 12;
    let start = Instant::now();
    drop(set);
    let dropped = start.elapsed();
    let digests_name = digests.name();
    println!("{count} keys, {digests_name}: {bytes} bytes each; records {made:.0?}, set {built:.0?}, dropped in {dropped:.0?}");
    let world = World::new(count, digests);
    changes::changes(&world, digests);
    world
}

fn count(what: &str) {
    let mut parts = what.split('/');
    let mut part = || parts.next().expect("KEYGATE_COUNT=<case>/<digests>/<batches>");
    let (case, digests, batches) = (part(), part(), part());
    let case = *Case::ALL.iter().find(|known| known.name() == case).expect("a case");
    let digests = *Digests::ALL.iter().find(|known| known.name() == digests).expect("a kind of digest");
    let batches: u32 = batches.parse().expect("a number of batches");
    let world = World::new(1_000, digests);
    Requests::new(case, &world).batch(BATCH, |decide| (0..batches).for_each(|_| decide()));
}
