//! Opening a tunnel: connect, pass the head on, read the answer, and decide what may flow after it.

use std::sync::Arc;

use tokio::{io::AsyncWriteExt as _, time::timeout};

use super::{
    answer_head::{self, Answered},
    flow::{Flow, Follow},
    handshake::Expected,
    meter::Meter,
    relay::{Parts, Tunnel},
};
use crate::{
    dialect::{EventTracker, FrameTracker},
    downstream::HandshakeRefusal,
    edge::{
        Edge,
        client::Client,
        connection::Held,
        decide,
        exchange::Asked,
        registry::Entered,
        scratch::read_some,
        upstream::{Aim, UpstreamStream},
    },
    gate::{denial::Denial, permit::Permit},
    telemetry::{Telemetry, UpstreamError},
};

/// A permitted stream that is not open yet.
pub struct Opening {
    /// The head for the backend.
    pub head: Vec<u8>,
    /// What a WebSocket's answer must be; `None` for an event stream.
    pub expected: Option<Expected>,
    /// Where it goes.
    pub aim: Aim,
    /// Evidence that it may be opened.
    pub permit: Permit,
    /// What is known of the request.
    pub asked: Asked,
    /// Its place in the registry.
    pub stream: Entered,
}

impl Opening {
    /// The last answer to a client whose stream did not open.
    #[must_use]
    pub fn failure(&self, denial: Denial, how: HandshakeRefusal) -> Vec<u8> {
        let expected = self.expected.as_ref().filter(|_| how == HandshakeRefusal::Close);
        let closed = expected.and_then(|expected| expected.refusal(denial, self.asked.id.as_str()));
        closed.unwrap_or_else(|| decide::failure(denial, &self.asked))
    }
}

/// Why a stream did not open.
pub enum Failed {
    /// The backend failed; nothing was answered yet.
    Upstream(UpstreamError),
    /// The client left while it was being answered.
    Client,
}

/// What a client may send before it has its answer: held here, for none of it goes on before a 101.
const MAX_EARLY_BYTES: usize = 16 * 1024;

/// Opens a stream on `client`, which is only borrowed until the answer is on its way, so that a failure can be answered too.
///
/// # Errors
/// Why it did not open.
pub async fn open(client: &mut Client, opening: &mut Opening, early: &mut Vec<u8>, edge: &Edge) -> Result<Opened, Failed> {
    let asked = tokio::select! {
        biased;
        asked = ask(opening, &edge.telemetry) => asked,
        () = left(client, early) => return Err(Failed::Client),
    };
    let (upstream, answer, end) = asked.map_err(Failed::Upstream)?;
    let answered = answer_head::parse(&answer[..end], |name| opening.asked.replaces(name)).map_err(Failed::Upstream)?;
    let (up, down) = flows(&answered, opening, early, &answer[end..], edge).map_err(Failed::Upstream)?;
    let own_protocol = opening.expected.as_ref().filter(|_| up.is_some()).and_then(|expected| expected.own_selection(&answered));
    let more = [("X-Request-Id", opening.asked.id.as_str())]
        .into_iter()
        .chain(own_protocol.map(|protocol| ("Sec-WebSocket-Protocol", protocol)))
        .chain(opening.asked.headers());
    let head = answered.rewritten(more);
    client.write_all(&head).await.map_err(|_| Failed::Client)?;
    client.flush().await.map_err(|_| Failed::Client)?;
    Ok(Opened { upstream, up, down, status: answered.status })
}

/// Connects, passes the head on and reads the answer's; returns how much of what was read is head.
async fn ask(opening: &mut Opening, telemetry: &Telemetry) -> Result<(UpstreamStream, Vec<u8>, usize), UpstreamError> {
    let (mut upstream, sent) = opening.aim.connect(&opening.head, |error| telemetry.upstream_failed(error)).await?;
    let exchange = async {
        upstream.write_all(&opening.head[sent..]).await.map_err(|_| UpstreamError::Closed)?;
        upstream.flush().await.map_err(|_| UpstreamError::Closed)?;
        let mut answer = Vec::new();
        let end = answer_head::read(&mut upstream, &mut answer).await?;
        Ok((answer, end))
    };
    let (answer, end) = timeout(opening.aim.timeouts().head, exchange).await.unwrap_or(Err(UpstreamError::HeadTimeout))?;
    Ok((upstream, answer, end))
}

/// Ready when the client leaves: its place under a limit is not held for a backend that takes its time.
async fn left(client: &mut Client, early: &mut Vec<u8>) {
    while early.len() < MAX_EARLY_BYTES {
        if !matches!(read_some(client, early, MAX_EARLY_BYTES).await, Ok(1..)) {
            return;
        }
    }
    std::future::pending().await
}

/// A stream whose answer is on its way to the client.
pub struct Opened {
    upstream: UpstreamStream,
    up: Option<Flow>,
    down: Flow,
    /// The status of the answer.
    pub status: u16,
}

impl Opened {
    /// The tunnel.
    pub fn into_tunnel(self, edge: &Edge, client: Client, opening: Box<Opening>, held: Held) -> Box<Tunnel> {
        let Opening { permit, aim, stream, .. } = *opening;
        let parts = Parts {
            client,
            upstream: self.upstream,
            stream,
            telemetry: Arc::clone(&edge.telemetry),
            clock: edge.clock,
            lease: permit.into_lease(),
            held,
            upstream_use: aim.into_use(),
            patience: edge.settings.load().timeouts.body,
        };
        Box::new(Tunnel::new(parts, self.up, self.down))
    }
}

/// What may flow after this answer: both ways after a proven upgrade, else the answer's body alone.
fn flows(
    answered: &Answered<'_>,
    opening: &Opening,
    from_client: &[u8],
    from_upstream: &[u8],
    edge: &Edge,
) -> Result<(Option<Flow>, Flow), UpstreamError> {
    let frames = || Follow::Frames(FrameTracker::default());
    match &opening.expected {
        Some(expected) if expected.is_met_by(answered) => {
            let up = if opening.permit.route().one_way { Follow::Controls(FrameTracker::default()) } else { frames() };
            let up = match opening.permit.allowance() {
                None => Flow::new(up, from_client),
                Some(limits) => Flow::metered(up, Meter::new(limits, edge.clock, Arc::clone(&edge.telemetry), from_client)),
            };
            Ok((Some(up), Flow::new(frames(), from_upstream)))
        }
        // A 101 that was not asked for, or does not prove that it answers this handshake.
        _ if answered.status < 200 => Err(UpstreamError::Protocol),
        _ => {
            let events = answered.event_stream.then(EventTracker::default);
            Ok((None, Flow::new(Follow::Body(answered.framing()?, events), from_upstream)))
        }
    }
}
