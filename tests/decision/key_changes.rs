//! A set made of the one before it answers as one that is made whole, and leaves the one before it as it was.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use keygate::gate::{
    credential::{Digester, Environment, Kind, Pepper, StoredDigest, compose},
    keys::{KeyLimits, KeyRecord, KeySet, KeySetBuilder, KeySetError, PreviousDigest, RareFields, State},
    limit::{Quota, StreamRate, StreamRates},
    origin::{Claimed, OriginPattern},
    testing,
};
use proptest::prelude::*;

/// A key as it is made up here; texts and ids are numbers.
#[derive(Clone, Debug)]
struct Made {
    text: u8,
    earlier: Vec<u8>,
    peppered: bool,
    origins: Vec<u8>,
    environment: Environment,
    kind: Kind,
    state: State,
}

/// What is asked for at once.
#[derive(Clone, Debug)]
struct Batch {
    changed: BTreeMap<u8, Made>,
    removed: Vec<u8>,
}

const IDS: u8 = 40;
const TEXTS: u8 = 60;
const ORIGINS: [&str; 5] =
    ["https://a.example.com", "https://*.example.com", "null", "app://shell", "https://a.example.com:8443"];

fn pepper() -> Arc<Pepper> {
    Arc::new(Pepper::new(&[7; 32]).expect("a pepper"))
}

/// Half of the texts are generated keys, which Ably's spelling finds by their ids.
fn text(n: u8) -> String {
    if n.is_multiple_of(2) {
        return format!("text-{n}");
    }
    compose(None, Kind::Secret, Environment::Live, (0..44).map(|at| n.wrapping_mul(3).wrapping_add(at) % 248)).expect("digits")
}

/// Half of the ids are those of generated keys.
fn id(n: u8) -> String {
    if n.is_multiple_of(2) { format!("{}", n % 7).repeat(1 + usize::from(n) / 7) } else { text(n)[8..20].to_owned() }
}

/// Of each text, plain and peppered.
static STORED: LazyLock<Vec<[StoredDigest; 2]>> = LazyLock::new(|| {
    let pepper = pepper();
    let stored = |n, digester: Digester<'_>| StoredDigest::parse(&digester.stored(&text(n))).expect("a digest");
    (0..TEXTS).map(|n| [stored(n, Digester::Sha256), stored(n, Digester::Hmac(&pepper))]).collect()
});

fn stored(n: u8, peppered: bool) -> StoredDigest {
    STORED[usize::from(n)][usize::from(peppered)].clone()
}

impl Made {
    fn record(&self, n: u8) -> KeyRecord {
        let earlier = |text: &u8| PreviousDigest { digest: stored(*text, self.peppered), until_ms: 1000 };
        let rare = RareFields { previous: self.earlier.iter().map(earlier).collect(), ..RareFields::default() };
        KeyRecord {
            digest: stored(self.text, self.peppered),
            origins: self.origins.iter().map(|n| OriginPattern::parse(ORIGINS[usize::from(*n)]).expect("an origin")).collect(),
            environment: self.environment,
            kind: self.kind,
            state: self.state,
            rare: rare.into(),
            ..testing::secret(&id(n), "")
        }
    }
}

fn made() -> impl Strategy<Value = Made> {
    let earlier = prop_oneof![4 => Just(vec![]), 1 => proptest::collection::vec(0..TEXTS, 1..3)];
    let origins = proptest::collection::vec(0..ORIGINS.len() as u8, 0..3);
    let state = prop_oneof![2 => Just(State::Active), 1 => Just(State::Disabled), 1 => Just(State::Revoked)];
    (0..TEXTS, earlier, any::<bool>(), origins, any::<bool>(), any::<bool>(), state).prop_map(
        |(text, earlier, peppered, origins, live, secret, state)| Made {
            text,
            earlier,
            peppered,
            origins,
            environment: if live { Environment::Live } else { Environment::Test },
            kind: if secret { Kind::Secret } else { Kind::Publishable },
            state,
        },
    )
}

fn batch() -> impl Strategy<Value = Batch> {
    let removed = proptest::collection::vec(0..IDS, 0..4);
    (proptest::collection::btree_map(0..IDS, made(), 0..5), removed).prop_map(|(changed, removed)| Batch { changed, removed })
}

fn whole(model: &BTreeMap<u8, Made>) -> Result<KeySet, Vec<KeySetError>> {
    let mut builder = KeySetBuilder::new(Some(pepper()));
    model.iter().for_each(|(n, made)| builder.add(made.record(*n), false));
    builder.build()
}

/// All that a set can be asked.
fn answers(set: &KeySet) -> Vec<String> {
    let mut answers = Vec::new();
    let mut tell = |question: &str, answer: String| answers.push(format!("{question}: {answer}"));
    let texts = (0..TEXTS).map(text);
    let spelled =
        (0..TEXTS).map(text).filter(|text| text.len() > 50).map(|text| format!("app.{}:{}", &text[8..20], &text[20..52]));
    for text in texts.chain(spelled) {
        for now_ms in [0, 1000] {
            let found = set.authenticate(&text, now_ms);
            tell(
                &text,
                match found {
                    Ok((record, _, until_ms)) => format!("{} until {until_ms}", record.id),
                    Err((denial, record)) => format!("{denial:?} {:?}", record.map(|record| &record.id)),
                },
            );
        }
    }
    for n in 0..IDS {
        let behind: Vec<_> = set.records_behind(&id(n)).map(|record| &*record.id).collect();
        tell(&id(n), format!("{:?}, then {behind:?}", set.by_id(&id(n)).map(|record| (record.state, record.kind))));
    }
    for record in set.records() {
        for stored in record.digests().chain([&stored(0, false)]) {
            tell(&record.id, format!("{:?}", set.still(&record.id, &stored.digest, 0).map(|(_, until)| until)));
        }
    }
    for environment in [Environment::Live, Environment::Test] {
        for origin in ORIGINS.map(|origin| origin.replace('*', "b")).iter().map(String::as_str).chain(["https://other.org"]) {
            let listed = set.lists_origin(environment, &Claimed::parse(origin.as_bytes()));
            tell(origin, format!("{environment:?} {listed}"));
        }
    }
    for kind in [Kind::Publishable, Kind::Secret] {
        let counts = [State::Active, State::Disabled, State::Revoked].map(|state| set.counts().of(kind, state));
        tell(kind.name(), format!("{counts:?}"));
    }
    tell("all", format!("{} {:?}", set.len(), set.records().map(|record| &*record.id).collect::<Vec<_>>()));
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn changes_come_to_the_same_as_a_new_beginning(batches in proptest::collection::vec(batch(), 1..20)) {
        let (mut model, mut set) = (BTreeMap::new(), KeySet::default());
        set = KeySetBuilder::new(Some(pepper())).build().unwrap_or(set);
        for Batch { changed, removed } in batches {
            let before = answers(&set);
            let ids: Vec<_> = removed.iter().map(|n| id(*n)).collect();
            let records = changed.iter().map(|(n, made)| (made.record(*n), false)).collect();
            let next = set.with(records, &ids.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(&answers(&set), &before, "the set before is as it was");

            let mut wanted = model.clone();
            wanted.retain(|n, _| !removed.contains(n));
            wanted.extend(changed);
            match (whole(&wanted), next) {
                (Ok(whole), Ok(next)) => {
                    prop_assert_eq!(answers(&next), answers(&whole));
                    (model, set) = (wanted, next);
                }
                // Of several that clash, who is told of depends on who was there first: but each two that are told of do share a text.
                (Err(_), Err(next)) => {
                    let all: Vec<_> = wanted.iter().map(|(n, made)| made.record(*n)).collect();
                    let of = |id: &str| all.iter().filter(|record| *record.id == *id).flat_map(|record| record.digests().cloned()).collect::<Vec<_>>();
                    for error in &next {
                        let KeySetError::DuplicateKey(one, other) = error else { continue };
                        let itself = one == other;
                        prop_assert!(itself || of(one).iter().any(|digest| of(other).contains(digest)), "{error:?}");
                    }
                }
                (whole, next) => prop_assert!(false, "{:?} {:?}", whole.err(), next.err()),
            }
        }
    }
}

fn set(records: impl IntoIterator<Item = KeyRecord>) -> KeySet {
    KeySet::default().with(records.into_iter().map(|record| (record, false)).collect(), &[]).expect("a key set")
}

fn with(set: &KeySet, records: impl IntoIterator<Item = KeyRecord>) -> Result<KeySet, Vec<KeySetError>> {
    set.with(records.into_iter().map(|record| (record, false)).collect(), &[])
}

#[test]
fn what_a_key_has_used_goes_on_and_a_new_key_begins() {
    let limits = |messages: Option<u32>| {
        let quota = Quota::new(5, 1, 5).expect("a quota");
        let stream = StreamRates { messages: messages.map(|_| StreamRate::new(5, 1).expect("a rate")), ..StreamRates::default() };
        Arc::new(KeyLimits { rate: Some(quota), stream, ..KeyLimits::default() })
    };
    let key = |messages| KeyRecord { limits: limits(messages), ..testing::secret("a", "a") };
    let before = set([key(Some(5)), testing::secret("b", "b")]);
    let usage = |set: &KeySet, id| Arc::clone(&set.by_id(id).expect("a key").usage);
    let meter = |set: &KeySet| set.by_id("a").and_then(|key| key.rare.stream()).map(Arc::as_ptr);
    let after = with(&before, [key(Some(5)), testing::secret("c", "c")]).expect("a key set");
    assert!(Arc::ptr_eq(&usage(&before, "a"), &usage(&after, "a")) && !Arc::ptr_eq(&usage(&after, "c"), &usage(&after, "b")));
    assert!(meter(&before).is_some() && meter(&after) == meter(&before));
    assert_eq!(meter(&with(&after, [key(None)]).expect("a key set")), None, "who has no such limit carries no meter");
    assert!(Arc::ptr_eq(before.by_id("b").expect("a key"), after.by_id("b").expect("a key")), "who is left alone is the same");
    let gone = after.with(Vec::new(), &["a", "a", "nobody"]).expect("a key set");
    assert!(gone.by_id("a").is_none() && gone.len() == 2);
    let again = gone.with(vec![(key(None), false)], &[]).expect("a key set");
    assert!(!Arc::ptr_eq(&usage(&again, "a"), &usage(&after, "a")), "one that comes back begins anew");
}

#[test]
fn two_keys_never_come_to_share_an_id_or_a_text() {
    let before = set([testing::secret("a", "1"), testing::secret("b", "2")]);
    let clash = |records: Vec<KeyRecord>| with(&before, records).expect_err("a clash");
    assert_eq!(clash(vec![testing::secret("c", "3"), testing::secret("c", "4")]), [KeySetError::DuplicateId("c".into())]);
    let duplicate = |one: &str, other: &str| KeySetError::DuplicateKey(one.into(), other.into());
    assert_eq!(clash(vec![testing::secret("c", "1"), testing::secret("d", "1")]), [duplicate("c", "a"), duplicate("d", "a")]);
    let earlier = PreviousDigest { digest: testing::digest("2"), until_ms: 1 };
    let own = |text| KeyRecord { rare: testing::rotated([earlier.clone()]), ..testing::secret("c", text) };
    assert_eq!(clash(vec![own("3")]), [duplicate("c", "b")]);
    assert_eq!(with(&set([]), [own("2")]).expect_err("a clash"), [duplicate("c", "c")]);
    // Texts may change hands in one change.
    let swapped = with(&before, [testing::secret("a", "2"), testing::secret("b", "1")]).expect("a key set");
    assert_eq!(["1", "2"].map(|text| &*swapped.authenticate(text, 0).expect("a key").0.id), ["b", "a"]);
}

#[test]
fn an_origin_is_listed_until_the_last_key_that_lists_it_goes() {
    let page = |id: &str| testing::publishable(id, id, &["https://app.example.com"]);
    let listed = |set: &KeySet| set.lists_origin(Environment::Live, &Claimed::parse(b"https://app.example.com"));
    let both = set([page("a"), page("b")]);
    let one = both.with(Vec::new(), &["a"]).expect("a key set");
    let none = with(&one, [testing::secret("b", "b")]).expect("a key set");
    assert_eq!([listed(&both), listed(&one), listed(&none)], [true, true, false]);
}

#[test]
fn a_mistyped_text_that_is_a_key_is_looked_up() {
    let mistyped = "sk_live_00000000000000000000000000000000000000000000000000";
    let plain = set([testing::secret("a", "a")]);
    let after = plain.with(vec![(testing::secret("b", mistyped), true)], &[]).expect("a key set");
    assert!(plain.authenticate(mistyped, 0).is_err() && after.authenticate(mistyped, 0).is_ok());
}

#[test]
fn digests_of_a_sort_are_looked_for_while_there_are_some() {
    let pepper = pepper();
    let empty = KeySetBuilder::new(Some(Arc::clone(&pepper))).build().expect("a key set");
    let peppered = StoredDigest::parse(&Digester::Hmac(&pepper).stored("b")).expect("a digest");
    let both = with(&empty, [testing::secret("a", "a"), KeyRecord { digest: peppered, ..testing::secret("b", "") }]);
    let both = both.expect("a key set");
    assert!(both.authenticate("a", 0).is_ok() && both.authenticate("b", 0).is_ok());
    let one = both.with(Vec::new(), &["b"]).expect("a key set");
    assert!(one.authenticate("a", 0).is_ok() && one.authenticate("b", 0).is_err());
}
