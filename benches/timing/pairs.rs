//! What is compared: pairs of classes of keys. A row of [`PAIRS`] is all that a new spelling of keys needs.

use std::sync::Arc;

use keygate::gate::{
    Gate,
    credential::{Digester, Environment, Kind, Pepper, StoredDigest, compose},
    denial::Denial,
    keys::{KeyRecord, State},
    limit::Quotas,
    testing,
};

use crate::world::{Digests, Random, builder, policy, texts};

/// What a request presents, and how it must be refused.
pub(crate) struct Presented {
    /// The header it stands in.
    pub(crate) header: &'static str,
    pub(crate) value: String,
    pub(crate) denial: Denial,
}

/// Makes a request of a class.
pub(crate) type Class = fn(&Subject, &mut Random) -> Presented;

/// Two classes.
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    pub(crate) expected: Expected,
    pub(crate) classes: [Class; 2],
}

/// What the times of the two must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The same: a difference would help to guess a key.
    Same,
    /// Whoever can ask has the key already, or is told the difference anyway.
    Either,
    /// Not the same: the pair that shows that a difference would be seen.
    Different,
}

/// Every pair.
pub(crate) const PAIRS: [Pair; 10] = [
    // The same question again finds its place in the table warm, and another key's bits in it or none. Nobody chooses where: the
    // place is of the digest of all of the text.
    Pair { name: "an unknown key: one, or any", expected: Expected::Either, classes: [one_unknown, any_unknown] },
    Pair {
        name: "a key wrong at the start of its secret, or at its end",
        expected: Expected::Same,
        classes: [first_wrong, last_wrong],
    },
    Pair {
        name: "a known id with another secret, or an unknown key",
        expected: Expected::Same,
        classes: [other_secret, any_unknown],
    },
    Pair { name: "one known id with other secrets, or any known id", expected: Expected::Same, classes: [one_id, other_secret] },
    Pair {
        name: "an imported key wrong at its start, or at its end",
        expected: Expected::Same,
        classes: [foreign_first, foreign_last],
    },
    Pair {
        // An id is no secret (it is in logs and in headers), and all is done for one that there is not, too. What is left, 0.5 to 7 ns of 800, is of
        // the records that are met: each known id has one of its own, unknown ones share those beside their places, which are more often in a cache.
        name: "in Ably's spelling: a known id, or an unknown one",
        expected: Expected::Either,
        classes: [spelled_known, spelled_unknown],
    },
    Pair {
        name: "in Ably's spelling: a secret wrong at its start, or end",
        expected: Expected::Same,
        classes: [spelled_first, spelled_last],
    },
    Pair { name: "a revoked key, or an unknown one", expected: Expected::Either, classes: [revoked, any_unknown] },
    Pair { name: "a mistyped key, or an unknown one", expected: Expected::Either, classes: [mistyped, any_unknown] },
    Pair {
        name: "a text of one block of SHA-256, or of two",
        expected: Expected::Different,
        classes: [foreign_first, any_unknown],
    },
];

/// A gate and the texts of its keys.
pub(crate) struct Subject {
    pub(crate) gate: Gate,
    texts: Vec<String>,
    unknown: String,
    revoked: Vec<String>,
}

/// A key of a form of its own, as they are imported.
const FOREIGN: &str = "customer-key-0123456789abcdef0123456789abcdef";
/// So many of its characters are made wrong: enough that a class has more texts (12 to the sixth) than samples. Of four, 20,736, what their places in
/// the table happened to cost stood out as 0.3 ns, one way with one digest and the other way with the other.
const WRONG: usize = 6;

impl Subject {
    /// A gate with `count` good keys, one imported, and some that are revoked.
    pub(crate) fn new(count: usize, digests: Digests) -> Self {
        let pepper = Arc::new(Pepper::new(&[7; 32]).expect("a pepper"));
        let digest = |text: &str| match digests {
            Digests::Sha256 => testing::digest(text),
            Digests::Hmac => StoredDigest::parse(&Digester::Hmac(&pepper).stored(text)).expect("a digest"),
        };
        let texts = texts(count);
        let mut random = Random(0xdead);
        let revoked: Vec<_> = (0..64).map(|_| generated(&mut random)).collect();
        let mut builder = builder(&texts, digests, Quotas::default());
        let secret = |id: &str, text: &str| KeyRecord { digest: digest(text), ..testing::secret(id, text) };
        builder.add(secret("imported", FOREIGN));
        for (nth, text) in revoked.iter().enumerate() {
            builder.add(KeyRecord { state: State::Revoked, ..secret(&format!("revoked-{nth}"), text) });
        }
        let gate = Gate::new(policy());
        gate.publish(Arc::new(policy()), Arc::new(builder.build().expect("a key set")));
        Self { gate, texts, unknown: generated(&mut random), revoked }
    }

    fn any<'t>(of: &'t [String], random: &mut Random) -> &'t str {
        &of[usize::try_from(random.word() % of.len() as u64).expect("an index")]
    }
}

fn one_unknown(subject: &Subject, random: &mut Random) -> Presented {
    // As much is drawn and made as for any other one.
    let _ = generated(random);
    in_header(subject.unknown.clone(), Denial::UnknownKey)
}

fn any_unknown(_: &Subject, random: &mut Random) -> Presented {
    in_header(generated(random), Denial::UnknownKey)
}

fn first_wrong(subject: &Subject, random: &mut Random) -> Presented {
    in_header(changed(Subject::any(&subject.texts, random), 12, random), Denial::UnknownKey)
}

fn last_wrong(subject: &Subject, random: &mut Random) -> Presented {
    in_header(changed(Subject::any(&subject.texts, random), 44 - WRONG, random), Denial::UnknownKey)
}

fn other_secret(subject: &Subject, random: &mut Random) -> Presented {
    in_header(with_id_of(Subject::any(&subject.texts, random), random), Denial::UnknownKey)
}

fn one_id(subject: &Subject, random: &mut Random) -> Presented {
    in_header(with_id_of(&subject.texts[0], random), Denial::UnknownKey)
}

fn foreign_first(_: &Subject, random: &mut Random) -> Presented {
    in_header(format!("{}{}", letters(random), &FOREIGN[WRONG..]), Denial::UnknownKey)
}

fn foreign_last(_: &Subject, random: &mut Random) -> Presented {
    in_header(format!("{}{}", &FOREIGN[..FOREIGN.len() - WRONG], letters(random)), Denial::UnknownKey)
}

fn spelled_known(subject: &Subject, random: &mut Random) -> Presented {
    spelled(&with_id_of(Subject::any(&subject.texts, random), random))
}

fn spelled_unknown(_: &Subject, random: &mut Random) -> Presented {
    spelled(&generated(random))
}

fn spelled_first(subject: &Subject, random: &mut Random) -> Presented {
    spelled(&changed(Subject::any(&subject.texts, random), 12, random))
}

fn spelled_last(subject: &Subject, random: &mut Random) -> Presented {
    spelled(&changed(Subject::any(&subject.texts, random), 44 - WRONG, random))
}

fn revoked(subject: &Subject, random: &mut Random) -> Presented {
    in_header(Subject::any(&subject.revoked, random).to_owned(), Denial::KeyRevoked)
}

fn mistyped(_: &Subject, random: &mut Random) -> Presented {
    let text = generated(random);
    let wrong = if text.ends_with('0') { '1' } else { '0' };
    in_header(format!("{}{wrong}", &text[..text.len() - 1]), Denial::MalformedKey)
}

/// A generated key as `app.id:secret`; the app of all keys here is `app`.
fn spelled(text: &str) -> Presented {
    in_header(format!("app.{}:{}", &text[8..20], &text[20..52]), Denial::UnknownKey)
}

fn in_header(value: String, denial: Denial) -> Presented {
    Presented { header: "x-api-key", value, denial }
}

fn generated(random: &mut Random) -> String {
    compose(None, Kind::Publishable, Environment::Live, random.bytes()).expect("bytes without end")
}

/// Small letters, as those are in whose place they come: reading capital ones takes another time, of which whoever wrote them learns
/// nothing. Never all of those at an end of [`FOREIGN`].
fn letters(random: &mut Random) -> String {
    random.bytes().take(WRONG).map(|byte| char::from(b'g' + byte % 12)).collect()
}

/// The key with some characters from `place` of its id and secret changed, and a checksum that is right again.
fn changed(text: &str, place: usize, random: &mut Random) -> String {
    let mut digits = digits(text);
    for digit in &mut digits[place..place + WRONG] {
        let step = random.bytes().next().unwrap_or_default() % 61 + 1;
        *digit = (*digit + step) % 62;
    }
    composed(digits)
}

/// A key with the id of `text`, and another secret.
fn with_id_of(text: &str, random: &mut Random) -> String {
    let mut digits = digits(text);
    digits[12..].iter_mut().zip(random.bytes()).for_each(|(digit, byte)| *digit = byte % 62);
    composed(digits)
}

/// Id and secret of a generated key, as the bytes that make them.
fn digits(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'Z' => byte - b'A' + 10,
        _ => byte - b'a' + 36,
    };
    text.bytes().skip("pk_live_".len()).take(44).map(value).collect()
}

fn composed(digits: Vec<u8>) -> String {
    compose(None, Kind::Publishable, Environment::Live, digits).expect("44 digits")
}
