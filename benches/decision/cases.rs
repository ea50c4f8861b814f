//! What is measured: requests that go one way through the decision.

use std::hint::black_box;

use keygate::gate::denial::Denial;

use crate::world::{Clock, Digests, PATH, Random, World, head, headers};

/// One way through the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// The same key every time.
    Hot,
    /// Any key of the set.
    Cold,
    /// A key of the right form that nobody has.
    Unknown,
    /// A generated key with one character wrong.
    Mistyped,
    /// No key.
    Missing,
}

impl Case {
    pub(crate) const ALL: [Self; 5] = [Self::Hot, Self::Cold, Self::Unknown, Self::Mistyped, Self::Missing];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hot => "accepted",
            Self::Cold => "accepted, cold key",
            Self::Unknown => "refused, unknown key",
            Self::Mistyped => "refused, mistyped key",
            Self::Missing => "refused, no key",
        }
    }

    const fn denial(self) -> Option<Denial> {
        match self {
            Self::Hot | Self::Cold => None,
            Self::Unknown => Some(Denial::UnknownKey),
            Self::Mistyped => Some(Denial::MalformedKey),
            Self::Missing => Some(Denial::MissingKey),
        }
    }
}

impl Digests {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Hmac => "hmac-sha256",
        }
    }
}

/// Requests of one case, made ready some at a time: making them is not measured, and they are warm, as bytes are that have just
/// been read from a socket.
pub(crate) struct Requests<'w> {
    case: Case,
    world: &'w World,
    random: Random,
    clock: Clock,
    odd: String,
}

/// How many requests are made ready at a time.
pub(crate) const BATCH: u64 = 64;

impl<'w> Requests<'w> {
    pub(crate) fn new(case: Case, world: &'w World) -> Self {
        let last = world.texts.last().expect("a key");
        let odd = match case {
            Case::Mistyped => last.replacen(&last[30..31], if &last[30..31] == "0" { "1" } else { "0" }, 1),
            _ => "pk_live_of_another_shape_and_of_the_usual_length_0123456789".to_owned(),
        };
        Self { case, world, random: Random(7), clock: Clock::default(), odd }
    }

    /// Makes `count` requests ready and gives `measure` what decides all of them, each time that it is called.
    pub(crate) fn batch<T>(&mut self, count: u64, measure: impl FnOnce(&mut dyn FnMut()) -> T) -> T {
        let Self { case, world, random, clock, odd } = self;
        let texts = &world.texts;
        let any = |random: &mut Random| usize::try_from(random.word() % texts.len() as u64).expect("an index");
        let key = |_| match case {
            Case::Hot => texts.first().map(String::as_str),
            Case::Cold => texts.get(any(random)).map(String::as_str),
            Case::Unknown | Case::Mistyped => Some(odd.as_str()),
            Case::Missing => None,
        };
        let headers: Vec<_> = (0..count).map(key).map(headers).collect();
        let heads: Vec<_> = headers.iter().map(|headers| head(PATH, headers)).collect();
        measure(&mut || {
            for head in &heads {
                let outcome = world.gate.admit(black_box(head), clock.tick());
                assert_eq!(outcome.as_ref().err().map(|refusal| refusal.denial), case.denial());
            }
        })
    }
}
