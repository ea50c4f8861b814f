use super::*;
use crate::gate::testing;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Model = BTreeMap<String, Arc<KeyRecord>>;

fn record(id: &str) -> Arc<KeyRecord> {
    Arc::new(testing::secret(id, ""))
}

/// The list has what `model` has, in order, and its pieces are neither empty nor too large.
#[track_caller]
fn check(list: &InOrder, model: &Model) {
    assert!(list.behind("").map(Arc::as_ptr).eq(model.values().map(Arc::as_ptr)));
    assert_eq!(list.len(), model.len());
    let leaves = || list.nodes.iter().flat_map(|node| &**node);
    let sizes = list.nodes.iter().map(|node| node.len()).chain(leaves().map(|leaf| leaf.len()));
    assert!(sizes.clone().all(|size| (1..=MOST).contains(&size)));
}

#[test]
fn a_list_grows_and_shrinks() {
    let (mut list, mut model) = (InOrder::default(), Model::new());
    // Every other one of a row, then those between, then from both ends: 20,000 take more than one node.
    let ids: Vec<_> = (0..20_000).map(|n| format!("{:05}", n * 7_919 % 20_000)).collect();
    for (nth, id) in ids.iter().enumerate() {
        let record = record(id);
        list.put(Arc::clone(&record));
        model.insert(id.clone(), record);
        if nth % 4_999 == 0 {
            check(&list, &model);
        }
    }
    check(&list, &model);
    assert!(list.nodes.len() > 1);
    assert!(list.nodes.iter().all(|node| node.len() >= LEAST && node.iter().all(|leaf| leaf.len() >= LEAST)));
    for (nth, id) in ids.iter().enumerate().skip(1) {
        list.remove(id);
        list.remove(id);
        model.remove(id);
        if nth % 4_999 == 0 {
            check(&list, &model);
        }
    }
    check(&list, &model);
    assert_eq!((list.nodes.len(), list.nodes[0].len()), (1, 1));
    list.remove(&ids[0]);
    assert!(list.nodes.is_empty() && list.len() == 0);
}

#[test]
fn a_list_made_at_once_is_the_same_and_a_change_leaves_it_alone() {
    let model: Model = (0..10_000).map(|n| format!("{n:05}")).map(|id| (id.clone(), record(&id))).collect();
    let list = InOrder::new(model.values().cloned().collect());
    check(&list, &model);
    let mut next = list.clone();
    next.remove("00017");
    next.put(record("00018"));
    next.put(record("05000a"));
    check(&list, &model);
    assert_eq!((next.len(), next.get("00017").is_none(), next.get("05000a").is_some()), (10_000, true, true));
    assert!(!Arc::ptr_eq(next.get("00018").unwrap(), list.get("00018").unwrap()));
    let leaves = |list: &InOrder| list.nodes.iter().flat_map(|node| node.to_vec()).collect::<Vec<_>>();
    let (before, after) = (leaves(&list), leaves(&next));
    assert_eq!(before.iter().filter(|leaf| !after.iter().any(|other| Arc::ptr_eq(leaf, other))).count(), 2);
    check(&InOrder::new(Vec::new()), &Model::new());
}

proptest! {
    #[test]
    fn ids_are_found_and_what_is_behind_them(
        ids in proptest::collection::btree_set("[a-c]{0,5}", 0..200),
        asked in proptest::collection::vec("[a-d]{0,5}", 20),
    ) {
        let model: Model = ids.iter().map(|id| (id.clone(), record(id))).collect();
        let list = InOrder::new(model.values().cloned().collect());
        for id in asked.iter().chain(&ids) {
            prop_assert_eq!(list.get(id).map(Arc::as_ptr), model.get(id).map(Arc::as_ptr));
            let behind = model.range::<String, _>((std::ops::Bound::Excluded(id), std::ops::Bound::Unbounded));
            prop_assert!(list.behind(id).map(Arc::as_ptr).eq(behind.map(|(_, record)| Arc::as_ptr(record))), "{}", id);
            let last = list.last_not(|record| *record.id > **id).map(Arc::as_ptr);
            let expected = model.range::<String, _>(..=id).next_back().or(model.first_key_value());
            prop_assert_eq!(last, expected.map(|(_, record)| Arc::as_ptr(record)));
        }
    }
}
