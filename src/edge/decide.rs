//! From the bytes of a head to what happens next. Synchronous: the borrowed head never outlives it.

mod request;

use std::{mem::MaybeUninit, sync::Arc, time::Duration};

use self::request::Request;
use super::{
    Edge,
    answer::{self, About},
    body::BodyFraming,
    exchange::{Asked, RequestId},
    head::{HeadError, MAX_HEADERS, ReadError, parse_strictly},
    http::Ticket,
    registry::Entered,
    settings::Settings,
    tunnel::Opening,
};
use crate::{
    gate::{
        NeedBody,
        denial::Denial,
        peer::{Found, Peer, PeerAddress},
        request::{RequestHead, Transport},
        time::Timestamp,
    },
    telemetry::{self, Decided, Outcome},
};

/// What a head leads to.
pub enum First {
    /// What happens next is known.
    Next(Next),
    /// The body has to be read first; [`inspected`] goes on.
    Inspect(Inspect),
}

/// What happens next.
pub enum Next {
    /// The gate answers itself.
    Answer(Answer),
    /// pingora exchanges it.
    Http(Exchange),
    /// A tunnel is opened.
    Stream(Box<Opening>),
}

/// A request on its way to pingora.
pub struct Exchange {
    /// The head for the backend.
    pub head: Vec<u8>,
    /// Evidence that it may go there.
    pub ticket: Box<Ticket>,
    /// Its place in the registry.
    pub stream: Entered,
    /// The body that follows the client's head; nothing where `content` holds it.
    pub body: BodyFraming,
    /// The body, where it was read for the decision: what was judged is what goes on.
    pub content: Vec<u8>,
    /// Whether the client waits to be told to send its body.
    pub invite: bool,
}

/// A request whose body has to be read.
pub struct Inspect {
    need: NeedBody,
    moment: Moment,
    /// Its body.
    pub body: BodyFraming,
    /// Whether the client waits to be told to send it.
    pub invite: bool,
}

/// An answer of the gate itself.
pub struct Answer {
    /// Head and body.
    pub bytes: Vec<u8>,
    /// Whether it ends the connection.
    pub close: bool,
    /// The body of the request, which must be got past before the next head.
    pub body: BodyFraming,
}

/// When a request came, and into what.
struct Moment {
    id: RequestId,
    now: Timestamp,
    /// In force before the gate was asked: whatever it decides by is of these settings, or later.
    settings: Arc<Settings>,
}

/// Decides about the request whose head is `bytes`, over a connection from `socket` that is encrypted if `tls`.
pub fn decide(edge: &Edge, bytes: &[u8], socket: PeerAddress, tls: bool) -> First {
    let now = edge.clock.now();
    let moment = Moment { id: edge.request_ids.next(now), now, settings: edge.settings.load_full() };
    let asked = with_head(edge, bytes, (socket, tls), moment, |request| request.told_of_peer().decided());
    asked.unwrap_or_else(|answer| First::Next(Next::Answer(answer)))
}

/// Goes on with a request whose body was read, or could not be.
pub fn inspected(
    edge: &Edge,
    bytes: &[u8],
    socket: PeerAddress,
    tls: bool,
    inspect: Inspect,
    read: Result<Vec<u8>, Denial>,
) -> Next {
    let Inspect { need, moment, .. } = inspect;
    with_head(edge, bytes, (socket, tls), moment, |request| request.judged(need, read)).unwrap_or_else(Next::Answer)
}

/// Shows the request in `bytes` to `see`, or answers that there is none. A head is read anew for whoever needs it: what borrows from it
/// cannot wait for a body.
fn with_head<T>(
    edge: &Edge,
    bytes: &[u8],
    (socket, tls): (PeerAddress, bool),
    moment: Moment,
    see: impl FnOnce(Request<'_>) -> T,
) -> Result<T, Answer> {
    let unreadable = |peer, denial, rule| unreadable(edge, peer, denial, rule, &moment.id, moment.now);
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let parsed = parse_strictly(bytes, &mut headers).map_err(|error| match error {
        HeadError::TooLarge => unreadable(socket, Denial::HeadTooLarge, None),
        HeadError::Broken(rule) => unreadable(socket, Denial::BadRequest, Some(rule)),
    })?;
    let peer = Peer::resolve(socket, tls, &edge.gate.snapshot().policy.trusted_proxies, parsed.headers);
    let mut head = RequestHead::new(parsed.method, parsed.target, parsed.headers, peer.address, peer.secure)
        .map_err(|rule| unreadable(peer.address, Denial::BadRequest, Some(rule)))?;
    head.sent_by(&peer);
    let (head, unheard) = (in_version(head, parsed.minor_version), peer.chain.found() == Found::Unheard);
    Ok(see(Request { edge, parsed: &parsed, head, unheard, moment }))
}

/// HTTP/1.0 knows no chunks, so its streams go through pingora, which buffers no more than they need.
fn in_version(mut head: RequestHead<'_>, minor_version: u8) -> RequestHead<'_> {
    if minor_version == 0 && head.transport == Transport::EventStream {
        head.transport = Transport::Http;
    }
    head
}

/// Answers a client whose head never became whole.
pub fn unread(edge: &Edge, peer: PeerAddress, error: &ReadError) -> Answer {
    let now = edge.clock.now();
    let id = edge.request_ids.next(now);
    let (denial, rule) = match error {
        ReadError::Timeout => (Denial::HeadTimeout, None),
        ReadError::TooLarge => (Denial::HeadTooLarge, None),
        ReadError::NotHttp | ReadError::Gone => (Denial::BadRequest, Some("the first byte begins no request")),
    };
    unreadable(edge, peer, denial, rule, &id, now)
}

/// The answer of a permitted request that the backend or the gate failed.
pub fn failure(denial: Denial, asked: &Asked) -> Vec<u8> {
    let cors_origin = asked.cors_origin.as_deref();
    answer::refusal(denial, &About { request_id: asked.id.as_str(), cors_origin, close: true, ..About::default() })
}

/// After a head that cannot be trusted, neither can what follows it: the connection ends.
fn unreadable(edge: &Edge, peer: PeerAddress, denial: Denial, rule: Option<&str>, id: &RequestId, now: Timestamp) -> Answer {
    edge.gate.refuse_unread(peer, now);
    let transport = Transport::Http;
    edge.telemetry.decided(&Decided {
        route: None,
        transport,
        outcome: Outcome::Deny(denial),
        location: None,
        took: since(edge, now),
    });
    let exchange = telemetry::Exchange {
        request_id: id.as_str(),
        peer,
        method: "",
        path: "",
        denial: Some(denial),
        reported: None,
        detail: rule,
        origin: None,
        key: None,
        route: None,
        transport,
        status: denial.status(),
        took: since(edge, now),
        browser_report: false,
    };
    edge.telemetry.exchanged(&exchange, now.ticks_ns);
    let bytes = answer::refusal(denial, &About { request_id: id.as_str(), close: true, ..About::default() });
    Answer { bytes, close: true, body: BodyFraming::Length(0) }
}

fn since(edge: &Edge, then: Timestamp) -> Duration {
    Duration::from_nanos(edge.clock.ticks_ns().saturating_sub(then.ticks_ns))
}
