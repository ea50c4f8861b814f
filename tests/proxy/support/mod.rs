//! What the tests are made of: the real program, a backend that records every byte, and a client that sends bytes as they are.
//!
//! Nothing here sleeps: whatever is waited for is an event, and [`PATIENCE`] is only how long a broken test takes to say so.

mod answer;
pub mod backend;
mod client;
mod config;
mod frames;
mod gate;
mod metrics;
mod relay;
mod rules;
mod storm;
mod talk;
mod tls;

use std::time::Duration;

pub use self::{
    answer::{Answer, chunks_in, goodbye_event},
    backend::{Backend, Head, Request},
    client::Client,
    config::{ORIGIN, Setup, WEB_KEY, digest_of, keys_text, secret_key},
    frames::{Frame, NONCE, WebSocket, accept_of, frame, frame_in, handshake},
    gate::{Gate, Program},
    metrics::Metrics,
    relay::relay,
    rules::{credential_absent, each_was_decided, identity_stamped_once, nothing_before_101, one_request_alone},
    storm::Storm,
    talk::Talk,
    tls::Identity,
};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The output of `work`, which must be ready in time.
#[track_caller]
pub fn within<T>(what: &str, work: impl Future<Output = T>) -> impl Future<Output = T> {
    let at = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(output) => output,
            Err(_) => panic!("{at}: still waiting for {what}"),
        }
    }
}

/// The last thing `look` returned, which must become `Some` in time. Looks again whenever `look` itself has waited for something.
#[track_caller]
pub fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> impl Future<Output = T> {
    within(what, async move {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    })
}

/// Whether the long runs are asked for.
pub fn is_long() -> bool {
    std::env::var_os("KEYGATE_LONG").is_some()
}
