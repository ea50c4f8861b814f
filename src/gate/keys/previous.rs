//! Earlier secrets of a key.

use std::ops::Deref;

use crate::gate::credential::StoredDigest;

/// An earlier secret of a rotated key, good until its grace period ends.
#[derive(Clone, Debug)]
pub struct PreviousDigest {
    /// Of the earlier secret.
    pub digest: StoredDigest,
    /// End of the grace period, in Unix milliseconds.
    pub until_ms: i64,
}

/// All earlier secrets of a key: one word of memory where there are none, which is nearly always.
#[derive(Clone, Debug, Default)]
pub struct PreviousDigests(Option<Box<Rotated>>);

#[derive(Clone, Debug)]
struct Rotated {
    digests: Box<[PreviousDigest]>,
}

impl Deref for PreviousDigests {
    type Target = [PreviousDigest];

    fn deref(&self) -> &[PreviousDigest] {
        self.0.as_ref().map_or(&[], |rotated| &rotated.digests)
    }
}

impl From<Vec<PreviousDigest>> for PreviousDigests {
    fn from(digests: Vec<PreviousDigest>) -> Self {
        Self((!digests.is_empty()).then(|| Box::new(Rotated { digests: digests.into() })))
    }
}

impl<const N: usize> From<[PreviousDigest; N]> for PreviousDigests {
    fn from(digests: [PreviousDigest; N]) -> Self {
        Vec::from(digests).into()
    }
}
