//! What keys have done, and what the manager keeps for itself.

use std::collections::BTreeMap;

use keygate::{
    gate::limit::{Tallies, Tally},
    keystore::{KeyStore as _, Usage},
};

use crate::support::Own;

fn usage(last_used_ms: i64, requests: u64, refusals: &[(&str, u64)], tallies: Option<Tallies>) -> Usage {
    Usage { last_used_ms, requests, refusals: refusals.iter().map(|(code, n)| ((*code).into(), *n)).collect(), tallies }
}

#[test]
fn usage_adds_up_and_tallies_are_the_latest() {
    let own = Own::with(&["a", "b"]);
    let (version, records) = (own.store.version().unwrap(), own.actions().len());
    let day = |count| Some(Tallies { day: Some(Tally { window: 9, count }), month: None });
    let batch = |of: &[(&str, Usage)]| of.iter().map(|(id, usage)| ((*id).into(), usage.clone())).collect::<BTreeMap<_, _>>();
    own.store.add_usage(batch(&[("a", usage(5, 10, &[("rate_limited", 2)], day(7))), ("b", usage(0, 0, &[], None))])).unwrap();
    own.store.add_usage(batch(&[("a", usage(3, 1, &[("rate_limited", 1), ("origin", 4)], day(8)))])).unwrap();
    own.store.add_usage(batch(&[("a", usage(6, u64::MAX, &[], None))])).unwrap();
    let own = own.reopened();
    let sum = usage(6, i64::MAX as u64, &[("origin", 4), ("rate_limited", 3)], day(8));
    assert_eq!(own.store.usage("a").unwrap(), Some(sum.clone()));
    assert_eq!(own.store.usage("none").unwrap(), None);
    let mut all = Vec::new();
    own.store.read_usage(&mut |id, usage| all.push((id, usage))).unwrap();
    assert_eq!(all, [("a".into(), sum), ("b".into(), Usage::default())]);
    assert_eq!((own.store.version().unwrap(), own.actions().len()), (version, records), "it is counted, not changed");
}

#[test]
fn keepsakes_are_put_and_forgotten_by_their_names() {
    let own = Own::new();
    let put = |changes: &[(&str, Option<&[u8]>)]| {
        let changes = changes.iter().map(|(name, value)| ((*name).into(), value.map(Vec::from)));
        own.store.put_keepsakes(changes.collect()).unwrap();
    };
    put(&[("gate:a", Some(b"1")), ("gate:b", Some(b"2")), ("gates", Some(b"3"))]);
    put(&[("gate:a", None), ("gate:b", Some(b"4")), ("gate:none", None)]);
    let expected = [("b".into(), b"4".to_vec())].into();
    assert_eq!(own.store.keepsakes("gate:").unwrap(), expected);
    assert_eq!(own.reopened().store.keepsakes("gate:").unwrap(), expected);
}

#[test]
fn a_keepsake_is_made_once() {
    let own = Own::new();
    assert_eq!(own.store.keepsake("signing", &|| vec![1, 2]).unwrap(), [1, 2]);
    let own = own.reopened();
    assert_eq!(own.store.keepsake("signing", &|| panic!("it is there")).unwrap(), [1, 2]);
    assert_eq!(own.store.keepsake("other", &|| vec![3]).unwrap(), [3]);
}
