//! How much clients may send in their streams: messages and bytes in a time, by GCRA, and the largest message. A stream has an
//! allowance of its own and a part in that of its key.
//!
//! Knows nothing of frames: it is told that a message begins, how long a frame is, and how many bytes went on.

use std::sync::Arc;

use super::Gcra;

const SECOND_NS: u64 = 1_000_000_000;

/// So many messages or bytes in so long, of which all may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamRate {
    amount: u32,
    window_s: u32,
}

/// What happens beyond a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OverRate {
    /// Nothing more is read until the rate allows it.
    #[default]
    Throttle,
    /// The stream is ended.
    Close,
}

/// The rates of a stream, or of all streams of a key together; `None` is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StreamRates {
    /// Messages that begin.
    pub messages: Option<StreamRate>,
    /// Bytes, those of frames' headers and of control frames included.
    pub bytes: Option<StreamRate>,
    /// What happens beyond them.
    pub over: OverRate,
}

/// The limits of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StreamLimits {
    /// Its rates.
    pub rates: StreamRates,
    /// The largest message in bytes, as sent: compressed, if it is.
    pub message_size: Option<u32>,
}

/// The state of [`StreamRates`]. Starts full.
#[derive(Debug, Default)]
pub struct StreamMeter {
    messages: Gcra,
    bytes: Gcra,
}

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Of the stream alone.
    Connection,
    /// Of all streams of its key.
    Key,
}

/// Which limit of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamLimit {
    Messages,
    Bytes,
    MessageSize,
}

/// What may not go on now, or at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// Whose limit.
    pub scope: Scope,
    /// Which.
    pub limit: StreamLimit,
    /// In how many nanoseconds to ask again; `None` ends the stream.
    pub wait_ns: Option<u64>,
}

/// What a client may send in one stream.
#[derive(Debug)]
pub struct Allowance {
    limits: StreamLimits,
    meter: StreamMeter,
    key: Option<(StreamRates, Arc<StreamMeter>)>,
}

impl StreamRate {
    /// `amount` in every `window_s` seconds.
    ///
    /// # Errors
    /// If it is nothing, or the window is longer than a minute: so long a stream that is slowed down would stand still.
    pub fn new(amount: u32, window_s: u32) -> Result<Self, &'static str> {
        match (amount, window_s) {
            (0, _) => Err("must be at least 1; where no message may pass, the route says `client_messages: deny`"),
            (_, 1..=60) => Ok(Self { amount, window_s }),
            _ => Err("must be by the second or the minute, such as `100/s` or `600/m`"),
        }
    }

    fn tolerance_ns(self) -> u64 {
        u64::from(self.window_s) * SECOND_NS
    }

    /// What `amount` costs, rounded down, so that a window's worth fits into it however it is divided.
    fn cost_ns(self, amount: u64) -> u64 {
        let cost = u128::from(amount) * u128::from(self.tolerance_ns()) / u128::from(self.amount);
        u64::try_from(cost).unwrap_or(u64::MAX)
    }
}

impl StreamRates {
    /// Whether there is one.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.messages.is_some() || self.bytes.is_some()
    }

    /// The rate of bytes by which whole frames are refused.
    fn refused_bytes(&self) -> Option<StreamRate> {
        self.bytes.filter(|_| self.over == OverRate::Close)
    }

    /// The rate of bytes that is kept by waiting.
    fn awaited_bytes(&self) -> Option<StreamRate> {
        self.bytes.filter(|_| self.over == OverRate::Throttle)
    }

    fn beyond(&self, scope: Scope, limit: StreamLimit, wait_ns: u64) -> Beyond {
        Beyond { scope, limit, wait_ns: (self.over == OverRate::Throttle).then_some(wait_ns) }
    }
}

impl Allowance {
    /// What a stream with these limits may be sent, whose key has those; `None` where nothing is limited.
    #[must_use]
    pub fn new(limits: StreamLimits, key: Option<(StreamRates, Arc<StreamMeter>)>) -> Option<Self> {
        let key = key.filter(|(rates, _)| rates.any());
        let limited = limits.rates.any() || limits.message_size.is_some() || key.is_some();
        limited.then(|| Self { limits, meter: StreamMeter::default(), key })
    }

    /// Charges a message that wants to begin, to the stream and its key or to none of them.
    ///
    /// # Errors
    /// What it is beyond of.
    pub fn message(&self, now_ns: u64) -> Result<(), Beyond> {
        let own = &self.limits.rates;
        if let Some(rate) = own.messages {
            let asked = self.meter.messages.look(rate.cost_ns(1), rate.tolerance_ns(), now_ns);
            asked.map_err(|wait_ns| own.beyond(Scope::Connection, StreamLimit::Messages, wait_ns))?;
        }
        if let Some((rates, meter)) = self.of_key()
            && let Some(rate) = rates.messages
        {
            let asked = meter.messages.take(rate.cost_ns(1), rate.tolerance_ns(), now_ns);
            asked.map_err(|wait_ns| rates.beyond(Scope::Key, StreamLimit::Messages, wait_ns))?;
        }
        if let Some(rate) = own.messages {
            // A stream's own meter is asked by nobody else: what passed a moment ago passes.
            let _ = self.meter.messages.take(rate.cost_ns(1), rate.tolerance_ns(), now_ns);
        }
        Ok(())
    }

    /// Charges a frame of `bytes`, by which its message comes to `message` bytes (`u32::MAX` is that much or more), to the rates
    /// beyond which streams are ended. One that is longer than what may come at once is beyond its rate.
    ///
    /// # Errors
    /// What it is beyond of; it ends the stream.
    pub fn frame(&self, bytes: u64, message: u32, now_ns: u64) -> Result<(), Beyond> {
        if self.limits.message_size.is_some_and(|max| message > max || message == u32::MAX) {
            return Err(Beyond { scope: Scope::Connection, limit: StreamLimit::MessageSize, wait_ns: None });
        }
        for (scope, rates, meter) in self.both() {
            if let Some(rate) = rates.refused_bytes() {
                let asked = meter.bytes.take(rate.cost_ns(bytes), rate.tolerance_ns(), now_ns);
                asked.map_err(|wait_ns| rates.beyond(scope, StreamLimit::Bytes, wait_ns))?;
            }
        }
        Ok(())
    }

    /// Charges bytes that went on to the rates that are kept by waiting. They may be in debt afterwards.
    pub fn went_on(&self, bytes: usize, now_ns: u64) {
        for (_, rates, meter) in self.both() {
            if let Some(rate) = rates.awaited_bytes() {
                meter.bytes.owe(rate.cost_ns(bytes as u64), rate.tolerance_ns(), now_ns);
            }
        }
    }

    /// Whether anything may go on now.
    ///
    /// # Errors
    /// The debt that has to be repaid first.
    pub fn owes_nothing(&self, now_ns: u64) -> Result<(), Beyond> {
        for (scope, rates, meter) in self.both() {
            if let Some(rate) = rates.awaited_bytes() {
                match meter.bytes.owed_ns(rate.tolerance_ns(), now_ns) {
                    0 => {}
                    wait_ns => return Err(rates.beyond(scope, StreamLimit::Bytes, wait_ns)),
                }
            }
        }
        Ok(())
    }

    /// The most bytes that may go on at once, so that no debt is larger than what a window repays.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        let rates = self.both().filter_map(|(_, rates, _)| rates.awaited_bytes());
        rates.map(|rate| usize::try_from(rate.amount).unwrap_or(usize::MAX)).min().unwrap_or(usize::MAX)
    }

    fn of_key(&self) -> Option<(&StreamRates, &StreamMeter)> {
        self.key.as_ref().map(|(rates, meter)| (rates, &**meter))
    }

    fn both(&self) -> impl Iterator<Item = (Scope, &StreamRates, &StreamMeter)> {
        let key = self.of_key().map(|(rates, meter)| (Scope::Key, rates, meter));
        std::iter::once((Scope::Connection, &self.limits.rates, &self.meter)).chain(key)
    }
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Connection, Self::Key];

    /// The metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Key => "key",
        }
    }
}

#[cfg(test)]
mod tests;
