//! Readers of what flows inside a stream. PURE and incremental: any split of the same bytes gives the same answers, and none of
//! them keeps a payload.

mod frames;

pub use frames::{CloseCode, FrameTracker, close_frame};
