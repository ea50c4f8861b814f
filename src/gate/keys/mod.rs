//! Keys: what is kept of each, and the immutable set that decisions are made against.

mod origins;
mod record;
mod set;

pub use origins::OriginIndex;
pub use record::{BrowserRule, KeyLimits, KeyRecord, KeyState, KeyUse, PreviousDigest, State};
pub use set::{KeySet, KeySetBuilder, KeySetError};
