//! Reading a body that the decision hangs on, before anything is forwarded.

use std::time::Duration;

use tokio::{io::AsyncWriteExt as _, time::timeout};

use super::{
    body::{BodyFraming, Fed},
    client::Client,
    scratch::read_some,
};
use crate::gate::denial::Denial;

/// The largest body that is read for its channels: it is held in memory until it goes on.
pub const MAX_INSPECTED_BYTES: usize = 64 * 1024;
/// With its framing: chunks of one byte take six each, which nobody needs for more than a small body.
const MAX_FRAMED_BYTES: usize = MAX_INSPECTED_BYTES + 16 * 1024;
const READ_BYTES: usize = 16 * 1024;

/// Tells the client to send its body (RFC 9110 section 10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A body that was read.
pub struct Collected {
    /// What it says, without its framing.
    pub content: Vec<u8>,
    /// How many of the bytes that were read it took.
    pub end: usize,
}

/// Why there is no body.
pub enum NoBody {
    /// The client left.
    Gone,
    /// What to answer. Nothing of what was read is lost.
    Refused(Denial),
}

/// Reads the body that begins with `read`, which grows by what comes, framing and all.
///
/// # Errors
/// Why the body cannot be had.
pub async fn collect(
    client: &mut Client,
    read: &mut Vec<u8>,
    framing: BodyFraming,
    deadline: Duration,
) -> Result<Collected, NoBody> {
    if !may_be_read(framing) {
        return Err(NoBody::Refused(Denial::BodyTooLarge));
    }
    timeout(deadline, read_all(client, read, framing)).await.unwrap_or(Err(NoBody::Refused(Denial::BodyTimeout)))
}

/// Whether a body is not known from the start to be too large.
#[must_use]
pub const fn may_be_read(framing: BodyFraming) -> bool {
    !matches!(framing, BodyFraming::Length(length) if length > MAX_INSPECTED_BYTES as u64)
}

/// Answers the client's wish to be told to go on, so that no backend has to, and none can leave it waiting.
///
/// # Errors
/// If the client is gone.
pub async fn invite(client: &mut Client) -> std::io::Result<()> {
    client.write_all(CONTINUE).await?;
    client.flush().await
}

async fn read_all(client: &mut Client, read: &mut Vec<u8>, mut framing: BodyFraming) -> Result<Collected, NoBody> {
    let mut collected = Collected { content: Vec::new(), end: 0 };
    loop {
        let Collected { content, end } = &mut collected;
        match framing.feed_to(&read[*end..], |data| content.extend_from_slice(data)) {
            Fed::All => *end = read.len(),
            Fed::Ended(here) => *end += here,
            Fed::Broken => return Err(NoBody::Refused(Denial::BodyUnreadable)),
        }
        if content.len() > MAX_INSPECTED_BYTES || *end > MAX_FRAMED_BYTES {
            return Err(NoBody::Refused(Denial::BodyTooLarge));
        }
        if framing.is_done() {
            return Ok(collected);
        }
        if !matches!(read_some(client, read, READ_BYTES).await, Ok(1..)) {
            return Err(NoBody::Gone);
        }
    }
}
