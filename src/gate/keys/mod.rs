//! Keys: what is kept of each, and the immutable set that decisions are made against.

mod origins;
mod rare;
mod record;
mod set;
mod table;
mod thin;

pub use origins::OriginIndex;
pub use rare::{PreviousDigest, Rare, RareFields};
pub use record::{BrowserRule, KeyLimits, KeyRecord, KeyState, KeyUse, OverConnections, State};
pub use set::{KeySet, KeySetBuilder, KeySetError};
pub use thin::Thin;
