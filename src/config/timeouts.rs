//! `timeouts`, of the configuration and of an upstream → spans of time.

use std::time::Duration;

use super::{
    defaults,
    fault::Place,
    raw::{self, OrOff, Span},
    used::Timeouts,
};
use crate::upstream::UpstreamTimeouts;

/// The timeouts of the configuration.
pub(super) fn timeouts(typed: Option<&raw::Timeouts>, place: &Place<'_>) -> Timeouts {
    let nothing_said = raw::Timeouts::default();
    let typed = typed.unwrap_or(&nothing_said);
    let connect = one(typed.connect, "connect", defaults::CONNECT, place);
    let head = one(typed.upstream_head, "upstream_head", defaults::UPSTREAM_HEAD, place);
    let idle = one(typed.upstream_idle, "upstream_idle", head.max(defaults::UPSTREAM_IDLE), place);
    if idle < head {
        place.field("upstream_idle").fault(TOO_SHORT.replace("head", "upstream_head"));
    }
    Timeouts {
        head: one(typed.head, "head", defaults::HEAD, place),
        idle: one(typed.idle, "idle", defaults::IDLE, place),
        body: match typed.body {
            Some(OrOff::Off) => None,
            Some(OrOff::Limit(span)) => Some(one(Some(span), "body", defaults::BODY, place)),
            None => Some(defaults::BODY),
        },
        upstream: UpstreamTimeouts { connect, head, idle },
        // To drain at once makes sense.
        drain: at_most_a_day(typed.drain, "drain", defaults::DRAIN, place),
    }
}

/// The timeouts of one upstream; what it does not say is as in `ours`.
pub(super) fn of_upstream(typed: Option<&raw::UpstreamTimeouts>, ours: UpstreamTimeouts, place: &Place<'_>) -> UpstreamTimeouts {
    let Some(typed) = typed else { return ours };
    let connect = one(typed.connect, "connect", ours.connect, place);
    let head = one(typed.head, "head", ours.head, place);
    let idle = one(typed.idle, "idle", head.max(ours.idle), place);
    if idle < head {
        place.field("idle").fault(TOO_SHORT);
    }
    UpstreamTimeouts { connect, head, idle }
}

const TOO_SHORT: &str = "must not be shorter than `head`: until its answer begins, a backend has nothing to send";

/// One span of time, which must be longer than nothing.
pub(super) fn one(span: Option<Span>, name: &str, default: Duration, place: &Place<'_>) -> Duration {
    let span = at_most_a_day(span, name, default, place);
    if span.is_zero() {
        place.field(name).fault("must be longer than nothing");
    }
    span
}

fn at_most_a_day(span: Option<Span>, name: &str, default: Duration, place: &Place<'_>) -> Duration {
    let Some(Span(span)) = span else { return default };
    if span > defaults::MAX_TIMEOUT {
        place.field(name).fault("must not be longer than a day");
    }
    span
}
