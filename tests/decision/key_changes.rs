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

/// What is asked for at once. An id may stand twice in it, which is a mistake.
#[derive(Clone, Debug)]
struct Batch {
    changed: Vec<(u8, Made)>,
    removed: Vec<u8>,
}

const IDS: u8 = 40;
const TEXTS: u8 = 60;
const SORTS: [(Kind, State); 6] = [
    (Kind::Publishable, State::Active),
    (Kind::Publishable, State::Disabled),
    (Kind::Publishable, State::Revoked),
    (Kind::Secret, State::Active),
    (Kind::Secret, State::Disabled),
    (Kind::Secret, State::Revoked),
];
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

/// All texts, and those of generated keys in Ably's spelling.
static ASKED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let generated = (0..TEXTS).map(text).filter(|text| text.len() > 50);
    let spelled = generated.map(|text| format!("app.{}:{}", &text[8..20], &text[20..52]));
    (0..TEXTS).map(text).chain(spelled).collect()
});

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
    /// What it is found by: a text, and whether its digest is peppered. Its own first.
    fn found_by(&self) -> Vec<(u8, bool)> {
        std::iter::once(self.text).chain(self.earlier.iter().copied()).map(|text| (text, self.peppered)).collect()
    }

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
    (proptest::collection::vec((0..IDS, made()), 0..5), removed).prop_map(|(changed, removed)| Batch { changed, removed })
}

fn whole(keys: &[(u8, Made)]) -> Result<KeySet, Vec<KeySetError>> {
    let mut builder = KeySetBuilder::new(Some(pepper()));
    keys.iter().for_each(|(n, made)| builder.add(made.record(*n)));
    builder.build()
}

/// Who of `changed` clashes, in the order of ids: with one of the same id, and by the first of its texts that somebody has already, or
/// that it has twice itself. Who clashes has none of its texts.
fn clashes(staying: &BTreeMap<u8, Made>, changed: &[(u8, Made)]) -> Vec<KeySetError> {
    let mut changed: Vec<_> = changed.iter().map(|(n, made)| (id(*n), made.found_by())).collect();
    changed.sort_by(|(one, _), (other, _)| one.cmp(other));
    let same_id = changed.windows(2).filter(|two| two[0].0 == two[1].0);
    let mut errors: Vec<_> = same_id.map(|two| KeySetError::DuplicateId((*two[0].0).into())).collect();
    let mut owners = BTreeMap::new();
    staying.iter().for_each(|(n, made)| owners.extend(made.found_by().into_iter().map(|text| (text, id(*n)))));
    for (id, texts) in changed {
        let twice = (0..texts.len()).any(|nth| texts[..nth].contains(&texts[nth]));
        let other = if twice { Some(&id) } else { texts.iter().find_map(|text| owners.get(text)) };
        match other {
            Some(other) => errors.push(KeySetError::DuplicateKey((*id).into(), (**other).into())),
            None => owners.extend(texts.into_iter().map(|text| (text, id.clone()))),
        }
    }
    errors
}

/// All that a set can be asked.
fn answers(set: &KeySet) -> Vec<String> {
    let mut answers = Vec::new();
    let mut tell = |question: &str, answer: String| answers.push(format!("{question}: {answer}"));
    for text in &*ASKED {
        for now_ms in [0, 1000] {
            let found = set.authenticate(text, now_ms);
            tell(
                text,
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
    for (kind, state) in SORTS {
        tell(kind.name(), format!("{} {}", state.name(), set.counts().of(kind, state)));
    }
    tell("all", format!("{} {:?}", set.len(), set.records().map(|record| &*record.id).collect::<Vec<_>>()));
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn changes_come_to_the_same_as_a_new_beginning(batches in proptest::collection::vec(batch(), 1..25)) {
        let mut model = BTreeMap::new();
        let mut set = KeySetBuilder::new(Some(pepper())).build().expect("a key set");
        let mut told = answers(&set);
        for Batch { changed, removed } in batches {
            let ids: Vec<_> = removed.iter().map(|n| id(*n)).collect();
            let records = changed.iter().map(|(n, made)| made.record(*n)).collect();
            let next = set.with(records, &ids.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(&answers(&set), &told, "the set before is as it was");

            let mut staying = model.clone();
            staying.retain(|n, _| !removed.contains(n) && changed.iter().all(|(changed, _)| changed != n));
            let wanted: Vec<_> = staying.clone().into_iter().chain(changed.iter().cloned()).collect();
            let whole = whole(&wanted);
            prop_assert_eq!(whole.as_ref().err().cloned().unwrap_or_default(), clashes(&BTreeMap::new(), &wanted));
            prop_assert_eq!(next.as_ref().err().cloned().unwrap_or_default(), clashes(&staying, &changed));
            match (whole, next) {
                (Ok(whole), Ok(next)) => {
                    told = answers(&next);
                    prop_assert_eq!(&told, &answers(&whole));
                    for (kind, state) in SORTS {
                        let count = wanted.iter().filter(|(_, made)| made.kind == kind && made.state == state).count();
                        prop_assert_eq!(next.counts().of(kind, state), count);
                    }
                    (model, set) = (wanted.into_iter().collect(), next);
                }
                (whole, next) => prop_assert!(whole.is_err() && next.is_err(), "{:?} {:?}", whole.err(), next.err()),
            }
        }
    }
}

fn set(records: impl IntoIterator<Item = KeyRecord>) -> KeySet {
    KeySet::default().with(records.into_iter().collect(), &[]).expect("a key set")
}

fn with(set: &KeySet, records: impl IntoIterator<Item = KeyRecord>) -> Result<KeySet, Vec<KeySetError>> {
    set.with(records.into_iter().collect(), &[])
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
    let again = gone.with(vec![key(None)], &[]).expect("a key set");
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
