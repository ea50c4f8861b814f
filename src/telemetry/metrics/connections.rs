//! Connections and streams: how many there are, how they end, and what goes through them.

use std::{borrow::Cow, time::Duration};

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};

use super::{
    Telemetry,
    family::{add, counter, counter_vec, gauge, gauge_vec, histogram},
};
use crate::{
    gate::{limit::Scope, request::Transport},
    telemetry::{Ended, Initiator, Opened, ProxyHeaderError, counters::ByEnum},
};

/// What opens and ends; an exchange is over with its answer.
const STREAMS: [Transport; 2] = [Transport::WebSocket, Transport::EventStream];
/// Who else than the gate ends streams.
const OTHERS: [Initiator; 2] = [Initiator::Client, Initiator::Upstream];
/// How others than the gate end streams.
const ENDS: [&str; 2] = ["closed", "reset"];

/// Upper bounds in seconds of a stream's life, to a week.
const LIFE_BUCKETS: &[f64] = &[1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0, 259_200.0, 604_800.0];
/// From a key's end to its streams' ends: the promise is one second.
const CUT_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// The families of connections and streams.
pub(super) struct Connections {
    clients: IntGauge,
    /// By [`STREAMS`].
    streams: [Streams; STREAMS.len()],
    closed: IntCounterVec,
    /// Received and sent, by transport.
    bytes: [[IntCounter; 2]; Transport::ALL.len()],
    /// Received and sent.
    messages: [IntCounter; 2],
    throttles: ByEnum<{ Scope::ALL.len() }>,
    cut_seconds: Histogram,
    forced_resets: IntCounter,
    proxy_header_errors: ByEnum<{ ProxyHeaderError::ALL.len() }>,
}

/// What the streams of one transport count in. Kept, for to look a counter up by its labels takes far longer than to count.
struct Streams {
    live: IntGauge,
    opened: IntCounter,
    /// By [`OTHERS`] and [`ENDS`].
    closed: [[IntCounter; ENDS.len()]; OTHERS.len()],
    life_seconds: Histogram,
}

impl Connections {
    /// Registers them.
    pub fn new(r: &Registry) -> prometheus::Result<Self> {
        let streams = gauge_vec(r, "keygate_connections", "Streams open now.", &["transport"])?;
        for transport in Transport::ALL {
            streams.with_label_values(&[transport.name()]).set(0);
        }
        let opened = counter_vec(r, "keygate_connections_opened_total", "Streams opened.", &["transport"])?;
        let closed = "Streams that ended, by who ended them and why.";
        let closed = counter_vec(r, "keygate_connections_closed_total", closed, &["transport", "initiator", "reason"])?;
        let life =
            HistogramOpts::new("keygate_connection_duration_seconds", "How long streams lived.").buckets(LIFE_BUCKETS.into());
        let life = add(r, HistogramVec::new(life, &["transport"])?)?;
        let bytes = counter_vec(
            r,
            "keygate_bytes_total",
            "Bytes relayed: of streams all, of other exchanges the bodies.",
            &["direction", "transport"],
        )?;
        let websocket = Transport::WebSocket.name();
        let messages = counter_vec(
            r,
            "keygate_stream_messages_total",
            "Messages relayed in streams that ended.",
            &["direction", "transport"],
        )?;
        let throttles = counter_vec(
            r,
            "keygate_stream_throttles_total",
            "How often a client was not read from for a while, to keep it to a rate of its stream or of its key.",
            &["scope"],
        )?;
        let proxy_header_errors = counter_vec(
            r,
            "keygate_proxy_protocol_errors_total",
            "Connections closed for want of a header of the PROXY protocol that can be believed.",
            &["reason"],
        )?;
        Ok(Self {
            clients: gauge(r, "keygate_client_connections", "Client connections open now, idle ones included.")?,
            streams: STREAMS.map(Transport::name).map(|transport| Streams {
                live: streams.with_label_values(&[transport]),
                opened: opened.with_label_values(&[transport]),
                closed: OTHERS.map(|who| ENDS.map(|end| closed.with_label_values(&[transport, who.name(), end]))),
                life_seconds: life.with_label_values(&[transport]),
            }),
            closed,
            bytes: Transport::ALL
                .map(|transport| ["received", "sent"].map(|way| bytes.with_label_values(&[way, transport.name()]))),
            messages: ["received", "sent"].map(|way| messages.with_label_values(&[way, websocket])),
            throttles: ByEnum::new(&throttles, Scope::ALL.map(|scope| [scope.name()])),
            cut_seconds: histogram(
                r,
                "keygate_revocation_close_seconds",
                "From the moment a change of keys is in force to the last byte to the client of a stream that it ends.",
                CUT_BUCKETS,
            )?,
            forced_resets: counter(
                r,
                "keygate_forced_resets_total",
                "Streams ended without a word, since none could be said in time.",
            )?,
            proxy_header_errors: ByEnum::new(&proxy_header_errors, ProxyHeaderError::ALL.map(|error| [error.name()])),
        })
    }
}

impl Connections {
    /// Those of a transport; `None` of what is no stream.
    fn of(&self, transport: Transport) -> Option<&Streams> {
        self.streams.get(STREAMS.iter().position(|stream| *stream == transport)?)
    }

    /// The counter of streams that end like this one.
    fn closed(&self, ended: &Ended) -> Cow<'_, IntCounter> {
        let initiator = OTHERS.iter().position(|who| *who == ended.initiator);
        let end = ENDS.iter().position(|end| *end == ended.reason);
        let kept = self.of(ended.transport).zip(initiator).zip(end).map(|((streams, who), end)| &streams.closed[who][end]);
        let labels = &[ended.transport.name(), ended.initiator.name(), ended.reason];
        kept.map_or_else(|| Cow::Owned(self.closed.with_label_values(labels)), Cow::Borrowed)
    }
}

impl Telemetry {
    /// A client connected (`true`) or left.
    pub fn client(&self, connected: bool) {
        if connected { self.connections.clients.inc() } else { self.connections.clients.dec() }
    }

    /// A connection was closed for want of a header of the PROXY protocol.
    pub fn proxy_header_failed(&self, error: ProxyHeaderError) {
        self.connections.proxy_header_errors.count(error as usize);
    }

    /// The gate may end streams for these reasons, of a closed list: each is counted from the start, so that its first is seen to come.
    pub fn may_end_streams(&self, reasons: impl IntoIterator<Item = &'static str>) {
        for reason in reasons {
            for transport in STREAMS {
                self.connections.closed.with_label_values(&[transport.name(), Initiator::Gate.name(), reason]);
            }
        }
    }

    /// A stream was opened.
    pub fn opened(&self, opened: &Opened) {
        if let Some(streams) = self.connections.of(opened.transport) {
            streams.opened.inc();
            streams.live.inc();
        }
    }

    /// A stream ended.
    pub fn ended(&self, ended: &Ended) {
        let families = &self.connections;
        families.closed(ended).inc();
        if let Some(streams) = families.of(ended.transport) {
            streams.live.dec();
            streams.life_seconds.observe(ended.lived.as_secs_f64());
        }
        self.relayed(ended.transport, ended.received, ended.sent);
        for (counter, count) in families.messages.iter().zip(ended.messages) {
            counter.inc_by(count);
        }
    }

    /// A client is not read from for a while.
    pub fn throttled(&self, scope: Scope) {
        self.connections.throttles.count(scope as usize);
    }

    /// Bytes went through: of a stream all of them, of an exchange its bodies.
    pub fn relayed(&self, transport: Transport, received: u64, sent: u64) {
        let [from_client, to_client] = &self.connections.bytes[transport as usize];
        from_client.inc_by(received);
        to_client.inc_by(sent);
    }

    /// A stream that a change of keys ends has ended, this long after the change was in force.
    pub fn cut(&self, after: Duration) {
        self.connections.cut_seconds.observe(after.as_secs_f64());
    }

    /// A stream could not be told of its end.
    pub fn forced_reset(&self) {
        self.connections.forced_resets.inc();
    }
}
