//! Plain HTTP: the exchange is lent to pingora's proxy with the permit, the client's connection comes back when the answer is whole.
//!
//! pingora is handed the head that the backend is to see, so it never holds a credential and cannot log one.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use log::warn;
use pingora::{
    Error, ErrorSource, ErrorType, Result,
    http::{RequestHeader, ResponseHeader},
    proxy::{FailToProxy, HttpProxy, ProxyHttp, ProxyWarnLogContext, Session, http_proxy},
    upstreams::peer::HttpPeer,
};
use pingora::{
    apps::HttpServerApp as _,
    protocols::http::ServerSession,
    server::{ShutdownWatch, configuration::ServerConf},
};
use tokio::sync::watch;

use super::{
    answer,
    body::BodyFraming,
    client::{Client, LentClient},
    clock::Clock,
    exchange::Asked,
    upstream::Upstream,
};
use crate::{
    gate::{denial::Denial, limit::Charges, permit::Permit, request::Transport},
    telemetry::{Telemetry, UpstreamError},
};

/// pingora's proxy with our hooks; one for the process, for it keeps the idle connections to the backend.
pub struct Proxy {
    pingora: Arc<HttpProxy<Hooks>>,
    /// Never told: the drain is ours.
    shutdown: ShutdownWatch,
}

impl Proxy {
    /// Makes the proxy. Not of `pingora::Server`, which reads heads without a deadline and sleeps through its whole grace period.
    #[must_use]
    pub fn new(telemetry: Arc<Telemetry>, clock: Clock) -> Self {
        let conf = Arc::new(ServerConf { max_retries: 2, ..ServerConf::default() });
        let (_, shutdown) = watch::channel(false);
        Self { pingora: Arc::new(http_proxy(&conf, Hooks { telemetry, clock })), shutdown }
    }
}

/// One permitted exchange, on its way through pingora.
pub struct Ticket {
    /// Evidence that the request may pass.
    pub permit: Permit,
    /// What is known of the request.
    pub asked: Asked,
    /// Where it goes.
    pub upstream: Arc<Upstream>,
    /// What was answered instead of the backend's answer.
    pub failed: Option<Denial>,
}

/// A request as pingora is given it.
pub struct Sent {
    /// The head for the backend, and what came of the body with it.
    pub bytes: Vec<u8>,
    /// What is still to come of the body.
    pub body: BodyFraming,
    /// How long the client may be waited for, for each piece of a body; `None` is for ever.
    pub patience: Option<Duration>,
}

/// Sends one request, and returns the client's connection, with what came behind the request, if it can be used again. Dropping
/// the future ends both connections; the ticket then reports from its `Drop`.
pub async fn exchange(proxy: &Proxy, client: Client, sent: Sent, ticket: Ticket) -> Option<(Client, Vec<u8>)> {
    let mut session = ServerSession::new_http1(Box::new(LentClient::new(client, sent.body, sent.patience)));
    session.set_connection_user_context(Some(Box::new(ticket)));
    session.set_pipelined_prefix(BytesMut::from(Bytes::from(sent.bytes)));
    // The lent connection has its own, which dripping bytes do not start again.
    session.set_read_timeout(None);
    session.set_write_timeout(None);
    let reused = proxy.pingora.process_new_http(session, &proxy.shutdown).await?;
    let (stream, _) = reused.consume();
    let lent = stream.into_any().downcast::<LentClient>().ok()?;
    lent.give_back().await.ok()
}

/// What we do in pingora's phases.
pub struct Hooks {
    telemetry: Arc<Telemetry>,
    clock: Clock,
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
        match ticket.upstream.peer().await {
            Ok(peer) => Ok(Box::new(peer)),
            Err(error) => {
                self.telemetry.upstream_failed(error);
                ticket.failed = Some(error.denial());
                Err(Error::explain(ErrorType::ConnectError, "the backend's name does not resolve").into_up())
            }
        }
    }

    async fn upstream_request_filter(&self, session: &mut Session, request: &mut RequestHeader, _: &mut InFlight) -> Result<()> {
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
        let Some(failure) = upstream_failure(error) else {
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

/// What the backend did wrong; `None` if it was the client.
#[expect(clippy::wildcard_enum_match_arm, reason = "what pingora may add to its list is a broken answer until told otherwise")]
fn upstream_failure(error: &Error) -> Option<UpstreamError> {
    if *error.esource() == ErrorSource::Downstream {
        return None;
    }
    Some(match error.etype() {
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => UpstreamError::ConnectTimeout,
        ErrorType::ConnectRefused
        | ErrorType::ConnectNoRoute
        | ErrorType::ConnectError
        | ErrorType::ConnectProxyFailure
        | ErrorType::TLSHandshakeFailure
        | ErrorType::InvalidCert
        | ErrorType::BindError
        | ErrorType::SocketError => UpstreamError::Connect,
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => UpstreamError::HeadTimeout,
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError => UpstreamError::Closed,
        _ => UpstreamError::Protocol,
    })
}

/// The gate's own answer, written through pingora's session: it holds the connection.
async fn answer_failure(session: &mut Session, denial: Denial, asked: &Asked) -> Result<()> {
    let body = answer::problem(denial, asked.id.as_str(), &Charges::default());
    let mut header = ResponseHeader::build(denial.status(), None)?;
    header.insert_header("Content-Type", "application/problem+json")?;
    header.insert_header("Content-Length", body.len())?;
    header.insert_header("X-Request-Id", asked.id.as_str())?;
    for (name, value) in asked.cors_headers() {
        header.append_header(name, value)?;
    }
    session.set_keepalive(None);
    session.write_response_header(Box::new(header), false).await?;
    session.write_response_body(Some(Bytes::from(body)), true).await
}
