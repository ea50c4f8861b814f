//! A client's connection, from its first head to its end: read a head, decide, answer; again until one side has had enough.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{io::AsyncWriteExt as _, time::timeout};

use super::{
    Edge,
    body::{BodyFraming, Fed},
    client::Client,
    decide::{self, Answer, Exchange, First, Inspect, Next},
    head::{HeadEnd, ReadError, read_head},
    http::{self, Sent, Ticket},
    inspect::{self, Collected, NoBody},
    registry::until_cut,
    scratch::read_some,
    settings::Timeouts,
    tunnel::{self, Failed, Opening, Tunnel},
};
use crate::{
    gate::{
        denial::Denial,
        limit::{Lease, PeerLease, Places},
        peer::PeerAddress,
    },
    telemetry::Telemetry,
};

/// The rest of a refused request that is read to keep the connection; for more than this a new one is cheaper.
const MAX_DISCARDED_BYTES: u64 = 64 * 1024;
/// How long a client has to take its last answer in.
const LINGER: Duration = Duration::from_secs(1);

/// The places that a connection holds, under the gate's limit and its peer's.
pub struct Held {
    telemetry: Arc<Telemetry>,
    _gate: Lease<Places>,
    peer: Option<PeerLease>,
}

impl Held {
    /// Counts the connection for as long as this lives.
    #[must_use]
    pub fn new(telemetry: Arc<Telemetry>, gate: Lease<Places>) -> Self {
        telemetry.client(true);
        Self { telemetry, _gate: gate, peer: None }
    }

    /// Holds a place under the peer's limit too.
    pub fn of_peer(&mut self, lease: Option<PeerLease>) {
        self.peer = lease;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.telemetry.client(false);
    }
}

/// Serves a connection until it ends or becomes a tunnel, which is returned: it may live for days, and what leads to it is large.
/// `socket` is the address at its other end, or the one that the PROXY protocol names.
pub async fn serve(edge: Arc<Edge>, mut client: Client, socket: PeerAddress, held: Held) -> Option<Box<Tunnel>> {
    let mut buffer = Vec::new();
    loop {
        let timeouts = edge.settings.load().timeouts;
        let end = match next_head(&edge, &mut client, &mut buffer, &timeouts).await {
            Ok(end) => end,
            Err(ReadError::Gone) => return None,
            Err(error) => {
                let answer = decide::unread(&edge, socket, &error);
                finish(client, &answer.bytes).await;
                return None;
            }
        };
        let mut rest = buffer.split_off(end);
        let next = match decide::decide(&edge, &buffer, socket, client.is_secure()) {
            First::Next(next) => next,
            First::Inspect(inspect) => {
                // Boxed, as what only some requests need is, so that not every connection has the room for it.
                let looked = Box::pin(look_into(&edge, &mut client, &buffer, &mut rest, socket, inspect));
                looked.await?
            }
        };
        match next {
            Next::Answer(answer) => {
                if !give(&mut client, &answer, &mut rest, timeouts.head).await {
                    finish(client, b"").await;
                    return None;
                }
            }
            Next::Http(Exchange { head, ticket, stream, body, content, invite }) => {
                if invite && rest.is_empty() && inspect::invite(&mut client).await.is_err() {
                    return None;
                }
                let Some((end, body)) = past(body, &rest) else {
                    broken(&edge, client, &ticket).await;
                    return None;
                };
                let mut next = rest.split_off(end);
                let mut bytes = head;
                bytes.extend(content);
                bytes.extend(rest);
                let sent = Sent { bytes, body, patience: timeouts.body };
                let exchange = pin!(http::exchange(&edge.proxy, client, sent, ticket));
                let exchanged = until_cut(&stream, exchange).await;
                let Ok(Some((back, came))) = exchanged else { return None };
                client = back;
                next.extend(came);
                rest = next;
            }
            Next::Stream(opening) => {
                return stream(&edge, client, opening, rest, held).await;
            }
        }
        buffer = rest;
    }
}

/// Reads the body that the decision hangs on, and decides. What is left in `rest` has not been judged yet; `None` if the client left.
async fn look_into(
    edge: &Edge,
    client: &mut Client,
    head: &[u8],
    rest: &mut Vec<u8>,
    socket: PeerAddress,
    asked: Inspect,
) -> Option<Next> {
    let invited = asked.invite && rest.is_empty() && inspect::may_be_read(asked.body);
    if invited {
        inspect::invite(client).await.ok()?;
    }
    let read = match inspect::collect(client, rest, asked.body, edge.settings.load().timeouts.head).await {
        Ok(Collected { content, end }) => {
            rest.drain(..end);
            Ok(content)
        }
        Err(NoBody::Refused(denial)) => Err(denial),
        Err(NoBody::Gone) => return None,
    };
    let mut next = decide::inspected(edge, head, socket, client.is_secure(), asked, read);
    if let Next::Http(exchange) = &mut next {
        exchange.invite &= !invited;
    }
    Some(next)
}

/// Waits for a head. A connection that is idle when the gate closes is left; one that has begun a head is still heard.
async fn next_head(edge: &Edge, client: &mut Client, buffer: &mut Vec<u8>, timeouts: &Timeouts) -> Result<HeadEnd, ReadError> {
    tokio::select! {
        biased;
        read = read_head(client, buffer, timeouts.idle, timeouts.head) => return read,
        () = edge.drain.closed() => {}
    }
    if buffer.is_empty() {
        return Err(ReadError::Gone);
    }
    read_head(client, buffer, timeouts.idle, timeouts.head).await
}

/// Gives an answer and gets past the request's body. Returns whether the connection can go on.
async fn give(client: &mut Client, answer: &Answer, rest: &mut Vec<u8>, deadline: Duration) -> bool {
    let written = timeout(deadline, async {
        client.write_all(&answer.bytes).await?;
        client.flush().await
    });
    if !matches!(written.await, Ok(Ok(()))) || answer.close {
        return false;
    }
    if answer.body.is_done() {
        return true;
    }
    timeout(deadline, discard(client, rest, answer.body)).await.unwrap_or(false)
}

/// Reads to the end of a body, keeping what follows it.
async fn discard(client: &mut Client, rest: &mut Vec<u8>, mut body: BodyFraming) -> bool {
    let mut seen = 0;
    while !body.is_done() {
        if rest.is_empty() && !matches!(read_some(client, rest, 16 * 1024).await, Ok(1..)) {
            return false;
        }
        let taken = match body.feed(rest) {
            Fed::All => rest.len(),
            Fed::Ended(end) => end,
            Fed::Broken => return false,
        };
        rest.drain(..taken);
        seen += taken as u64;
        if seen > MAX_DISCARDED_BYTES {
            return false;
        }
    }
    true
}

/// How many of `bytes` belong to a request's body, and what is still to come of it; `None` where they are no body.
fn past(mut body: BodyFraming, bytes: &[u8]) -> Option<(usize, BodyFraming)> {
    match body.feed(bytes) {
        Fed::Ended(end) => Some((end, body)),
        Fed::All => Some((bytes.len(), body)),
        Fed::Broken => None,
    }
}

/// Refuses a request that was permitted and whose body is none.
async fn broken(edge: &Edge, client: Client, ticket: &Ticket) {
    let denial = Denial::BadRequest;
    ticket.asked.report(&edge.telemetry, &edge.clock, &ticket.permit, denial.status(), Some(denial));
    finish(client, &decide::failure(denial, &ticket.asked)).await;
}

/// Writes a last answer and waits a little for the client to take it in: closing at once with unread bytes resets the connection,
/// and the reset may overtake the answer (RFC 9112 section 9.6).
async fn finish(mut client: Client, last: &[u8]) {
    let goodbye = async {
        client.write_all(last).await?;
        client.shutdown().await?;
        let mut sink = Vec::new();
        while sink.len() < 64 * 1024 && read_some(&mut client, &mut sink, 16 * 1024).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whoever does not take it in has had the time to.
    let _ = timeout(LINGER, goodbye).await;
}

/// Opens a stream.
async fn stream(
    edge: &Edge,
    mut client: Client,
    mut opening: Box<Opening>,
    mut early: Vec<u8>,
    held: Held,
) -> Option<Box<Tunnel>> {
    let stream = opening.stream.live();
    let opened = {
        let open = pin!(tunnel::open(&mut client, &mut opening, &mut early, edge));
        until_cut(&stream, open).await
    };
    let report = |status, denial| opening.asked.report(&edge.telemetry, &edge.clock, &opening.permit, status, denial);
    let denial = match opened {
        Ok(Ok(opened)) => {
            report(opened.status, None);
            return Some(opened.into_tunnel(edge, client, opening, held));
        }
        Ok(Err(Failed::Client)) => {
            report(0, None);
            return None;
        }
        Ok(Err(Failed::Upstream(error))) => {
            edge.telemetry.upstream_failed(error);
            error.denial()
        }
        Err(reason) => Denial::from(reason),
    };
    report(denial.status(), Some(denial));
    let answer = opening.failure(denial, edge.settings.load().handshake_refusal);
    finish(client, &answer).await;
    None
}
