//! A hash table in pieces, of which a table and the one that comes after it share all that did not change.
//!
//! Entries stand in leaves of a few dozen, leaves in groups. A change copies the leaf that it touches, the leaf's group, and the list of
//! groups: of a million entries some 350 pointers. Leaves are as many as the entries ask for, and one more splits one of them in two,
//! in turn (linear hashing: Litwin 1980), so that a table grows and shrinks without a moment in which all of it is made anew.
//! Knows nothing of what it keeps but its hashes.

use std::sync::Arc;

use memchr::memchr_iter;

/// What a table keeps.
pub(super) trait Hashed: Clone {
    /// The hashes that it is kept under.
    fn hashes(&self) -> impl Iterator<Item = u64>;
    /// Whether both are one and the same.
    fn is(&self, other: &Self) -> bool;
}

/// The table. A clone costs a pointer for each group, and the first change of it a leaf and a group.
#[derive(Clone, Debug)]
pub(super) struct SharedTable<T> {
    groups: Vec<Group<T>>,
    leaves: usize,
    /// One less than the least power of two that is not below `leaves`.
    mask: usize,
    entries: usize,
}

type Group<T> = Arc<[Arc<Leaf<T>>]>;

/// Entries, and a byte of the hash of each to find it by. Neither list has room to spare: a leaf is copied more often than it grows.
#[derive(Clone, Debug)]
struct Leaf<T> {
    tags: Vec<u8>,
    entries: Vec<T>,
}

/// Entries in a leaf on the average. Of fewer, the leaf itself would weigh more; of more, a look at it would take longer.
const MEAN: usize = 48;
/// Leaves in a group: about as many as a table of a million entries has groups.
const GROUP: usize = 128;

impl<T: Hashed> SharedTable<T> {
    /// An empty table that is to be filled with so many entries, and then to be made [fit](Self::fit).
    pub(super) fn for_entries(entries: usize) -> Self {
        let leaves = entries.div_ceil(MEAN);
        // What a leaf gets that is not split yet, and a quarter.
        let most = entries * 5 / 2 / (mask(leaves) + 1);
        let leaf = |_| Arc::new(Leaf { tags: Vec::with_capacity(most), entries: Vec::with_capacity(most) });
        let groups = (0..leaves).step_by(GROUP).map(|first| (first..leaves.min(first + GROUP)).map(leaf).collect());
        Self { groups: groups.collect(), leaves, mask: mask(leaves), entries: 0 }
    }

    /// Gives back what leaves were given to be filled.
    pub(super) fn fit(&mut self) {
        for at in 0..self.leaves {
            let leaf = self.leaf_mut(at);
            exact(&mut leaf.tags);
            exact(&mut leaf.entries);
        }
    }

    /// The entries that may have this hash, all that have it among them.
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = &T> {
        let at = self.place(hash);
        let leaf = self.groups.get(at / GROUP).and_then(|group| group.get(at % GROUP));
        leaf.into_iter().flat_map(move |leaf| memchr_iter(tag(hash), &leaf.tags).map(|at| &leaf.entries[at]))
    }

    /// Puts an entry under its hashes, beside others that have them.
    pub(super) fn insert(&mut self, entry: &T) {
        self.entries += entry.hashes().count();
        // First, for a leaf that is split finds out by their hashes which entries it keeps.
        while self.leaves < self.entries.div_ceil(MEAN) {
            self.split();
        }
        for hash in entry.hashes() {
            let at = self.place(hash);
            self.leaf_mut(at).push(hash, entry.clone());
        }
    }

    /// The entry with this hash that `is_it`, to be changed in what does not make it another.
    pub(super) fn find_mut(&mut self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<&mut T> {
        let found = self.find(hash, is_it)?;
        let at = self.place(hash);
        self.leaf_mut(at).entries.get_mut(found)
    }

    /// Takes an entry out from under its hashes.
    pub(super) fn remove(&mut self, entry: &T) {
        for hash in entry.hashes() {
            let Some(found) = self.find(hash, |other| other.is(entry)) else { continue };
            let at = self.place(hash);
            self.leaf_mut(at).take_out(found);
            self.entries -= 1;
        }
        while self.leaves > self.entries.div_ceil(MEAN) {
            self.join();
        }
    }

    /// The leaf that stands for this hash: by as many of its bits as number the leaves, or one less where there is no such leaf yet.
    #[inline]
    fn place(&self, hash: u64) -> usize {
        let at = hash as usize & self.mask;
        if at < self.leaves { at } else { hash as usize & (self.mask >> 1) }
    }

    /// Where in its leaf an entry stands. Asked before anything is copied.
    fn find(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<usize> {
        let at = self.place(hash);
        let leaf = self.groups.get(at / GROUP)?.get(at % GROUP)?;
        memchr_iter(tag(hash), &leaf.tags).find(|&at| is_it(&leaf.entries[at]))
    }

    fn leaf_mut(&mut self, at: usize) -> &mut Leaf<T> {
        Arc::make_mut(&mut Arc::make_mut(&mut self.groups[at / GROUP])[at % GROUP])
    }

    /// Makes one leaf of two, the last of which is new.
    fn split(&mut self) {
        let last = self.leaves;
        if last.is_multiple_of(GROUP) {
            self.groups.push(Arc::default());
        }
        let group = &mut self.groups[last / GROUP];
        *group = group.iter().cloned().chain([Arc::default()]).collect();
        self.set_leaves(last + 1);
        let Some(partner) = partner(last) else { return };
        let Leaf { entries, .. } = std::mem::take(self.leaf_mut(partner));
        for (nth, entry) in entries.iter().enumerate() {
            // Of hashes that led to the same leaf, each has an entry.
            if entries[..nth].iter().any(|other| other.is(entry)) {
                continue;
            }
            for hash in entry.hashes() {
                let at = self.place(hash);
                if at == partner || at == last {
                    self.leaf_mut(at).push(hash, entry.clone());
                }
            }
        }
    }

    /// Makes one leaf of the last and the one that it was split from.
    fn join(&mut self) {
        let last = self.leaves - 1;
        let group = &mut self.groups[last / GROUP];
        let gone = Arc::clone(&group[last % GROUP]);
        *group = group[..last % GROUP].into();
        if last.is_multiple_of(GROUP) {
            self.groups.pop();
        }
        self.set_leaves(last);
        if let Some(partner) = partner(last) {
            let leaf = self.leaf_mut(partner);
            leaf.tags.reserve_exact(gone.tags.len());
            leaf.entries.reserve_exact(gone.entries.len());
            leaf.tags.extend_from_slice(&gone.tags);
            leaf.entries.extend_from_slice(&gone.entries);
        }
    }

    fn set_leaves(&mut self, leaves: usize) {
        (self.leaves, self.mask) = (leaves, mask(leaves));
    }
}

impl<T> Default for SharedTable<T> {
    fn default() -> Self {
        Self { groups: Vec::new(), leaves: 0, mask: 0, entries: 0 }
    }
}

impl<T> Default for Leaf<T> {
    fn default() -> Self {
        Self { tags: Vec::new(), entries: Vec::new() }
    }
}

impl<T> Leaf<T> {
    fn push(&mut self, hash: u64, entry: T) {
        self.tags.reserve_exact(1);
        self.entries.reserve_exact(1);
        self.tags.push(tag(hash));
        self.entries.push(entry);
    }

    fn take_out(&mut self, at: usize) {
        self.tags.swap_remove(at);
        self.entries.swap_remove(at);
        exact(&mut self.tags);
        exact(&mut self.entries);
    }
}

/// Bits that no place is told by.
fn tag(hash: u64) -> u8 {
    (hash >> 56) as u8
}

fn mask(leaves: usize) -> usize {
    leaves.next_power_of_two() - 1
}

/// The leaf that the last one is split from, and joined with again; the first has none.
fn partner(last: usize) -> Option<usize> {
    last.checked_ilog2().map(|bits| last - (1 << bits))
}

fn exact<T>(list: &mut Vec<T>) {
    let mut copy = Vec::with_capacity(list.len());
    copy.append(list);
    *list = copy;
}

#[cfg(test)]
mod tests;
