//! Where key sets come from. Today: files, read whole and watched for change. And where a gate keeps what it must not forget.
//!
//! Knows how to get text and when to get it again; what the text means is the configuration's affair.

mod file;
mod state;
mod watch;

pub use file::{MAX_CONFIG_BYTES, MAX_KEYS_BYTES, read_text};
pub use state::{read_state, write_state};
pub use watch::{Changes, watch};
