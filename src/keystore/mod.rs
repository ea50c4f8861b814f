//! Where key sets come from: files, read whole and watched for change. And where a gate keeps what it must not forget.
//!
//! Knows how to get text and when to get it again; what the text means is the configuration's affair.

mod file;
mod state;
mod watch;

pub use file::read_text;
pub use state::{read_state, write_state};
pub use watch::{Changes, watch};
