//! Places for those who read all keys at once: each reads the whole store, and holds up the cutting of its log. Not all of them go to one token,
//! so that who reads slowly keeps no gate of another token waiting.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Snapshots that are read at once, of all tokens and of one.
const PLACES: usize = 8;
const OF_ACTOR: usize = 6;

/// Who reads.
pub(super) struct Readers {
    places: Arc<Semaphore>,
    /// By token, for as long as somebody with it reads or waits.
    of: Mutex<BTreeMap<Box<str>, Weak<Semaphore>>>,
}

impl Default for Readers {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)), of: Mutex::default() }
    }
}

/// A place, until it is dropped.
pub(super) struct Place {
    _of_actor: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Readers {
    /// A place for `actor`, as soon as there is one. It is never `None`.
    pub async fn place(&self, actor: &str) -> Option<Place> {
        let of_actor = self.of_actor(actor).acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.places).acquire_owned().await.ok()?;
        Some(Place { _of_actor: of_actor, _of_all: of_all })
    }

    fn of_actor(&self, actor: &str) -> Arc<Semaphore> {
        let mut of = self.of.lock();
        of.retain(|_, places| places.strong_count() > 0);
        of.get(actor).and_then(Weak::upgrade).unwrap_or_else(|| {
            let places = Arc::new(Semaphore::new(OF_ACTOR));
            of.insert(actor.into(), Arc::downgrade(&places));
            places
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn one_token_takes_no_place_from_all_others() {
        let readers = Readers::default();
        let now = |actor| readers.place(actor).now_or_never().flatten();
        let mut held: Vec<_> = std::iter::from_fn(|| now("a")).take(PLACES + 1).collect();
        assert_eq!(held.len(), OF_ACTOR);
        let others: Vec<_> = std::iter::from_fn(|| now("b")).take(PLACES + 1).collect();
        assert_eq!(others.len(), PLACES - OF_ACTOR);
        assert!(now("c").is_none(), "and all of them no more than the store can bear");
        held.pop();
        assert!(now("c").is_some());
        drop((held, others));
        assert!(now("d").is_some() && readers.of.lock().len() == 1, "nothing is kept of those who have read");
    }
}
