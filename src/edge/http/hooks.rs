//! What the gate does in pingora's phases: evidence, headers, which failures are tried again, and the report at the end.
//!
//! Knows nothing of how the request was decided; without a [`Ticket`] nothing is forwarded.

use std::sync::Arc;

use async_trait::async_trait;
use log::warn;
use pingora::{
    Error, ErrorSource, ErrorType, Result,
    http::{RequestHeader, ResponseHeader},
    proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session},
    upstreams::peer::HttpPeer,
};

use super::{
    Ticket,
    failure::{answer_failure, upstream_failure},
};
use crate::{
    edge::{clock::Clock, drain::Drain},
    gate::request::Transport,
    telemetry::{Telemetry, UpstreamError},
};

/// What we do in pingora's phases.
pub struct Hooks {
    telemetry: Arc<Telemetry>,
    clock: Clock,
    drain: Arc<Drain>,
}

impl Hooks {
    /// Hooks that tell `telemetry`, of a gate that may begin to drain.
    pub(super) const fn new(telemetry: Arc<Telemetry>, clock: Clock, drain: Arc<Drain>) -> Self {
        Self { telemetry, clock, drain }
    }
}

/// The state of an exchange in pingora. Empty until the ticket arrives; nothing is forwarded without one.
pub struct InFlight {
    ticket: Option<Box<Ticket>>,
    status: u16,
    report: Option<(Arc<Telemetry>, Clock)>,
}

/// Also when pingora's future is dropped, for then it calls no hook.
impl Drop for InFlight {
    fn drop(&mut self) {
        if let (Some(ticket), Some((telemetry, clock))) = (&self.ticket, &self.report) {
            ticket.asked.report(telemetry, clock, &ticket.permit, self.status, ticket.failed);
        }
    }
}

#[async_trait]
impl ProxyHttp for Hooks {
    type CTX = InFlight;

    fn new_ctx(&self) -> InFlight {
        InFlight { ticket: None, status: 0, report: Some((Arc::clone(&self.telemetry), self.clock)) }
    }

    fn init_downstream_modules(&self, _: &mut pingora::modules::http::HttpModules) {
        // pingora would add compression here; bodies pass as they are.
    }

    fn on_connection_reuse(&self, _: &mut Session, ctx: &mut InFlight, ticket: Box<dyn std::any::Any + Send + Sync>) {
        ctx.ticket = ticket.downcast().ok();
    }

    async fn upstream_peer(&self, _: &mut Session, ctx: &mut InFlight) -> Result<Box<HttpPeer>> {
        let Some(ticket) = &mut ctx.ticket else {
            return Err(Error::explain(ErrorType::InternalError, "an exchange without a permit"));
        };
        match ticket.aim.peer(|error| self.telemetry.upstream_failed(error)).await {
            Ok(peer) => Ok(Box::new(peer)),
            Err(error) => {
                self.telemetry.upstream_failed(error);
                ticket.failed = Some(error.denial());
                Err(Error::explain(ErrorType::ConnectError, "the backend's name does not resolve").into_up())
            }
        }
    }

    /// Nothing was sent: the next address may do.
    fn fail_to_connect(&self, _: &mut Session, _: &HttpPeer, ctx: &mut InFlight, mut error: Box<Error>) -> Box<Error> {
        let next = ctx.ticket.as_ref().is_some_and(|ticket| ticket.aim.has_next());
        if next {
            self.telemetry.upstream_failed(upstream_failure(&error).unwrap_or(UpstreamError::Connect));
        }
        error.set_retry(next);
        error
    }

    /// What was sent may have been done. It is sent again only if nothing follows from doing it twice, to nobody but the backend
    /// whose idle connection was being closed just then, and once: the race that RFC 9112 section 9.3.1 speaks of. pingora would
    /// repeat every idempotent request, `PUT` and `DELETE` with their bodies too.
    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        ctx: &mut InFlight,
        client_reused: bool,
    ) -> Box<Error> {
        let is_safe = session.req_header().method.is_safe() && session.is_body_empty() && session.response_written().is_none();
        error.retry.decide_reuse(client_reused);
        let again = is_safe && error.retry() && ctx.ticket.as_mut().is_some_and(|ticket| ticket.aim.again());
        error.set_retry(again);
        error
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut InFlight,
    ) -> Result<()> {
        let Some(ticket) = &ctx.ticket else {
            return Err(Error::explain(ErrorType::InternalError, "an exchange without a permit"));
        };
        for (name, value) in ticket.forward.headers().iter() {
            request.insert_header(name.to_owned(), value.clone())?;
        }
        // Asked of the head that pingora was given: from the one it makes of it, it has taken Transfer-Encoding away by now, and
        // puts it back later.
        let given = &session.req_header().headers;
        let has_body = given.contains_key(http::header::TRANSFER_ENCODING)
            || given.get(http::header::CONTENT_LENGTH).is_some_and(|length| length != "0");
        if has_body {
            // A backend that answers without reading the body would take it for the next request, with any identity the client
            // wrote into it (CL.0). On a connection that ends with its answer there is no next request.
            request.insert_header(http::header::CONNECTION, "close")?;
        }
        Ok(())
    }

    async fn response_filter(&self, session: &mut Session, answer: &mut ResponseHeader, ctx: &mut InFlight) -> Result<()> {
        let Some(ticket) = &ctx.ticket else { return Ok(()) };
        ticket.head.came();
        if answer.status == http::StatusCode::SWITCHING_PROTOCOLS {
            // No request that takes this way asks for an upgrade; pingora refuses only those that one side asked for.
            return Err(Error::explain(ErrorType::InvalidHTTPHeader, "an upgrade that nobody asked for").into_up());
        }
        if session.req_header().version == http::Version::HTTP_10 && answer.headers.contains_key(http::header::TRANSFER_ENCODING)
        {
            // HTTP/1.0 knows no chunks: the body ends with the connection.
            answer.remove_header(&http::header::TRANSFER_ENCODING);
            session.set_keepalive(None);
        }
        if self.drain.is_draining() {
            // It may have begun after the request had come.
            session.set_keepalive(None);
        }
        ctx.status = answer.status.as_u16();
        let ours: Vec<_> = answer.headers.keys().filter(|name| ticket.asked.replaces(name.as_str())).cloned().collect();
        for name in &ours {
            answer.remove_header(name);
        }
        answer.insert_header("X-Request-Id", ticket.asked.id.as_str())?;
        for (name, value) in ticket.asked.headers() {
            answer.append_header(name, value)?;
        }
        Ok(())
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, ctx: &mut InFlight) -> FailToProxy {
        let Some(ticket) = &mut ctx.ticket else { return FailToProxy { error_code: 500, can_reuse_downstream: false } };
        let late = ticket.head.is_late().then_some(UpstreamError::HeadTimeout);
        let Some(failure) = late.or_else(|| upstream_failure(error)) else {
            // The client left, or broke its body: there is nobody to answer.
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        };
        if ticket.failed.is_none() {
            self.telemetry.upstream_failed(failure);
        }
        let denial = *ticket.failed.get_or_insert(failure.denial());
        if session.response_written().is_none() && answer_failure(session, denial, &ticket.asked).await.is_ok() {
            ctx.status = denial.status();
        }
        FailToProxy { error_code: denial.status(), can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, _: Option<&Error>, _: &mut InFlight) {
        let (received, sent) = (session.body_bytes_read() as u64, session.body_bytes_sent() as u64);
        self.telemetry.relayed(Transport::Http, received, sent);
    }

    fn request_summary(&self, _: &Session, ctx: &InFlight) -> String {
        // pingora's own prints the target with its query, where a backend's secrets may stand.
        ctx.ticket.as_ref().map_or_else(String::new, |ticket| format!("request_id={}", ticket.asked.id.as_str()))
    }

    fn suppress_error_log(&self, _: &Session, ctx: &InFlight, error: &Error) -> bool {
        // Errors may quote the bytes that they are about. Only the type is told.
        if *error.esource() != ErrorSource::Downstream {
            let id = ctx.ticket.as_ref().map_or("-", |ticket| ticket.asked.id.as_str());
            warn!("exchange failed: {} request_id={id}", error.etype().as_str());
        }
        true
    }

    fn suppress_proxy_warn_log(&self, _: &Session, _: &InFlight, _: &Error, _: ProxyWarnLogContext) -> bool {
        true
    }
}
