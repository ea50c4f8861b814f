//! How many keys of each sort a set has, counted as they come and go. Knows no single key.

use super::{KeyRecord, State};
use crate::gate::credential::Kind;

/// How many keys of each sort there are.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// By kind, then by state.
    keys: [[usize; 3]; 2],
    plain_digests: usize,
    peppered_digests: usize,
}

impl Counts {
    /// How many keys are of this kind and in this state.
    #[must_use]
    pub const fn of(&self, kind: Kind, state: State) -> usize {
        self.keys[kind as usize][state as usize]
    }

    /// Whether some digest is a plain one.
    pub(super) const fn any_plain(&self) -> bool {
        self.plain_digests > 0
    }

    /// Whether some digest was made with a pepper.
    pub(super) const fn any_peppered(&self) -> bool {
        self.peppered_digests > 0
    }

    pub(super) fn add(&mut self, record: &KeyRecord) {
        self.change(record, |count| *count += 1);
    }

    pub(super) fn take_off(&mut self, record: &KeyRecord) {
        self.change(record, |count| *count = count.saturating_sub(1));
    }

    fn change(&mut self, record: &KeyRecord, change: impl Fn(&mut usize)) {
        change(&mut self.keys[record.kind as usize][record.state as usize]);
        for stored in record.digests() {
            change(match stored.pepper {
                None => &mut self.plain_digests,
                Some(_) => &mut self.peppered_digests,
            });
        }
    }
}
