//! Places under a concurrency limit. A place is held by a [`Lease`] and given back when that is dropped, however its holder ends.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// A count of places taken.
#[derive(Debug, Default)]
pub struct Places(AtomicU32);

impl Places {
    /// Takes a place if fewer than `max` are taken.
    pub fn take(&self, max: u32) -> bool {
        self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, |taken| (taken < max).then_some(taken + 1)).is_ok()
    }

    /// Places taken now.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn give_back(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A held place in the [`Places`] that `T` carries.
#[derive(Debug)]
pub struct Lease<T: AsRef<Places>>(Arc<T>);

impl<T: AsRef<Places>> Lease<T> {
    /// Takes a place; `None` if `max` are taken.
    #[must_use]
    pub fn take(of: &Arc<T>, max: u32) -> Option<Self> {
        (**of).as_ref().take(max).then(|| Self(Arc::clone(of)))
    }
}

impl<T: AsRef<Places>> Drop for Lease<T> {
    fn drop(&mut self) {
        (*self.0).as_ref().give_back();
    }
}

impl AsRef<Self> for Places {
    fn as_ref(&self) -> &Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_lease_frees_its_place() {
        let places = Arc::new(Places::default());
        let first = Lease::take(&places, 2);
        let second = Lease::take(&places, 2);
        assert!(first.is_some() && second.is_some() && Lease::take(&places, 2).is_none());
        drop(first);
        assert_eq!(places.taken(), 1);
        assert!(Lease::take(&places, 2).is_some());
    }
}
