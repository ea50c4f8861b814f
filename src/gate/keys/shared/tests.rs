use super::*;
use proptest::prelude::*;

/// An entry with some hashes; those of one name are the same one.
type Entry = Arc<(u32, Vec<u64>)>;

impl Hashed for Entry {
    fn hashes(&self) -> impl Iterator<Item = u64> {
        self.1.iter().copied()
    }

    fn is(&self, other: &Self) -> bool {
        Self::ptr_eq(self, other)
    }
}

/// Each of `entries` is found under each of its hashes and nothing else is there; no leaf has room to spare, and there are as many as
/// there must be.
#[track_caller]
fn check(table: &SharedTable<Entry>, entries: &[Entry]) {
    let count = entries.iter().map(|entry| entry.1.len()).sum::<usize>();
    for entry in entries {
        for hash in entry.hashes() {
            assert!(table.candidates(hash).any(|found| found.is(entry)), "{} is lost under {hash:x}", entry.0);
        }
    }
    let leaves: Vec<_> = table.groups.iter().flat_map(|group| &**group).collect();
    assert_eq!((table.entries, leaves.len(), table.leaves), (count, count.div_ceil(MEAN), count.div_ceil(MEAN)));
    assert_eq!(leaves.iter().map(|leaf| leaf.entries.len()).sum::<usize>(), count);
    assert!(table.groups.iter().rev().skip(1).all(|group| group.len() == GROUP));
    for leaf in leaves {
        assert_eq!((leaf.tags.len(), leaf.tags.capacity()), (leaf.entries.len(), leaf.entries.capacity()));
    }
}

fn spread(n: u64) -> u64 {
    (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[test]
fn everybody_is_found_while_a_table_grows_and_shrinks() {
    // Enough for several groups, of one to three hashes each.
    let entry = |n: u32| Arc::new((n, (0..u64::from(n % 3) + 1).map(|nth| spread(u64::from(n) * 3 + nth)).collect()));
    let all: Vec<Entry> = (0..8_000).map(entry).collect();
    let mut table = SharedTable::default();
    for (nth, entry) in all.iter().enumerate() {
        table.insert(entry);
        if nth % 997 == 0 {
            check(&table, &all[..=nth]);
        }
    }
    check(&table, &all);
    for (nth, entry) in all.iter().enumerate() {
        table.remove(entry);
        if nth % 997 == 0 {
            check(&table, &all[nth + 1..]);
        }
    }
    check(&table, &[]);
    assert!(table.groups.is_empty());
}

#[test]
fn a_table_filled_at_once_is_the_same() {
    let all: Vec<Entry> = (0..20_000).map(|n| Arc::new((n, vec![spread(u64::from(n))]))).collect();
    let mut table = SharedTable::for_entries(all.len());
    all.iter().for_each(|entry| table.insert(entry));
    table.fit();
    check(&table, &all);
    check(&SharedTable::for_entries(0), &[]);
}

#[test]
fn what_changes_is_copied_and_the_rest_is_shared() {
    let all: Vec<Entry> = (0..20_000).map(|n| Arc::new((n, vec![spread(u64::from(n))]))).collect();
    let mut before = SharedTable::default();
    all.iter().for_each(|entry| before.insert(entry));
    let mut after = before.clone();
    after.remove(&all[17]);
    check(&before, &all);
    assert!(!after.candidates(spread(17)).any(|found| found.is(&all[17])));
    let leaves = |table: &SharedTable<Entry>| table.groups.iter().flat_map(|group| group.to_vec()).collect::<Vec<_>>();
    let (before, after) = (leaves(&before), leaves(&after));
    assert_eq!(before.iter().filter(|leaf| !after.iter().any(|other| Arc::ptr_eq(leaf, other))).count(), 1);
}

#[test]
fn what_is_not_there_changes_and_copies_nothing() {
    let mut before = SharedTable::<Entry>::default();
    let other: Entry = Arc::new((1, vec![1, 1 | 1 << 56]));
    before.remove(&other);
    assert!(before.find_mut(1, |_| true).is_none());
    before.insert(&Arc::new((1, vec![1])));
    let mut after = before.clone();
    after.remove(&other);
    assert!(after.find_mut(1, |_| false).is_none() && after.find_mut(1 | 1 << 56, |_| true).is_none());
    assert!(Arc::ptr_eq(&before.groups[0], &after.groups[0]));
}

proptest! {
    /// Hashes that differ in few bits, so that many are equal, and lead to few leaves: one entry under several of them in one leaf.
    #[test]
    fn equal_hashes_are_kept_apart(steps in proptest::collection::vec((any::<bool>(), proptest::collection::vec(0u64..6, 1..4)), 1..300)) {
        let (mut table, mut kept) = (SharedTable::default(), Vec::<Entry>::new());
        for (n, (more, hashes)) in (0..).zip(steps) {
            if more || kept.is_empty() {
                let mut hashes: Vec<_> = hashes.iter().map(|hash| (hash & 1) << 56 | hash >> 1).collect();
                hashes.sort_unstable();
                let entry = Arc::new((n, hashes));
                table.insert(&entry);
                kept.push(entry);
            } else {
                let gone = kept.swap_remove(hashes.iter().sum::<u64>() as usize % kept.len());
                table.remove(&gone);
                prop_assert!(gone.hashes().all(|hash| !table.candidates(hash).any(|found| found.is(&gone))));
            }
            check(&table, &kept);
        }
    }
}
