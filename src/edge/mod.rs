//! Everything between sockets and the decision: accept, head, answer, HTTP, tunnels. The only room that names pingora.
//!
//! Knows nothing of YAML, of where keys come from, or of who manages them: [`Edge`] is built from values by the composition root.

mod accept;
mod answer;
mod body;
mod client;
mod clock;
mod connection;
mod decide;
mod drain;
mod exchange;
mod forwarding;
mod head;
mod http;
mod inspect;
mod limit_fields;
mod listen;
mod maybe_tls;
mod pace;
mod proxy_protocol;
mod registry;
mod scratch;
mod settings;
mod tls;
mod tunnel;
mod upstream;
mod upstream_head;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use ring::rand::SystemRandom;

pub use self::{
    clock::Clock,
    drain::{Drain, spread},
    head::{HeadError, parse_strictly},
    listen::{Bound, Entrance, adopt, bind, remove_abandoned},
    registry::{CutReason, LiveStream, Registry},
    settings::{ConnectionCaps, Settings, Timeouts},
    tls::load_tls,
};
use crate::{
    gate::{
        Gate,
        limit::{PeerPlaces, Places},
        time::Timestamp,
    },
    telemetry::Telemetry,
};

/// The data plane: what every connection shares.
pub struct Edge {
    gate: Arc<Gate>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    registry: Arc<Registry>,
    drain: Arc<Drain>,
    settings: ArcSwap<Settings>,
    places: Arc<Places>,
    peer_places: Arc<PeerPlaces>,
    request_ids: exchange::RequestIds,
    proxy: http::Proxy,
}

impl Edge {
    /// Builds the data plane; it serves once [`Bound::serve`] is called with it. Needs a runtime.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn new(
        gate: Arc<Gate>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
        settings: Settings,
    ) -> Result<Arc<Self>, ring::error::Unspecified> {
        let request_ids = exchange::RequestIds::new(&SystemRandom::new())?;
        telemetry.upstreams(settings.health());
        telemetry.may_end_streams(CutReason::ALL.map(CutReason::name));
        settings.take_over(None);
        let drain: Arc<Drain> = Arc::default();
        Ok(Arc::new(Self {
            proxy: http::Proxy::new(Arc::clone(&telemetry), clock, Arc::clone(&drain)),
            gate,
            telemetry,
            clock,
            registry: Arc::default(),
            drain,
            settings: ArcSwap::from_pointee(settings),
            places: Arc::default(),
            peer_places: Arc::default(),
            request_ids,
        }))
    }

    /// Makes `settings` those of every later exchange. To be called before their policy is published, and with settings that know
    /// those of [`Edge::settings`]: what the policy in force lets in meanwhile goes where it says.
    pub fn apply(&self, settings: Settings) {
        self.telemetry.upstreams(settings.health());
        let settings = Arc::new(settings);
        let before = self.settings.swap(Arc::clone(&settings));
        settings.take_over(Some(&before));
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// What decides.
    #[must_use]
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Where events go.
    #[must_use]
    pub const fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// The time.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The registry of live streams.
    #[must_use]
    pub const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The state of draining.
    #[must_use]
    pub const fn drain(&self) -> &Arc<Drain> {
        &self.drain
    }

    /// Client connections open now.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.places.taken()
    }

    /// Asks every stream that lives now to go and was not asked to end yet, one after the other over `window`. HTTP exchanges are let
    /// finish.
    pub async fn tell_streams_to_go(&self, window: Duration) {
        let mut streams = Vec::new();
        self.registry.for_each(|stream| {
            if stream.transport.is_stream() && stream.cut_reason().is_none() {
                streams.push(Arc::clone(stream));
            }
        });
        let over = spread(streams.len(), window);
        drain::in_turn(streams, over, |stream| _ = stream.cut(CutReason::Drain, self.clock.now())).await;
    }

    /// Changes what lets requests in, by `publish`: first for those to come, then every live stream ends that is no longer let in.
    /// Returns what `publish` does, and the streams that fell.
    pub fn change<P>(&self, publish: impl FnOnce(&Gate) -> P) -> (P, Vec<Arc<LiveStream>>) {
        let walk = || {
            let now = self.clock.now();
            self.registry.cut_where(now, |stream| self.look_again(stream, now))
        };
        registry::change(|| publish(&self.gate), walk)
    }

    /// Changes keys and nothing else, by `publish`, as [`Edge::change`] does: but only what may stand on the keys with these `ids`, which
    /// are all that were changed or taken out, is asked again. So a change of one key costs the same beside many streams as beside few.
    /// Returns what `publish` does, and the streams that fell.
    pub fn change_keys<P>(&self, ids: &[&str], publish: impl FnOnce(&Gate) -> P) -> (P, Vec<Arc<LiveStream>>) {
        let walk = || {
            let now = self.clock.now();
            self.registry.cut_of_keys(ids.iter().copied(), now, |stream| self.look_again(stream, now))
        };
        registry::change(|| publish(&self.gate), walk)
    }

    fn cut_if_fallen(&self, stream: &LiveStream, now: Timestamp) {
        if let Some(reason) = self.look_again(stream, now) {
            stream.cut(reason, now);
        }
    }

    /// Whether a stream must end under the current keys and policy; if not, it stands until they say.
    fn look_again(&self, stream: &LiveStream, now: Timestamp) -> Option<CutReason> {
        if stream.claims().any(|claim| self.gate.blocks_peer(claim, now)) {
            return Some(CutReason::PeerBlocked);
        }
        match self.gate.still_stands(stream.standing.as_ref(), stream.asking(), stream.peer, now) {
            Ok(until_ms) => {
                stream.stands_until(until_ms);
                None
            }
            Err(denial) => Some(CutReason::from(denial)),
        }
    }

    /// Ends every live stream whose credential has expired, and those that have lived or been silent for too long. To be called from
    /// time to time, by one task. Returns how many.
    pub fn cut_overdue(&self) -> usize {
        let (now, spans) = (self.clock.now(), self.settings.load().streams);
        self.registry.cut_where(now, |stream| stream.overdue(&spans, now.unix_ms)).len()
    }
}

#[cfg(test)]
mod tests;
