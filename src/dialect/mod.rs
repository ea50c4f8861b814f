//! Readers of what flows inside a stream. PURE and incremental: any split of the same bytes gives the same answers, and none of
//! them keeps a payload.

mod close;
mod events;
mod frames;
mod proxy_protocol;

pub use close::{CloseCode, close_frame};
pub use events::{EventTracker, event};
pub use frames::{ControlsOnly, FrameRule, FrameSize, FrameStart, FrameTracker};
pub use proxy_protocol::{MAX_HEADER_BYTES, Malformed, Proxied, read_proxy_header};
