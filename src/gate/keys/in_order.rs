//! Records in the order of their ids, in pieces, of which a list and the one that comes after it share all that did not change.
//!
//! A tree of three levels: records stand in leaves, leaves in nodes, and nodes in one list. A change copies the leaf that it touches, its
//! node, and the list: of a million records some 400 pointers. Knows nothing of digests.

use std::sync::Arc;

use super::KeyRecord;

/// The records.
#[derive(Clone, Debug, Default)]
pub(super) struct InOrder {
    nodes: Vec<Piece<Leaf>>,
    len: usize,
}

/// Some of what stands on one level, in order; never empty.
type Piece<T> = Arc<[T]>;
type Leaf = Piece<Arc<KeyRecord>>;

/// So many stand in a piece at first.
const USUAL: usize = 64;
/// A piece of more is made two.
const MOST: usize = 128;
/// A piece of less is made one with its neighbour.
const LEAST: usize = 32;

/// Where a record stands, or would.
#[derive(Clone, Copy, Default)]
struct Spot {
    node: usize,
    leaf: usize,
    at: usize,
}

impl InOrder {
    /// Takes records that are in order.
    pub(super) fn new(records: Vec<Arc<KeyRecord>>) -> Self {
        let len = records.len();
        Self { nodes: pieces(pieces(records)), len }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The record with this id.
    pub(super) fn get(&self, id: &str) -> Option<&Arc<KeyRecord>> {
        self.find(id).ok().map(|spot| self.at(spot))
    }

    /// The last record that is not `behind`, which is true of all from some record on; the first, where it is true of that one.
    /// `None` where there are none. Takes as long whichever it is.
    pub(super) fn last_not(&self, behind: impl Fn(&KeyRecord) -> bool) -> Option<&Arc<KeyRecord>> {
        let last = |before: usize| before.saturating_sub(1);
        let node = self.nodes.get(last(self.nodes.partition_point(|node| !behind(&node[0][0]))))?;
        let leaf = node.get(last(node.partition_point(|leaf| !behind(&leaf[0]))))?;
        leaf.get(last(leaf.partition_point(|record| !behind(record))))
    }

    /// Puts a record in its place, or in that of the one with its id.
    pub(super) fn put(&mut self, record: Arc<KeyRecord>) {
        match self.find(&record.id) {
            Ok(spot) => self.change(spot, |leaf| leaf[spot.at] = record),
            Err(spot) => {
                self.len += 1;
                self.change(spot, |leaf| leaf.insert(spot.at, record));
            }
        }
    }

    /// Takes the record with this id out.
    pub(super) fn remove(&mut self, id: &str) {
        if let Ok(spot) = self.find(id) {
            self.len -= 1;
            self.change(spot, |leaf| drop(leaf.remove(spot.at)));
        }
    }

    /// All records behind this id; the empty one comes before all.
    pub(super) fn behind(&self, id: &str) -> impl Iterator<Item = &Arc<KeyRecord>> {
        let spot = self.find(id).map_or_else(|spot| spot, |spot| Spot { at: spot.at + 1, ..spot });
        let Spot { node, leaf, at } = spot;
        let rest = self.nodes.get(node).into_iter().flat_map(move |node| &node[leaf..]);
        let rest = rest.chain(self.nodes.iter().skip(node + 1).flat_map(|node| &**node)).enumerate();
        rest.flat_map(move |(nth, leaf)| &leaf[if nth == 0 { at } else { 0 }..])
    }

    fn at(&self, Spot { node, leaf, at }: Spot) -> &Arc<KeyRecord> {
        &self.nodes[node][leaf][at]
    }

    /// Where the record with this id stands, or as an error where it would, in the leaf of the one before it.
    fn find(&self, id: &str) -> Result<Spot, Spot> {
        let begins_by = |first: &KeyRecord| first.id.as_bytes() <= id.as_bytes();
        let node = self.nodes.partition_point(|node| begins_by(&node[0][0])).saturating_sub(1);
        let Some(leaves) = self.nodes.get(node) else { return Err(Spot::default()) };
        let leaf = leaves.partition_point(|leaf| begins_by(&leaf[0])).saturating_sub(1);
        let spot = |at| Spot { node, leaf, at };
        leaves[leaf].binary_search_by(|record| record.id.as_bytes().cmp(id.as_bytes())).map(spot).map_err(spot)
    }

    /// Changes a leaf, and sees to it that no piece on the way to it is left too small or too large.
    fn change(&mut self, Spot { node, leaf, .. }: Spot, change: impl FnOnce(&mut Vec<Arc<KeyRecord>>)) {
        let mut leaves = self.nodes.get(node).map(|node| node.to_vec()).unwrap_or_default();
        let mut records = leaves.get(leaf).map(|leaf| leaf.to_vec()).unwrap_or_default();
        change(&mut records);
        put_back(&mut leaves, leaf, records);
        put_back(&mut self.nodes, node, leaves);
    }
}

/// Puts back what stood in `pieces[at]`, or would stand behind the last: in as many pieces as it takes, which may be none.
fn put_back<T: Clone>(pieces: &mut Vec<Piece<T>>, at: usize, mut inner: Vec<T>) {
    let (mut from, mut to) = (at, pieces.len().min(at + 1));
    if inner.len() < LEAST && pieces.len() > 1 {
        if at > 0 {
            from -= 1;
            inner = pieces[from].iter().cloned().chain(inner).collect();
        } else {
            inner.extend(pieces[to].iter().cloned());
            to += 1;
        }
    }
    let rest = if inner.len() > MOST { inner.split_off(inner.len() / 2) } else { Vec::new() };
    let made = [inner, rest].into_iter().filter(|piece| !piece.is_empty()).map(Arc::from);
    pieces.splice(from..to, made);
}

fn pieces<T>(all: Vec<T>) -> Vec<Piece<T>> {
    let mut pieces = Vec::with_capacity(all.len().div_ceil(USUAL));
    let mut all = all.into_iter();
    while all.len() > 0 {
        pieces.push(all.by_ref().take(USUAL).collect());
    }
    pieces
}

#[cfg(test)]
mod tests;
