//! The patterns of one namespace, compiled to be asked about one name: a tree with a segment for each step.
//!
//! Each node is visited at most once and a name is cut as it goes, so a question costs a search among the siblings for each segment
//! of the name, and allocates nothing, however many patterns there are.

use std::cmp::Ordering;

use super::Operations;

/// What is held below some beginning of a name.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// On the name that ends here.
    here: Operations,
    /// On every name that goes on: a last `*`.
    pub(super) beyond: Operations,
    /// Behind a `*` that is not the last segment.
    any: Option<Box<Self>>,
    /// Behind literal segments, sorted.
    named: Vec<(Box<str>, Self)>,
}

impl Tree {
    /// Adds a pattern: its segments but for a last `*`, whether there is one, and what is held on the names that match.
    pub(super) fn insert<'p>(&mut self, fixed: impl Iterator<Item = &'p str>, open: bool, operations: Operations) {
        let mut tree = self;
        for segment in fixed {
            tree = if segment == "*" { tree.any.get_or_insert_default() } else { tree.grown(segment) };
        }
        let held = if open { &mut tree.beyond } else { &mut tree.here };
        *held = held.union(operations);
    }

    /// What is held on `name`.
    pub(super) fn on(&self, name: &str) -> Operations {
        let (mut tree, mut rest, mut held) = (self, name, Operations::NONE);
        loop {
            held = held.union(tree.beyond);
            let (segment, behind) = match memchr::memchr(b':', rest.as_bytes()) {
                None => (rest, None),
                Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            };
            if let Some(any) = &tree.any {
                held = held.union(behind.map_or(any.here, |behind| any.on(behind)));
            }
            let Some(next) = tree.below(segment) else { return held };
            let Some(behind) = behind else { return held.union(next.here) };
            (tree, rest) = (next, behind);
        }
    }

    fn below(&self, segment: &str) -> Option<&Self> {
        self.find(segment).ok().map(|at| &self.named[at].1)
    }

    fn grown(&mut self, segment: &str) -> &mut Self {
        let at = self.find(segment).unwrap_or_else(|at| {
            self.named.insert(at, (segment.into(), Self::default()));
            at
        });
        &mut self.named[at].1
    }

    fn find(&self, segment: &str) -> Result<usize, usize> {
        self.named.binary_search_by(|(own, _)| by_length(own, segment))
    }
}

/// Most segments that differ do so in length, which is told without looking at them.
fn by_length(one: &str, other: &str) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}
