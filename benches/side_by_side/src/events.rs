//! Server-sent events, both ends: the backend's answer, which goes on for as long as the client stays, and the client that reads it.

use anyhow::{Context, Result, ensure};
use bytes::BytesMut;
use tokio::sync::watch;

use crate::client::{RIGHT_KEY, Target};
use crate::wire::Wire;

/// As servers of events say it: to nginx, that it must not hold events back.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: backend\r\n\
    Date: Mon, 02 Nov 2026 10:00:00 GMT\r\n\
    Content-Type: text/event-stream\r\n\
    Cache-Control: no-store\r\n\
    X-Accel-Buffering: no\r\n\
    Transfer-Encoding: chunked\r\n\r\n";

pub struct EventStream {
    wire: Wire,
}

/// Answers with an event for each turn, the present one at once, until the client leaves.
pub async fn serve(mut wire: Wire, mut turns: watch::Receiver<u64>) -> Result<()> {
    wire.send(ANSWER).await?;
    loop {
        let event = event(*turns.borrow_and_update());
        wire.send(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await?;
        tokio::select! {
            changed = turns.changed() => changed?,
            // Nothing is to come from the client but its end.
            more = wire.has_more() => {
                ensure!(!more?, "bytes of a client behind its request for events");
                return Ok(());
            }
        }
    }
}

fn event(turn: u64) -> String {
    format!("data: {turn}\n\n")
}

impl EventStream {
    /// Opens a stream, and reads the event of the present turn.
    pub async fn open(target: &Target, turn: u64) -> Result<Self> {
        let mut wire = target.connect().await?;
        wire.send(target.request("/events", RIGHT_KEY, "Accept: text/event-stream\r\n").as_bytes()).await?;
        let head = wire.head().await?.context("closed without an answer")?;
        let status = head.status()?;
        ensure!(status == 200, "a request for events was answered {status}");
        let chunked = head.field("transfer-encoding");
        ensure!(chunked == Some("chunked"), "Transfer-Encoding was {chunked:?}");
        let mut stream = Self { wire };
        stream.hears(turn).await?;
        Ok(stream)
    }

    /// Insists that the next event is that of this turn.
    pub async fn hears(&mut self, turn: u64) -> Result<()> {
        let mut heard = BytesMut::new();
        while !heard.ends_with(b"\n\n") {
            let size = self.wire.line().await?;
            let size = usize::from_str_radix(size.trim(), 16).context("a chunk without a size")?;
            ensure!(size > 0, "the events ended");
            heard.extend_from_slice(&self.wire.take(size).await?);
            self.wire.take(2).await?;
        }
        ensure!(heard == event(turn).as_bytes(), "the event differs from what was sent");
        Ok(())
    }
}
