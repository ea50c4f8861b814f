//! The access log: one JSON object a line on standard output, with the key's id and the reason of a refusal, never a credential.
//!
//! Bounded twice, so that neither a flood of bad keys nor a stuck reader can slow the gate: lines a second, and a queue to a
//! thread of its own. What does not fit is dropped and counted.

use std::{
    borrow::Cow,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use serde_json::json;
use tokio::sync::broadcast;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::{Exchange, Outcome};
use crate::{
    downstream::Logged,
    gate::{
        credential::{KeyShape, shape},
        denial::Denial,
        limit::{Gcra, Pace, Quota},
    },
};

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessFormat {
    /// A JSON object, for programs.
    Json,
    /// A few words, for people; in colour if asked.
    Text { colour: bool },
}

/// Lines that may be waiting for the writer.
const QUEUE_LINES: usize = 8192;
/// Lines a second that are written, with a burst of the same size: enough to see what is happening, too few to be a load.
const LINES_PER_SECOND: u32 = 1000;

/// Lines that somebody who watches may be behind before some are missed.
const WATCHED_LINES: usize = 256;

/// The log. Dropping it writes what is queued.
pub struct AccessLog {
    policy: Logged,
    format: AccessFormat,
    writer: NonBlocking,
    _guard: WorkerGuard,
    pace: Gcra,
    quota: Option<Quota>,
    beyond_pace: AtomicU64,
    watchers: broadcast::Sender<Arc<str>>,
}

impl AccessLog {
    /// A log of what `policy` says to `sink`.
    pub fn new(policy: Logged, format: AccessFormat, sink: impl Write + Send + 'static) -> Self {
        let (writer, guard) =
            NonBlockingBuilder::default().buffered_lines_limit(QUEUE_LINES).lossy(true).thread_name("access-log").finish(sink);
        let quota = Quota::new(LINES_PER_SECOND, 1, LINES_PER_SECOND).ok();
        let (pace, beyond_pace, watchers) = (Gcra::default(), AtomicU64::new(0), broadcast::Sender::new(WATCHED_LINES));
        Self { policy, format, writer, _guard: guard, pace, quota, beyond_pace, watchers }
    }

    /// The lines of all exchanges from now on, as JSON, whatever the policy is. Whoever does not keep up misses some.
    pub fn watch(&self) -> broadcast::Receiver<Arc<str>> {
        self.watchers.subscribe()
    }

    /// Writes the line of an exchange that ended at `ticks_ns`, if the policy wants it, and shows it to whoever watches.
    pub fn write(&self, exchange: &Exchange<'_>, ticks_ns: u64) {
        let wanted = match self.policy {
            Logged::Off => false,
            Logged::All => true,
            Logged::Refused => exchange.denial.or(exchange.reported).is_some() || exchange.browser_report,
        };
        let watched = self.watchers.receiver_count() > 0;
        if !wanted && !watched {
            return;
        }
        if let Some(quota) = &self.quota
            && let Pace::Beyond { .. } = self.pace.charge(quota, ticks_ns)
        {
            self.beyond_pace.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if watched {
            // Nobody may be left by now.
            let _ = self.watchers.send(as_json(exchange, SystemTime::now()).into());
        }
        if !wanted {
            return;
        }
        let mut line = match self.format {
            AccessFormat::Json => as_json(exchange, SystemTime::now()),
            AccessFormat::Text { colour } => as_text(exchange, SystemTime::now(), colour),
        };
        line.push('\n');
        // Lossy: never blocks and never fails; what the queue cannot hold is in `dropped`.
        let _ = self.writer.clone().write_all(line.as_bytes());
    }

    /// Lines that were not written.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.beyond_pace.load(Ordering::Relaxed) + self.writer.error_counter().dropped_lines() as u64
    }
}

/// `12:00:01 ✘ 401 GET /events unknown_key`
fn as_text(exchange: &Exchange<'_>, at: SystemTime, colour: bool) -> String {
    let time = chrono::DateTime::<chrono::Local>::from(at).format("%H:%M:%S");
    let (mark, style) = match (exchange.denial, exchange.reported) {
        (None, None) => ('✔', "\u{1b}[32m"),
        (None, Some(_)) => ('!', "\u{1b}[33m"),
        (Some(_), _) => ('✘', "\u{1b}[31m"),
    };
    let (on, off) = if colour { (style, "\u{1b}[0m") } else { ("", "") };
    let mut line = format!(
        "{time} {on}{mark} {}{off} {} {}",
        exchange.status,
        shorten(exchange.method),
        shorten(&without_keys(exchange.path))
    );
    let words = [
        exchange.denial.or(exchange.reported).map(Denial::reason),
        exchange.key.map(|key| &*key.id),
        exchange.detail,
        exchange.origin.filter(|_| exchange.denial.is_some()),
    ];
    for word in words.into_iter().flatten() {
        line.push(' ');
        line.push_str(&shorten(word));
    }
    line
}

fn as_json(exchange: &Exchange<'_>, at: SystemTime) -> String {
    let outcome = match (exchange.denial, exchange.reported) {
        (Some(denial), _) => Outcome::Deny(denial),
        (None, Some(denial)) => Outcome::Report(denial),
        (None, None) => Outcome::Allow,
    };
    let mut line = json!({
        "time": chrono::DateTime::<chrono::Utc>::from(at).to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "event": "request",
        "request_id": exchange.request_id,
        "peer": exchange.peer.to_string(),
        "method": shorten(exchange.method),
        "path": shorten(&without_keys(exchange.path)),
        "transport": exchange.transport.name(),
        "status": exchange.status,
        "outcome": outcome.name(),
        "duration_ms": exchange.took.as_micros() as f64 / 1000.0,
    });
    let mut add = |name: &str, value: Option<&str>| {
        if let (Some(value), Some(fields)) = (value, line.as_object_mut()) {
            fields.insert(name.to_owned(), shorten(value).into());
        }
    };
    add("reason", exchange.denial.or(exchange.reported).map(Denial::reason));
    add("detail", exchange.detail);
    add("route", exchange.route);
    add("key_id", exchange.key.map(|key| &*key.id));
    add("app", exchange.key.map(|key| &*key.app));
    add("origin", exchange.origin);
    add("misuse", exchange.browser_report.then_some("secret_in_browser"));
    line.to_string()
}

/// A path without the segments that look like keys: somebody put one where it does not belong.
fn without_keys(path: &str) -> Cow<'_, str> {
    let is_key = |segment: &str| segment.starts_with("sk_") || shape(segment) != KeyShape::Foreign;
    if !path.split('/').any(is_key) {
        return path.into();
    }
    path.split('/').map(|segment| if is_key(segment) { "…" } else { segment }).collect::<Vec<_>>().join("/").into()
}

/// What clients send is escaped by JSON, cut to a length, and rid of characters that reorder a terminal's text.
fn shorten(text: &str) -> String {
    const MAX_CHARS: usize = 256;
    let bidi = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    text.chars().take(MAX_CHARS).map(|c| if c.is_control() || bidi(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests;
