//! What a key may do: operations on channels, with Ably's semantics, rights to a backend's management routes, and the right to
//! manage Keygate's own keys.
//!
//! A [`Channel`] is what a request names, a [`Pattern`] is what a capability names, and [`Capabilities`] say which operations a key
//! has where. A [`Need`] is what a request asks of them. Nothing here knows where a channel's name was found, or what a frame is.

mod admin;
mod canonical;
mod channel;
mod need;
mod operation;
mod pattern;
mod right;
mod set;
mod tree;

pub use admin::{AdminRight, AdminRights};
pub use channel::{Channel, Namespace};
pub use need::{Need, Place};
pub use operation::{Operation, Operations};
pub use pattern::Pattern;
pub use right::{Right, RightError};
pub use set::Capabilities;
