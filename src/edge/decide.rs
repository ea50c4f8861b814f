//! From the bytes of a head to what happens next. Synchronous: the borrowed head never outlives it.

use std::{mem::MaybeUninit, net::IpAddr, sync::Arc, time::Duration};

use super::{
    Edge,
    answer::{self, About, REFUSALS_PATH},
    body::{BodyFraming, Chunk},
    exchange::{Asked, RequestId},
    forward::{After, upstream_head},
    head::{Body, HeadError, MAX_HEADERS, Parsed, ReadError, parse_strictly},
    http::Ticket,
    registry::{CutReason, Entered, LiveStream},
    tunnel::{Expected, Opening},
};
use crate::{
    gate::{
        denial::Denial,
        permit::{Permit, Refusal},
        request::{RequestHead, Transport},
        time::Timestamp,
    },
    telemetry::{self, Decided, LimitScope, Outcome},
};

/// What a head leads to.
pub enum Next {
    /// The gate answers itself.
    Answer(Answer),
    /// pingora exchanges it.
    Http { head: Vec<u8>, ticket: Box<Ticket>, stream: Entered, body: BodyFraming },
    /// A tunnel is opened.
    Stream(Box<Opening>),
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

/// Decides about the request whose head is `bytes`.
pub fn decide(edge: &Edge, bytes: &[u8], peer: IpAddr, secure: bool) -> Next {
    let now = edge.clock.now();
    let id = edge.request_ids.next(now);
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let parsed = match parse_strictly(bytes, &mut headers) {
        Ok(parsed) => parsed,
        Err(HeadError::TooLarge) => return Next::Answer(unreadable(edge, peer, Denial::HeadTooLarge, None, &id, now)),
        Err(HeadError::Broken(rule)) => return Next::Answer(unreadable(edge, peer, Denial::BadRequest, Some(rule), &id, now)),
    };
    let head = match RequestHead::new(parsed.method, parsed.target, parsed.headers, peer, secure) {
        Ok(head) => head,
        Err(rule) => return Next::Answer(unreadable(edge, peer, Denial::BadRequest, Some(rule), &id, now)),
    };
    Request { edge, parsed: &parsed, head: in_version(head, parsed.minor_version), id, now }.next()
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
    id: RequestId,
    now: Timestamp,
}

impl Request<'_> {
    fn next(&self) -> Next {
        if self.parsed.minor_version == 0 && self.head.transport == Transport::WebSocket {
            return Next::Answer(unreadable(
                self.edge,
                self.head.peer,
                Denial::BadRequest,
                Some("an upgrade in HTTP/1.0"),
                &self.id,
                self.now,
            ));
        }
        if self.head.path.starts_with("/keygate/") {
            return Next::Answer(self.own_page());
        }
        if let Some(answer) = self.edge.gate.preflight(&self.head) {
            return Next::Answer(self.preflight(answer));
        }
        let verdict = if self.edge.drain.is_draining() && self.head.transport.is_stream() {
            Err(Refusal::bare(Denial::Draining))
        } else {
            self.edge.gate.admit(&self.head, self.now)
        };
        self.tell(&verdict);
        match verdict {
            Ok(permit) => self.permitted(permit),
            Err(refusal) => Next::Answer(self.refused(&refusal)),
        }
    }

    /// Counts the decision and what limits said.
    fn tell(&self, verdict: &Result<Permit, Refusal>) {
        let (route, outcome, location, charge) = match verdict {
            Ok(permit) => {
                let outcome = permit.reported().map_or(Outcome::Allow, Outcome::Report);
                (Some(permit.route()), outcome, permit.location(), permit.charge())
            }
            Err(refusal) => (refusal.route.as_ref(), Outcome::Deny(refusal.denial), None, refusal.charge.as_ref()),
        };
        let route = route.map(|route| &route.name);
        let took = since(self.edge, self.now);
        self.edge.telemetry.decided(&Decided { route, transport: self.head.transport, outcome, location, took });
        if let Some(charge) = charge {
            let scope = if charge.name == "ip" { LimitScope::Ip } else { LimitScope::Key };
            self.edge.telemetry.limit_asked(scope, charge.passed());
        }
    }

    fn permitted(&self, permit: Permit) -> Next {
        let (head, edge) = (&self.head, self.edge);
        let after = match head.transport {
            Transport::WebSocket => After::Upgrade,
            Transport::EventStream => After::Close,
            Transport::Http => After::Client { minor_version: self.parsed.minor_version, close: self.closes() },
        };
        let bytes = upstream_head(head, &permit, &self.id, after);
        let asked = Asked::new(self.id, head, &permit, self.now);
        let upstream = Arc::clone(&edge.settings.load().upstream);
        let live = LiveStream::new(permit.standing().cloned(), head.transport, head.peer, permit.until_ms(), self.now.unix_ms);
        let stream = edge.registry.enter(live);
        self.check_again(&permit, &stream);
        if head.transport == Transport::Http {
            let ticket = Box::new(Ticket { permit, asked, upstream, failed: None });
            return Next::Http { head: bytes, ticket, stream, body: self.body() };
        }
        let expected = (head.transport == Transport::WebSocket).then(|| Expected::of(head, permit.locations()));
        Next::Stream(Box::new(Opening { head: bytes, expected, upstream, permit, asked, stream }))
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

    fn refused(&self, refusal: &Refusal) -> Answer {
        let origin = self.origin();
        let about =
            About { cors_origin: origin.filter(|_| refusal.origin_listed), charge: refusal.charge.as_ref(), ..self.about() };
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
        Answer { bytes, close: about.close, body: self.body() }
    }

    fn preflight(&self, answer: Result<(), Denial>) -> Answer {
        let text = |name: &str| self.head.values(name).next().and_then(|value| std::str::from_utf8(value).ok());
        let method = text("access-control-request-method").unwrap_or_default();
        let about = About { cors_origin: self.origin(), ..self.about() };
        if let Err(denial) = answer {
            self.edge.gate.refuse_unread(self.head.peer, self.now);
            let refusal = Refusal::bare(denial);
            self.tell(&Err(Refusal::bare(denial)));
            return self.refused(&refusal);
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
        self.refused(&refusal)
    }

    fn about(&self) -> About<'_> {
        About { request_id: self.id.as_str(), without_body: self.head.method == "HEAD", close: self.closes(), ..About::default() }
    }

    /// A client that waits for `100 Continue` may or may not send its body after a refusal: nobody can tell what follows.
    fn closes(&self) -> bool {
        self.parsed.close || self.parsed.expects_continue || self.edge.drain.is_draining()
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
