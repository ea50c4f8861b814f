//! Keys: what is kept of each, and the immutable set that decisions are made against.

mod app;
mod origins;
mod rare;
mod record;
mod set;
mod table;

pub use app::AppName;
pub use origins::OriginIndex;
pub use rare::{PreviousDigest, Rare, RareFields};
pub use record::{BrowserRule, KeyLimits, KeyRecord, KeyState, KeyUse, State};
pub use set::{KeySet, KeySetBuilder, KeySetError};
