//! Plain HTTP: the exchange is lent to pingora's proxy with the permit, the client's connection comes back when the answer is whole.
//!
//! pingora is handed the head that the backend is to see, so it never holds a credential and cannot log one.

mod failure;
mod head_deadline;
mod hooks;
mod lent_client;

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use pingora::{
    apps::{HttpServerApp as _, ReusedHttpStream},
    protocols::http::ServerSession,
    proxy::{HttpProxy, http_proxy},
    server::{ShutdownWatch, configuration::ServerConf},
};
use tokio::sync::watch;

use self::{head_deadline::HeadState, hooks::Hooks, lent_client::LentClient};
use super::{body::BodyFraming, client::Client, clock::Clock, drain::Drain, exchange::Asked, forwarding::Forward, upstream::Aim};
use crate::{
    gate::{denial::Denial, permit::Permit},
    telemetry::Telemetry,
    upstream::MAX_ADDRESSES,
};

/// Every address once, and one of them again ([`Aim::again`]). Which failures lead to another attempt, our hooks say.
const MAX_ATTEMPTS: usize = MAX_ADDRESSES + 1;

/// pingora's proxy with our hooks; one for the process, for it keeps the idle connections to the backend.
pub struct Proxy {
    pingora: Arc<HttpProxy<Hooks>>,
    /// Never told: the drain is ours.
    shutdown: ShutdownWatch,
}

impl Proxy {
    /// Makes the proxy. Not of `pingora::Server`, which reads heads without a deadline and sleeps through its whole grace period.
    #[must_use]
    pub fn new(telemetry: Arc<Telemetry>, clock: Clock, drain: Arc<Drain>) -> Self {
        let conf = Arc::new(ServerConf { max_retries: MAX_ATTEMPTS, ..ServerConf::default() });
        let (_, shutdown) = watch::channel(false);
        Self { pingora: Arc::new(http_proxy(&conf, Hooks::new(telemetry, clock, drain))), shutdown }
    }
}

/// One permitted exchange, on its way through pingora.
pub struct Ticket {
    /// Evidence that the request may pass.
    pub permit: Permit,
    /// What is known of the request.
    pub asked: Asked,
    /// What becomes of it.
    forward: Arc<Forward>,
    /// Where it goes.
    aim: Aim,
    /// How far the head of the answer is.
    head: Arc<HeadState>,
    /// What was answered instead of the backend's answer.
    failed: Option<Denial>,
}

impl Ticket {
    /// An exchange that nothing was sent of.
    #[must_use]
    pub fn new(permit: Permit, asked: Asked, forward: Arc<Forward>, aim: Aim) -> Self {
        Self { permit, asked, forward, aim, head: Arc::default(), failed: None }
    }

    /// Lends the client for the exchange.
    fn lend(&self, client: Client, body: BodyFraming, patience: Option<Duration>) -> LentClient {
        let (lent, timeouts) = (LentClient::new(client, body, patience), self.aim.timeouts());
        // Where they are equal pingora's own is enough.
        if timeouts.head < timeouts.idle { lent.until_late(timeouts.head, Arc::clone(&self.head)) } else { lent }
    }
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
pub async fn exchange(proxy: &Proxy, client: Client, sent: Sent, ticket: Box<Ticket>) -> Option<(Client, Vec<u8>)> {
    let reused = begin(proxy, client, sent, ticket).await?;
    let (stream, _) = reused.consume();
    let lent = stream.into_any().downcast::<LentClient>().ok()?;
    lent.give_back().await.ok()
}

/// Hands everything to pingora. Not part of the future above, which would have room for a whole session of pingora's, and be copied
/// with it.
fn begin(
    proxy: &Proxy,
    client: Client,
    sent: Sent,
    ticket: Box<Ticket>,
) -> impl Future<Output = Option<ReusedHttpStream>> + Send + '_ {
    let mut session = ServerSession::new_http1(Box::new(ticket.lend(client, sent.body, sent.patience)));
    session.set_connection_user_context(Some(ticket));
    session.set_pipelined_prefix(BytesMut::from(Bytes::from(sent.bytes)));
    // The lent connection has its own, which dripping bytes do not start again.
    session.set_read_timeout(None);
    session.set_write_timeout(None);
    proxy.pingora.process_new_http(session, &proxy.shutdown)
}
