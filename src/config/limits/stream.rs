//! `messages`, `bytes`, `message_size` and `over_rate` → what clients may send in their streams.

use crate::{
    config::{
        fault::Place,
        raw::{self, ByteRate, ByteSize, OrOff, Rate},
    },
    gate::limit::{OverRate, StreamLimits, StreamRate, StreamRates},
};

/// The limits of one stream.
pub(in crate::config) fn of_connection(typed: Option<&raw::ConnectionLimit>, place: &Place<'_>) -> StreamLimits {
    let Some(typed) = typed else { return StreamLimits::default() };
    let none = StreamRates::default();
    let rates = rates(none, typed.messages, typed.bytes, typed.over_rate, place);
    if let Some(OrOff::Limit(ByteSize(0))) = typed.message_size {
        place
            .field("message_size")
            .fault("must be at least 1; where no message may pass, the route says `client_messages: deny`");
    }
    let message_size = match typed.message_size {
        None | Some(OrOff::Off) => None,
        Some(OrOff::Limit(ByteSize(bytes))) => Some(bytes),
    };
    StreamLimits { rates, message_size }
}

/// `base`, with what is typed in place of it.
pub(super) fn rates(
    base: StreamRates,
    messages: Option<OrOff<Rate>>,
    bytes: Option<OrOff<ByteRate>>,
    over: Option<raw::OverRate>,
    place: &Place<'_>,
) -> StreamRates {
    let rate = |base, typed: Option<OrOff<(u32, u32)>>, name| match typed {
        None => base,
        Some(OrOff::Off) => None,
        Some(OrOff::Limit((amount, window_s))) => place.field(name).take(StreamRate::new(amount, window_s)),
    };
    StreamRates {
        messages: rate(base.messages, messages.map(|rate| map(rate, |rate| (rate.requests, rate.window_s))), "messages"),
        bytes: rate(base.bytes, bytes.map(|rate| map(rate, |rate| (rate.bytes, rate.window_s))), "bytes"),
        over: match over {
            None => base.over,
            Some(raw::OverRate::Throttle) => OverRate::Throttle,
            Some(raw::OverRate::Close) => OverRate::Close,
        },
    }
}

fn map<T, U>(typed: OrOff<T>, of: impl FnOnce(T) -> U) -> OrOff<U> {
    match typed {
        OrOff::Off => OrOff::Off,
        OrOff::Limit(limit) => OrOff::Limit(of(limit)),
    }
}
