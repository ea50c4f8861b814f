//! Whether the time of a refusal tells what is wrong with a key (T-TIME), asked in the way of dudect (Reparaz, Balasch and
//! Verbauwhede, DATE 2017): two classes of requests in random order, the time of each decision, and Welch's t-test of the two
//! means, over all samples and over those below each of a hundred thresholds, since what differs may hide behind noise.
//!
//! |t| below 4.5 is what two classes of one distribution come to in 150 000 of 150 001 tests. `KEYGATE_SAMPLES` says how many
//! decisions each pair takes; a million if it is absent. Ends with 1 if a pair that must not differ does, or if the pair that
//! must differ does not: then the clock here is too coarse, and the others say nothing.

#[allow(dead_code, reason = "the benches of decisions use all of it")]
#[path = "../decision/world.rs"]
mod world;

mod pairs;
mod welch;

use std::{hint::black_box, process::ExitCode, time::Instant};

use keygate::gate::{Gate, request::Header};

use self::{
    pairs::{Expected, PAIRS, Pair, Presented, Subject},
    welch::Comparison,
    world::{Clock, Digests, PATH, Random, head, headers},
};

/// Requests made ready at a time.
const BATCH: usize = 256;
/// The bound of dudect's authors for "nothing was seen".
const BOUND: f64 = 4.5;

fn main() -> ExitCode {
    let samples = std::env::var("KEYGATE_SAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    println!("{samples} decisions for each pair; |t| is the largest of 101 tests\n{:-<104}", "");
    let mut as_expected = true;
    for digests in Digests::ALL {
        let subject = Subject::new(1_000, digests);
        let kind = match digests {
            Digests::Sha256 => "sha256",
            Digests::Hmac => "hmac-sha256",
        };
        for pair in &PAIRS {
            let comparison = compare(&subject, pair, samples);
            let seen = comparison.t().abs() >= BOUND;
            let verdict = match (pair.expected, seen) {
                (Expected::Same, false) | (Expected::Different, true) => "as it must be",
                (Expected::Same, true) => "TELLS THEM APART",
                (Expected::Different, false) => "THE CLOCK IS TOO COARSE",
                (Expected::Either, true) => "differs, as it may",
                (Expected::Either, false) => "the same, which it need not be",
            };
            as_expected &= !verdict.starts_with("T");
            let [one, other] = comparison.means();
            println!("{kind:<12} {:<58} {one:7.1} {other:7.1} ns  t {:8.2}  {verdict}", pair.name, comparison.t());
        }
    }
    if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Times the two classes of a pair, in random order.
fn compare(subject: &Subject, pair: &Pair, samples: usize) -> Comparison {
    let (mut random, mut clock) = (Random(0x71_31), Clock::default());
    let mut warm: Vec<f64> = batch(subject, pair, &mut random, &mut clock, 20 * BATCH).into_iter().map(|(_, ns)| ns).collect();
    let mut comparison = Comparison::with_thresholds_of(&mut warm);
    for _ in 0..samples.div_ceil(BATCH) {
        for (class, ns) in batch(subject, pair, &mut random, &mut clock, BATCH) {
            comparison.add(class, ns);
        }
    }
    comparison
}

fn batch(subject: &Subject, pair: &Pair, random: &mut Random, clock: &mut Clock, count: usize) -> Vec<(usize, f64)> {
    let ready: Vec<_> = (0..count)
        .map(|_| {
            let class = usize::from(random.word() >> 63 == 1);
            (class, (pair.classes[class])(subject, random))
        })
        .collect();
    // One place for all of them, so that where a text lies tells nothing.
    let mut place = String::with_capacity(256);
    let timed = ready.into_iter().map(|(class, presented)| {
        place.clear();
        place.push_str(&presented.value);
        (class, time(&subject.gate, &presented, &place, clock))
    });
    timed.collect()
}

/// How long one refusal takes, in nanoseconds.
fn time(gate: &Gate, presented: &Presented, value: &str, clock: &mut Clock) -> f64 {
    let mut headers = headers(None);
    headers[7] = Header { name: presented.header, value: value.as_bytes() };
    let head = head(PATH, &headers);
    let now = clock.tick();
    let start = Instant::now();
    let outcome = black_box(gate.admit(black_box(&head), now));
    let took = start.elapsed();
    let denial = outcome.err().map(|refusal| refusal.denial);
    assert_eq!(denial, Some(presented.denial), "the class is what its name says");
    u32::try_from(took.as_nanos()).map_or(f64::MAX, f64::from)
}
