//! Keys: what is kept of each, and the immutable set that decisions are made against.

mod origins;
mod previous;
mod record;
mod set;
mod table;

pub use origins::OriginIndex;
pub use previous::{PreviousDigest, PreviousDigests};
pub use record::{BrowserRule, KeyLimits, KeyRecord, KeyState, KeyUse, State};
pub use set::{KeySet, KeySetBuilder, KeySetError};
