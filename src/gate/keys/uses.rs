//! What a key has done since somebody last looked: counted by whoever tells of decisions, taken by whoever keeps it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::gate::denial::Denial;

/// What a key has done.
#[derive(Debug)]
pub struct Uses {
    last_ms: AtomicI64,
    permitted: AtomicU64,
    refused: [AtomicU32; Denial::ALL.len()],
    /// Whether somebody knows that there is something to take.
    is_noted: AtomicBool,
}

/// What was counted between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// When the key was used last, in Unix milliseconds; 0 is never.
    pub last_ms: i64,
    /// What was let in.
    pub permitted: u64,
    /// What was refused, of each reason that there was.
    pub refused: Vec<(Denial, u32)>,
}

impl Default for Uses {
    fn default() -> Self {
        let refused = std::array::from_fn(|_| AtomicU32::new(0));
        Self { last_ms: AtomicI64::new(0), permitted: AtomicU64::new(0), refused, is_noted: AtomicBool::new(false) }
    }
}

impl Uses {
    /// Counts a request at `now_ms` that was let in, or why it was not. Whether it is the first since the last look, and somebody should
    /// be told that there is something to take.
    pub fn count(&self, denial: Option<Denial>, now_ms: i64) -> bool {
        match denial {
            None => {
                self.permitted.fetch_add(1, Relaxed);
                // Only what passes is a use: else whoever guesses would keep an old key looking young.
                self.last_ms.fetch_max(now_ms, Relaxed);
            }
            Some(denial) => _ = self.refused[denial as usize].fetch_add(1, Relaxed),
        }
        // Read first: mostly it is noted already, and then nobody's cache is written to.
        !self.is_noted.load(Relaxed) && !self.is_noted.swap(true, Relaxed)
    }

    /// What was counted since the last look. What comes meanwhile is in this or in the next.
    pub fn take(&self) -> Counted {
        self.is_noted.store(false, Relaxed);
        let refused = Denial::ALL.iter().map(|&denial| (denial, self.refused[denial as usize].swap(0, Relaxed)));
        Counted {
            last_ms: self.last_ms.load(Relaxed),
            permitted: self.permitted.swap(0, Relaxed),
            refused: refused.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_taken_once() {
        let uses = Uses::default();
        assert!(uses.count(None, 5), "somebody should look");
        assert!(!uses.count(None, 3) && !uses.count(Some(Denial::OriginRefused), 9), "and knows already");
        let counted = Counted { last_ms: 5, permitted: 2, refused: vec![(Denial::OriginRefused, 1)] };
        assert_eq!(uses.take(), counted);
        assert_eq!(uses.take(), Counted { last_ms: 5, ..Counted::default() });
        assert!(uses.count(Some(Denial::OriginRefused), 9), "something new");
    }
}
