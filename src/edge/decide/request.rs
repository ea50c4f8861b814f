//! One request that has been read: from what the gate says of it to what happens next.

use std::{borrow::Cow, sync::Arc};

use super::{Answer, Exchange, First, Inspect, Moment, Next, since, unreadable};
use crate::{
    downstream::HandshakeRefusal,
    edge::{
        Edge,
        answer::{self, About, REFUSALS_PATH},
        body::{BodyFraming, Chunk},
        exchange::Asked,
        forwarding::Forward,
        head::{Body, Parsed},
        http::Ticket,
        limit_fields,
        registry::{self, CutReason, LiveStream},
        tunnel::{Expected, Opening},
        upstream::Aim,
        upstream_head::{After, Own, upstream_head},
    },
    gate::{
        Admitted, Asking, NeedBody,
        denial::{Blame, Denial},
        permit::{Permit, Refusal},
        request::{RequestHead, Transport},
    },
    telemetry::{self, Decided, Outcome, Unheard},
};

/// A request under decision.
pub(super) struct Request<'a> {
    pub edge: &'a Edge,
    pub parsed: &'a Parsed<'a, 'a>,
    pub head: RequestHead<'a>,
    /// Whether it says who asks, and is not believed.
    pub unheard: bool,
    pub moment: Moment,
}

impl Request<'_> {
    /// Tells of a client that says who it is and is not believed.
    pub fn told_of_peer(self) -> Self {
        if self.unheard {
            self.edge.telemetry.unheard(&Unheard { socket: self.head.peer }, self.moment.now.ticks_ns);
        }
        self
    }

    /// What its head leads to.
    pub fn decided(self) -> First {
        let verdict = if let Some(answer) = self.answer() {
            return First::Next(Next::Answer(answer));
        } else if self.edge.drain.refuses_streams() && self.head.transport.is_stream() {
            Err(Refusal::bare(Denial::Draining))
        } else {
            self.edge.gate.admit(&self.head, self.moment.now)
        };
        First::Next(match verdict {
            Ok(Admitted::Permit(permit)) => self.done(Ok(permit), None),
            Ok(Admitted::NeedBody(need)) => {
                let invite = self.waits_for_invitation();
                let body = self.body();
                return First::Inspect(Inspect { need, moment: self.moment, body, invite });
            }
            Err(refusal) => self.done(Err(refusal), None),
        })
    }

    /// The answer to what is not the gate's decision.
    fn answer(&self) -> Option<Answer> {
        if self.parsed.minor_version == 0 && self.head.transport == Transport::WebSocket {
            let rule = Some("an upgrade in HTTP/1.0");
            return Some(unreadable(self.edge, self.head.peer, Denial::BadRequest, rule, &self.moment.id, self.moment.now));
        }
        if self.head.path.starts_with("/keygate/") {
            return Some(self.own_page());
        }
        self.edge.gate.preflight(&self.head, self.moment.now).map(|answer| self.preflight(answer))
    }

    /// What its body, or the want of it, leads to.
    pub fn judged(&self, need: NeedBody, read: Result<Vec<u8>, Denial>) -> Next {
        let now = self.edge.clock.now();
        match read {
            Ok(content) => self.done(self.edge.gate.finish(need, &content, now), Some(content)),
            Err(denial) => self.done(self.edge.gate.give_up(need, denial, now), None),
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
        let took = since(self.edge, self.moment.now);
        self.edge.telemetry.decided(&Decided { route, transport: self.head.transport, outcome, location, took });
        if let Some((scope, passed)) = asked {
            self.edge.telemetry.limit_asked(scope, passed);
        }
        let (key, denial) = match verdict {
            Ok(permit) => (permit.key(), None),
            Err(refusal) => (refusal.key.as_ref(), Some(refusal.denial)),
        };
        if let Some(key) = key {
            self.edge.telemetry.key_used(key, denial, self.moment.now.unix_ms);
            let reported = verdict.as_ref().ok().and_then(|permit| permit.browser_report().then_some(Denial::SecretInBrowser));
            if let Some(misuse) =
                denial.or(reported).filter(|denial| matches!(denial, Denial::SecretInBrowser | Denial::OriginRefused))
            {
                self.edge.telemetry.key_misused(key, misuse, self.head.peer, self.origin());
            }
        }
    }

    fn permitted(&self, permit: Permit, content: Option<Vec<u8>>) -> Next {
        let (head, edge) = (&self.head, self.edge);
        let after = match head.transport {
            Transport::WebSocket => After::Upgrade,
            Transport::EventStream => After::Close,
            Transport::Http => After::Client { minor_version: self.parsed.minor_version, close: self.leaves() },
        };
        let Some((forward, path, aim)) = self.way(&permit) else {
            // Two changes of the configuration came between its decision and here.
            return Next::Answer(self.refused(&Refusal::bare(Denial::NotReady), content.is_some()));
        };
        let own = Own { path: &path, headers: forward.headers(), read: content.as_ref().map(Vec::len) };
        let bytes = upstream_head(head, own, &permit, &self.moment.id, after);
        let asked = Asked::new(self.moment.id, head, &permit, self.moment.now, self.moment.settings.limit_headers);
        let live =
            LiveStream::new(permit.standing().cloned(), head.transport, head.peer, permit.until_ms(), self.moment.now.unix_ms)
                .asked_for(head.transport.is_stream().then(|| Asking::of(head, &permit)))
                .claimed_by(head.chain.claims());
        // What the decision missed, a change of keys or a drain, is caught here; what comes later finds the stream in the registry.
        let is_in_force = || edge.gate.snapshot().generation == permit.generation();
        let stream =
            registry::open(|| edge.registry.enter(live), is_in_force, |stream| edge.cut_if_fallen(stream, self.moment.now));
        if edge.drain.refuses_streams() && head.transport.is_stream() {
            stream.cut(CutReason::Drain, self.moment.now);
        }
        if let Some(most) = permit.evicts_beyond() {
            edge.registry.evict_beyond(&stream, most, self.moment.now);
        }
        if head.transport == Transport::Http {
            let ticket = Box::new(Ticket::new(permit, asked, forward, aim));
            let invite = content.is_none() && self.waits_for_invitation();
            let body = if content.is_some() { BodyFraming::Length(0) } else { self.body() };
            return Next::Http(Exchange { head: bytes, ticket, stream, body, content: content.unwrap_or_default(), invite });
        }
        let expected = (head.transport == Transport::WebSocket).then(|| Expected::of(head, permit.locations()));
        Next::Stream(Box::new(Opening { head: bytes, expected, aim, permit, asked, stream }))
    }

    /// Where it goes: what becomes of it there, the path that the backend sees, and its way to an address.
    fn way(&self, permit: &Permit) -> Option<(Arc<Forward>, Cow<'_, str>, Aim)> {
        let known = self.moment.settings.for_permit(permit).map(Arc::clone);
        // Where configurations change faster than a request is decided, its policy may be later than the settings that it came into.
        let forward = known.or_else(|| self.edge.settings.load().for_permit(permit).map(Arc::clone))?;
        let path = forward.path(permit, self.head.path)?;
        let aim = forward.aim(permit, &self.head, &self.moment.id)?;
        Some((forward, path, aim))
    }

    /// `read` says that the body was read already.
    fn refused(&self, refusal: &Refusal, read: bool) -> Answer {
        let origin = self.origin();
        let about = About {
            cors_origin: origin.filter(|_| refusal.origin_listed),
            charges: Some(&refusal.charges),
            limit_headers: self.moment.settings.limit_headers,
            ..self.about()
        };
        let closed = self.closed(refusal.denial);
        let close = about.close || closed.is_some();
        let bytes = closed.unwrap_or_else(|| answer::refusal(refusal.denial, &about));
        let exchange = telemetry::Exchange {
            request_id: self.moment.id.as_str(),
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
            took: since(self.edge, self.moment.now),
            browser_report: false,
        };
        self.edge.telemetry.exchanged(&exchange, self.moment.now.ticks_ns);
        let body = if read { BodyFraming::Length(0) } else { self.body() };
        Answer { bytes, close, body }
    }

    /// The refusal of a WebSocket handshake by its completion, where that is asked for.
    fn closed(&self, denial: Denial) -> Option<Vec<u8>> {
        let settings = &self.moment.settings;
        if self.head.transport != Transport::WebSocket || settings.handshake_refusal != HandshakeRefusal::Close {
            return None;
        }
        Expected::of(&self.head, &settings.policy().locations).refusal(denial, self.moment.id.as_str())
    }

    fn preflight(&self, answer: Result<(), Denial>) -> Answer {
        let text = |name: &str| self.head.values(name).next().and_then(|value| std::str::from_utf8(value).ok());
        let method = text("access-control-request-method").unwrap_or_default();
        let about = About { cors_origin: self.origin(), ..self.about() };
        if let Err(denial) = answer {
            if denial.blame() == Blame::Request {
                self.edge.gate.refuse_unread(self.head.peer, self.moment.now);
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
        About {
            request_id: self.moment.id.as_str(),
            without_body: self.head.method == "HEAD",
            close: self.closes(),
            ..About::default()
        }
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
