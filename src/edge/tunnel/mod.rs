//! Long-lived streams: WebSockets and server-sent events, relayed by us.
//!
//! The rules of a tunnel. No byte that the client sent behind its head goes to the backend before a 101 whose
//! `Sec-WebSocket-Accept` is right. On any other answer, and on every event stream, none ever does: the answer alone is relayed,
//! its framing followed, one answer for each connection to the backend. Else a second request would slip through undecided.

mod answer_head;
mod flow;
mod goodbye;
mod handshake;
mod meter;
mod open;
mod relay;

pub use answer_head::{parse as parse_answer, read as read_answer};
pub use handshake::Expected;
pub use open::{Failed, Opening, open};
pub use relay::Tunnel;
