//! Random deeds, done to a store and to a model of one that keeps all in maps: both say the same of every deed, and have the same keys.

use std::collections::{BTreeMap, BTreeSet};

use keygate::{
    gate::{
        keys::{About, Key, KeyChange, Life, Step},
        testing,
    },
    keystore::{App, Change, Deed, KeyStore as _, Once, Operator, Role, StoreError},
};
use proptest::{prelude::*, sample::select};

use crate::support::{NOW, Own, all, app, key, long};

#[derive(Clone, Default)]
struct Model {
    apps: BTreeMap<Box<str>, App>,
    keys: BTreeMap<Box<str>, Key>,
    operators: BTreeMap<Box<str>, Operator>,
    once: BTreeMap<Box<str>, (Once, Vec<Box<str>>)>,
    records: u64,
}

type Said = Result<(Vec<Key>, bool, bool), StoreError>;

impl Model {
    fn commit(&mut self, change: &Change) -> Said {
        if let Some((before, ids)) = change.once.as_ref().and_then(|once| self.once.get(&once.key)) {
            let same = change.once.as_ref() == Some(before);
            return if same {
                Ok((ids.iter().map(|id| self.keys[id].clone()).collect(), false, true))
            } else {
                Err(StoreError::Reused)
            };
        }
        let mut next = self.clone();
        let keys = next.perform(&change.deed, change.at_ms)?;
        let unchanged = next.records == self.records;
        if let Some(once) = &change.once {
            next.once.insert(once.key.clone(), (once.clone(), keys.iter().map(|key| key.id.clone()).collect()));
        }
        *self = next;
        Ok((keys, unchanged, false))
    }

    fn perform(&mut self, deed: &Deed, at_ms: i64) -> Result<Vec<Key>, StoreError> {
        match deed {
            Deed::CreateApp(app, keys) => {
                self.add_app(app.clone())?;
                self.add(keys)
            }
            Deed::Create(keys) => self.add(keys),
            Deed::Import(keys) => {
                for id in keys.iter().map(|key| key.app.clone()).collect::<BTreeSet<_>>() {
                    let _ = self.add_app(App { name: id.clone(), id, created_at_ms: at_ms });
                }
                self.add(keys)
            }
            Deed::Change { id, if_version, change } => {
                let was = self.keys.get(id).ok_or_else(|| StoreError::NotFound(format!("key:{id}").into()))?.clone();
                if if_version.is_some_and(|version| version != was.version) {
                    return Err(StoreError::Changed(was.version));
                }
                let is = was.after(KeyChange::clone(change), at_ms).map_err(StoreError::Refused)?;
                if is != was {
                    self.records += 1;
                    self.put(is.clone())?;
                }
                Ok(vec![is])
            }
            Deed::CreateOperator(operator) => {
                if self.operators.insert(operator.id.clone(), operator.clone()).is_some() {
                    return Err(StoreError::Exists(format!("operator:{}", operator.id).into()));
                }
                self.records += 1;
                Ok(vec![])
            }
            Deed::RevokeOperator(id) => {
                let known = self.operators.get_mut(id).ok_or_else(|| StoreError::NotFound(format!("operator:{id}").into()))?;
                self.records += u64::from(!known.revoked);
                known.revoked = true;
                Ok(vec![])
            }
            Deed::Note { .. } => {
                self.records += 1;
                Ok(vec![])
            }
        }
    }

    fn add_app(&mut self, app: App) -> Result<(), StoreError> {
        if self.apps.contains_key(&app.id) {
            return Err(StoreError::Exists(format!("app:{}", app.id).into()));
        }
        self.apps.insert(app.id.clone(), app);
        self.records += 1;
        Ok(())
    }

    fn add(&mut self, keys: &[Key]) -> Result<Vec<Key>, StoreError> {
        for key in keys {
            if !self.apps.contains_key(&key.app) {
                return Err(StoreError::NotFound(format!("app:{}", key.app).into()));
            }
            if self.keys.contains_key(&key.id) {
                return Err(StoreError::Exists(format!("key:{}", key.id).into()));
            }
            self.put(key.clone())?;
            self.records += 1;
        }
        Ok(keys.to_vec())
    }

    fn put(&mut self, key: Key) -> Result<(), StoreError> {
        let texts = |key: &Key| {
            let earlier = key.life.previous.iter().map(|earlier| &earlier.digest);
            std::iter::once(&key.life.digest).chain(earlier).map(|digest| *digest.digest.as_bytes()).collect::<Vec<_>>()
        };
        let has = |other: &&Key, digest: &[u8; 32]| other.id != key.id && texts(other).contains(digest);
        let taken = |digest: &[u8; 32]| self.keys.values().find(|other| has(other, digest));
        if let Some(other) = texts(&key).iter().find_map(taken) {
            return Err(StoreError::SameText(format!("key:{}", other.id).into()));
        }
        self.keys.insert(key.id.clone(), key);
        Ok(())
    }
}

fn an_id() -> impl Strategy<Value = &'static str> {
    select(&["k0", "k1", "k2", "k3", "k4", "k5"][..])
}

fn an_app() -> impl Strategy<Value = &'static str> {
    select(&["demo", "a1", "a2"][..])
}

fn a_text() -> impl Strategy<Value = String> {
    (0..12u8).prop_map(|n| format!("sk_{n}"))
}

fn an_end() -> impl Strategy<Value = i64> {
    prop_oneof![3 => Just(i64::MAX), 1 => NOW..NOW + 300]
}

fn about() -> impl Strategy<Value = About> {
    let metadata = proptest::collection::btree_map("[a-c]", "[a-b]", 0..3);
    ("[A-C]", select(&["{}", "{\"a\":1}", "{\"b\":[2]}"][..]), any::<bool>(), metadata).prop_map(
        |(name, terms, revocable_tokens, metadata)| About {
            name: name.into(),
            terms: terms.into(),
            revocable_tokens,
            metadata: metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        },
    )
}

fn a_key() -> impl Strategy<Value = Key> {
    (an_id(), an_app(), a_text(), an_end(), about()).prop_map(|(id, app, text, expires_at_ms, about)| Key {
        app: app.into(),
        life: Life::new(testing::digest(&text), expires_at_ms),
        about,
        ..key(id)
    })
}

fn a_change() -> impl Strategy<Value = KeyChange> {
    let rotate = (a_text(), select(&[0, 5, 100, -1][..]))
        .prop_map(|(text, grace_ms)| Step::Rotate { digest: testing::digest(&text), grace_ms })
        .boxed();
    let step = prop_oneof![Just(Step::Disable), Just(Step::Enable), rotate.clone(), rotate, Just(Step::Revoke)];
    prop_oneof![
        3 => step.prop_map(|step| KeyChange::Step(step, None)),
        1 => (about(), an_end()).prop_map(|(about, end)| KeyChange::Update(about, end)),
    ]
}

fn a_deed() -> impl Strategy<Value = Deed> {
    let keys = |sizes| proptest::collection::vec(a_key(), sizes);
    let operator = |(id, role): (&str, Role)| Operator {
        id: id.into(),
        name: "Ann".into(),
        role,
        digest: [1; 32],
        created_at_ms: NOW,
        expires_at_ms: i64::MAX,
        revoked: false,
    };
    let an_operator = || select(&["o1", "o2"][..]);
    prop_oneof![
        1 => (an_app(), keys(0..3)).prop_map(|(id, keys)| Deed::CreateApp(app(id), keys)),
        3 => keys(0..3).prop_map(Deed::Create),
        2 => keys(0..3).prop_map(Deed::Import),
        10 => (an_id(), proptest::option::weighted(0.2, 1..4u64), a_change())
            .prop_map(|(id, if_version, change)| Deed::Change { id: id.into(), if_version, change: Box::new(change) }),
        1 => (an_operator(), select(&[Role::Viewer, Role::Owner][..])).prop_map(move |of| Deed::CreateOperator(operator(of))),
        1 => an_operator().prop_map(|id| Deed::RevokeOperator(id.into())),
        1 => Just(Deed::Note { action: "key.misuse".into(), target: "key:k0".into(), detail: "{}".into() }),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let once =
        (select(&["r1", "r2", "r3"][..]), 0..2u8).prop_map(|(key, request)| Once { key: key.into(), request: [request; 32] });
    let change = (a_deed(), proptest::option::weighted(0.2, once), 0..20i64);
    proptest::collection::vec(change, 1..40).prop_map(|changes| {
        let mut at_ms = NOW;
        let change = |(deed, once, later)| {
            at_ms += later;
            Change { deed, actor: "operator:ann".into(), at_ms, once }
        };
        changes.into_iter().map(change).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if long() { 2_000 } else { 60 }, ..ProptestConfig::default() })]

    #[test]
    fn a_store_does_what_the_model_does(changes in changes(), reopen_after in 0..40usize, limit in 1..4usize) {
        let (mut own, mut model) = (Own::new(), Model::default());
        let (mut followed, mut follower) = (0, BTreeMap::new());
        for (n, change) in changes.into_iter().enumerate() {
            let said = own.store.commit(change.clone()).map(|done| (done.keys, done.unchanged, done.repeated));
            prop_assert_eq!(&said, &model.commit(&change), "{:?}", change);
            if n == reopen_after {
                own = own.reopened();
            }
            let news = own.changed_after(followed, limit);
            followed = news.version.sequence;
            follower.extend(news.keys.into_iter().map(|key| (key.id.clone(), key)));
        }
        let own = own.reopened();
        let (version, keys) = all(&own.store).unwrap();
        prop_assert_eq!(keys, model.keys.values().cloned().collect::<Vec<_>>());
        prop_assert_eq!(own.store.apps().unwrap(), model.apps.into_values().collect::<Vec<_>>());
        prop_assert_eq!(own.store.operators().unwrap(), model.operators.into_values().collect::<Vec<_>>());
        prop_assert_eq!(own.store.verify_audit().unwrap().sequence, model.records);
        while followed != version.sequence {
            let news = own.changed_after(followed, limit);
            prop_assert!(news.version.sequence > followed);
            followed = news.version.sequence;
            follower.extend(news.keys.into_iter().map(|key| (key.id.clone(), key)));
        }
        prop_assert_eq!(follower, model.keys, "who follows has the same keys");
    }
}
