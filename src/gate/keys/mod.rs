//! Keys: what is written of each and how that changes over its life, what is kept of each for decisions, and the immutable set that
//! they are made against.

mod counts;
mod id;
mod in_order;
mod key;
mod life;
mod origins;
mod rare;
mod record;
mod set;
mod shared;
mod table;
mod thin;
mod uses;
mod warning;

pub use counts::Counts;
pub use id::KeyId;
pub use key::{About, Key, KeyChange};
pub use life::{DEFAULT_GRACE_MS, Life, MAX_GRACE_MS, MAX_PREVIOUS, Refused, Step};
pub use origins::OriginIndex;
pub use rare::{PreviousDigest, Rare, RareFields};
pub use record::{BrowserRule, KeyLimits, KeyRecord, KeyState, KeyUse, OverConnections, State};
pub use set::{KeySet, KeySetBuilder, KeySetError};
pub use thin::Thin;
pub use uses::{Counted, Uses};
pub use warning::Warning;
