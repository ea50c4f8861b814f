//! From the bytes of a head to what happens next. Synchronous: the borrowed head never outlives it.

use std::{mem::MaybeUninit, net::IpAddr, sync::Arc, time::Duration};

use super::{
    Edge,
    answer::{self, About, REFUSALS_PATH},
    body::{BodyFraming, Chunk},
    exchange::{Asked, RequestId},
    forward::{After, Own, upstream_head},
    head::{Body, HeadError, MAX_HEADERS, Parsed, ReadError, parse_strictly},
    http::Ticket,
    limit_fields,
    registry::{CutReason, Entered, LiveStream},
    tunnel::{Expected, Opening},
};
use crate::{
    gate::{
        Admitted, NeedBody,
        denial::{Blame, Denial},
        peer::{Found, Peer},
        permit::{Permit, Refusal},
        request::{RequestHead, Transport},
        time::Timestamp,
    },
    telemetry::{self, Decided, Outcome, Unheard},
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
    id: RequestId,
    at: Timestamp,
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

/// Decides about the request whose head is `bytes`, over a connection from `socket` that is encrypted if `tls`.
pub fn decide(edge: &Edge, bytes: &[u8], socket: IpAddr, tls: bool) -> First {
    let now = edge.clock.now();
    let id = edge.request_ids.next(now);
    let asked = with_head(edge, bytes, (socket, tls), id, now, |request| request.told_of_peer().decided());
    asked.unwrap_or_else(|answer| First::Next(Next::Answer(answer)))
}

/// Goes on with a request whose body was read, or could not be.
pub fn inspected(edge: &Edge, bytes: &[u8], socket: IpAddr, tls: bool, inspect: Inspect, read: Result<Vec<u8>, Denial>) -> Next {
    let Inspect { need, id, at, .. } = inspect;
    with_head(edge, bytes, (socket, tls), id, at, |request| request.judged(need, read)).unwrap_or_else(Next::Answer)
}

/// Shows the request in `bytes` to `see`, or answers that there is none. A head is read anew for whoever needs it: what borrows from it
/// cannot wait for a body.
fn with_head<T>(
    edge: &Edge,
    bytes: &[u8],
    (socket, tls): (IpAddr, bool),
    id: RequestId,
    now: Timestamp,
    see: impl FnOnce(Request<'_>) -> T,
) -> Result<T, Answer> {
    let unreadable = |peer, denial, rule| unreadable(edge, peer, denial, rule, &id, now);
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let parsed = parse_strictly(bytes, &mut headers).map_err(|error| match error {
        HeadError::TooLarge => unreadable(socket, Denial::HeadTooLarge, None),
        HeadError::Broken(rule) => unreadable(socket, Denial::BadRequest, Some(rule)),
    })?;
    let peer = Peer::resolve(socket, tls, &edge.gate.snapshot().policy.trusted_proxies, parsed.headers);
    let mut head = RequestHead::new(parsed.method, parsed.target, parsed.headers, peer.address, peer.secure)
        .map_err(|rule| unreadable(peer.address, Denial::BadRequest, Some(rule)))?;
    head.sent_by(&peer);
    Ok(see(Request {
        edge,
        parsed: &parsed,
        head: in_version(head, parsed.minor_version),
        unheard: peer.chain.found() == Found::Unheard,
        id,
        now,
    }))
}

/// HTTP/1.0 knows no chunks, so its streams go through pingora, which buffers no more than they need.
fn in_version(mut head: RequestHead<'_>, minor_version: u8) -> RequestHead<'_> {
    if minor_version == 0 && head.transport == Transport::EventStream {
        head.transport = Transport::Http;
    }
    head
}

/// Answers a client whose head never became whole.
pub fn unread(edge: &Edge, peer: IpAddr, error: &ReadError) -> Answer {
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
fn unreadable(edge: &Edge, peer: IpAddr, denial: Denial, rule: Option<&str>, id: &RequestId, now: Timestamp) -> Answer {
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

struct Request<'a> {
    edge: &'a Edge,
    parsed: &'a Parsed<'a, 'a>,
    head: RequestHead<'a>,
    /// Whether it says who asks, and is not believed.
    unheard: bool,
    id: RequestId,
    now: Timestamp,
}

impl Request<'_> {
    fn told_of_peer(self) -> Self {
        if self.unheard {
            self.edge.telemetry.unheard(&Unheard { socket: self.head.peer }, self.now.ticks_ns);
        }
        self
    }

    fn decided(self) -> First {
        let verdict = if let Some(answer) = self.answer() {
            return First::Next(Next::Answer(answer));
        } else if self.edge.drain.is_draining() && self.head.transport.is_stream() {
            Err(Refusal::bare(Denial::Draining))
        } else {
            self.edge.gate.admit(&self.head, self.now)
        };
        First::Next(match verdict {
            Ok(Admitted::Permit(permit)) => self.done(Ok(permit), None),
            Ok(Admitted::NeedBody(need)) => {
                let invite = self.waits_for_invitation();
                return First::Inspect(Inspect { need, id: self.id, at: self.now, body: self.body(), invite });
            }
            Err(refusal) => self.done(Err(refusal), None),
        })
    }

    /// The answer to what is not the gate's decision.
    fn answer(&self) -> Option<Answer> {
        if self.parsed.minor_version == 0 && self.head.transport == Transport::WebSocket {
            let rule = Some("an upgrade in HTTP/1.0");
            return Some(unreadable(self.edge, self.head.peer, Denial::BadRequest, rule, &self.id, self.now));
        }
        if self.head.path.starts_with("/keygate/") {
            return Some(self.own_page());
        }
        self.edge.gate.preflight(&self.head, self.now).map(|answer| self.preflight(answer))
    }

    fn judged(&self, need: NeedBody, read: Result<Vec<u8>, Denial>) -> Next {
        match read {
            Ok(content) => self.done(self.edge.gate.finish(need, &content, self.now), Some(content)),
            Err(denial) => self.done(self.edge.gate.give_up(need, denial, self.now), None),
        }
    }

    fn done(&self, verdict: Result<Permit, Refusal>, content: Option<Vec<u8>>) -> Next {
        self.tell(&verdict);
        match verdict {
            Ok(permit) => self.permitted(permit, content),
            Err(refusal) => Next::Answer(self.refused(&refusal, content.is_some())),
        }
    }

    /// Counts the decision and what limits said.
    fn tell(&self, verdict: &Result<Permit, Refusal>) {
        let (route, outcome, location) = match verdict {
            Ok(permit) => {
                let outcome = permit.reported().map_or(Outcome::Allow, Outcome::Report);
                (Some(permit.route()), outcome, permit.location())
            }
            Err(refusal) => (refusal.route.as_ref(), Outcome::Deny(refusal.denial), None),
        };
        let asked = match verdict {
            Ok(permit) => limit_fields::asked(permit.reported(), permit.charges()),
            Err(refusal) => limit_fields::asked(Some(refusal.denial), &refusal.charges),
        };
        let route = route.map(|route| &route.name);
        let took = since(self.edge, self.now);
        self.edge.telemetry.decided(&Decided { route, transport: self.head.transport, outcome, location, took });
        if let Some((scope, passed)) = asked {
            self.edge.telemetry.limit_asked(scope, passed);
        }
    }

    fn permitted(&self, permit: Permit, content: Option<Vec<u8>>) -> Next {
        let (head, edge) = (&self.head, self.edge);
        let after = match head.transport {
            Transport::WebSocket => After::Upgrade,
            Transport::EventStream => After::Close,
            Transport::Http => After::Client { minor_version: self.parsed.minor_version, close: self.leaves() },
        };
        let settings = edge.settings.load();
        let forward = settings.for_permit(&permit);
        let way =
            forward.and_then(|forward| Some((forward, forward.path(&permit, head.path)?, forward.aim(&permit, head, &self.id)?)));
        let Some((forward, path, aim)) = way else {
            // Two changes of the configuration came between its decision and here.
            return Next::Answer(self.refused(&Refusal::bare(Denial::NotReady), content.is_some()));
        };
        let own = Own { path: &path, headers: forward.headers(), read: content.as_ref().map(Vec::len) };
        let bytes = upstream_head(head, own, &permit, &self.id, after);
        let asked = Asked::new(self.id, head, &permit, self.now, settings.limit_headers);
        let live = LiveStream::new(permit.standing().cloned(), head.transport, head.peer, permit.until_ms(), self.now.unix_ms);
        let stream = edge.registry.enter(live);
        self.check_again(&permit, &stream);
        if head.transport == Transport::Http {
            let ticket = Box::new(Ticket::new(permit, asked, Arc::clone(forward), aim));
            let invite = content.is_none() && self.waits_for_invitation();
            let body = if content.is_some() { BodyFraming::Length(0) } else { self.body() };
            return Next::Http(Exchange { head: bytes, ticket, stream, body, content: content.unwrap_or_default(), invite });
        }
        let expected = (head.transport == Transport::WebSocket).then(|| Expected::of(head, permit.locations()));
        Next::Stream(Box::new(Opening { head: bytes, expected, aim, permit, asked, stream }))
    }

    /// Registered first, then compared: a change of keys or a drain that the decision missed is caught here, one that comes later
    /// finds the stream in the registry.
    fn check_again(&self, permit: &Permit, stream: &Entered) {
        if self.edge.drain.is_draining() && self.head.transport.is_stream() {
            stream.cut(CutReason::Drain, self.now);
        }
        if self.edge.gate.snapshot().generation != permit.generation()
            && let Some(reason) = self.edge.look_again(stream, self.now)
        {
            stream.cut(reason, self.now);
        }
    }

    /// `read` says that the body was read already.
    fn refused(&self, refusal: &Refusal, read: bool) -> Answer {
        let origin = self.origin();
        let about =
            About { cors_origin: origin.filter(|_| refusal.origin_listed), charges: Some(&refusal.charges), ..self.about() };
        let bytes = answer::refusal(refusal.denial, &about);
        let exchange = telemetry::Exchange {
            request_id: self.id.as_str(),
            peer: self.head.peer,
            method: self.head.method,
            path: self.head.path,
            denial: Some(refusal.denial),
            reported: None,
            detail: None,
            origin,
            key: refusal.key.as_deref(),
            route: refusal.route.as_ref().map(|route| &*route.name),
            transport: self.head.transport,
            status: refusal.denial.status(),
            took: since(self.edge, self.now),
            browser_report: false,
        };
        self.edge.telemetry.exchanged(&exchange, self.now.ticks_ns);
        let body = if read { BodyFraming::Length(0) } else { self.body() };
        Answer { bytes, close: about.close, body }
    }

    fn preflight(&self, answer: Result<(), Denial>) -> Answer {
        let text = |name: &str| self.head.values(name).next().and_then(|value| std::str::from_utf8(value).ok());
        let method = text("access-control-request-method").unwrap_or_default();
        let about = About { cors_origin: self.origin(), ..self.about() };
        if let Err(denial) = answer {
            if denial.blame() == Blame::Request {
                self.edge.gate.refuse_unread(self.head.peer, self.now);
            }
            let refusal = Refusal::bare(denial);
            self.tell(&Err(Refusal::bare(denial)));
            return self.refused(&refusal, false);
        }
        let bytes = answer::preflight(answer, method, text("access-control-request-headers"), &about);
        Answer { bytes, close: about.close, body: self.body() }
    }

    fn own_page(&self) -> Answer {
        let about = self.about();
        if self.head.path == REFUSALS_PATH && matches!(self.head.method, "GET" | "HEAD") {
            return Answer { bytes: answer::refusals_page(&about), close: about.close, body: self.body() };
        }
        let refusal = Refusal::bare(Denial::NoRoute);
        self.tell(&Err(Refusal::bare(Denial::NoRoute)));
        self.refused(&refusal, false)
    }

    fn about(&self) -> About<'_> {
        About { request_id: self.id.as_str(), without_body: self.head.method == "HEAD", close: self.closes(), ..About::default() }
    }

    /// A client that waits for `100 Continue` may or may not send its body after a refusal: nobody can tell what follows.
    fn closes(&self) -> bool {
        self.leaves() || self.parsed.expects_continue
    }

    /// Whether this is the last exchange of the connection, whatever its answer.
    fn leaves(&self) -> bool {
        self.parsed.close || self.edge.drain.is_draining()
    }

    /// In HTTP/1.0 nobody waits, whatever the header says (RFC 9110 section 10.1.1).
    fn waits_for_invitation(&self) -> bool {
        self.parsed.expects_continue && self.parsed.minor_version == 1 && !self.body().is_done()
    }

    fn origin(&self) -> Option<&str> {
        self.head.values("origin").next().and_then(|value| std::str::from_utf8(value).ok())
    }

    const fn body(&self) -> BodyFraming {
        match self.parsed.body {
            Body::Length(length) => BodyFraming::Length(length),
            Body::Chunked => BodyFraming::Chunked(Chunk::Start),
        }
    }
}
