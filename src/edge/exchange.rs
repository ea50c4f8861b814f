//! One request and its answer: what is kept of it until both are done.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use ring::rand::{SecureRandom, SystemRandom};

use super::{
    answer,
    clock::Clock,
    limit_fields::{self, Field},
};
use crate::{
    downstream::LimitHeaders,
    gate::{denial::Denial, peer::PeerAddress, permit::Permit, request::RequestHead, time::Timestamp},
    telemetry::{self, Telemetry},
};

/// The id of an exchange: a UUID version 7 (RFC 9562 section 5.7), in the answer, the log and at the backend.
#[derive(Clone, Copy)]
pub struct RequestId([u8; 36]);

impl RequestId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Makes ids: time, a count, and randomness drawn once for the process. Unique, not secret.
pub struct RequestIds {
    process: u64,
    count: AtomicU64,
}

impl RequestIds {
    /// Draws the process's part.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn new(random: &SystemRandom) -> Result<Self, ring::error::Unspecified> {
        let mut process = [0; 8];
        random.fill(&mut process)?;
        Ok(Self { process: u64::from_le_bytes(process), count: AtomicU64::new(0) })
    }

    /// The next id.
    pub fn next(&self, now: Timestamp) -> RequestId {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let ms = u64::try_from(now.unix_ms).unwrap_or_default();
        let high = ms << 16 | 0x7000 | count >> 20 & 0xfff;
        let low = 0x8000_0000_0000_0000 | (self.process & 0x3ff_ffff_ffff) << 20 | count & 0xf_ffff;
        let value = u128::from(high) << 64 | u128::from(low);
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (index, byte) in value.to_be_bytes().into_iter().enumerate() {
            // Hyphens stand before these bytes.
            at += usize::from(matches!(index, 4 | 6 | 8 | 10));
            text[at] = HEX[usize::from(byte >> 4)];
            text[at + 1] = HEX[usize::from(byte & 0xf)];
            at += 2;
        }
        RequestId(text)
    }
}

/// What is known of a request beside the permit, owned, for as long as its answer takes.
pub struct Asked {
    /// Its id.
    pub id: RequestId,
    /// Who asks.
    pub peer: PeerAddress,
    /// As sent.
    pub method: Cow<'static, str>,
    /// As sent, without the query.
    pub path: Box<str>,
    /// The `Origin` to allow in the answer: present only where it is listed.
    pub cors_origin: Option<Box<str>>,
    /// Whether the gate only watches: then the page goes by the backend's own `Access-Control-*`.
    pub watched: bool,
    /// What the answer tells of limits, as they stood at the decision; empty unless answers to permitted requests tell of them.
    pub limit_fields: Box<[Field]>,
    /// When its head was whole, on the gate's clock.
    pub at_ns: u64,
}

impl Asked {
    /// Keeps what is needed of `head`.
    #[must_use]
    pub fn new(id: RequestId, head: &RequestHead<'_>, permit: &Permit, now: Timestamp, headers: LimitHeaders) -> Self {
        let origin = head.values("origin").next().filter(|_| permit.origin_listed());
        Self {
            id,
            peer: head.peer,
            method: kept(head.method),
            path: head.path.into(),
            cors_origin: origin.and_then(|value| std::str::from_utf8(value).ok()).map(Into::into),
            watched: permit.reported().is_some(),
            limit_fields: match headers.on_permitted && permit.reported().is_none() {
                true => limit_fields::fields(permit.charges(), headers).collect(),
                false => Box::default(),
            },
            at_ns: now.ticks_ns,
        }
    }

    /// Whether a header of the backend's answer is the gate's to set, or nobody's business outside.
    #[must_use]
    pub fn replaces(&self, name: &str) -> bool {
        is_replaced(name, self.watched) || limit_fields::replaces(&self.limit_fields, name)
    }

    /// The headers that a page needs to read the answer.
    pub fn cors_headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        (!self.watched).then(|| answer::cors_headers(self.cors_origin.as_deref())).into_iter().flatten()
    }

    /// What the answer tells a page, and of limits.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let limits = self.limit_fields.iter().map(|(name, value)| (*name, value.as_str()));
        self.cors_headers().chain(limits)
    }

    /// Reports the end of a permitted exchange. `status` is 0 if no answer was sent.
    pub fn report(&self, telemetry: &Telemetry, clock: &Clock, permit: &Permit, status: u16, denial: Option<Denial>) {
        let now = clock.ticks_ns();
        let exchange = telemetry::Exchange {
            request_id: self.id.as_str(),
            peer: self.peer,
            method: &self.method,
            path: &self.path,
            denial,
            reported: permit.reported(),
            detail: None,
            origin: None,
            key: permit.key().map(|key| &**key),
            route: Some(&permit.route().name),
            transport: permit.transport(),
            status,
            took: Duration::from_nanos(now.saturating_sub(self.at_ns)),
            browser_report: permit.browser_report(),
        };
        telemetry.exchanged(&exchange, now);
    }
}

/// A method to keep: of the usual ones no copy is needed.
fn kept(method: &str) -> Cow<'static, str> {
    let usual = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"].into_iter().find(|usual| *usual == method);
    usual.map_or_else(|| method.to_owned().into(), Cow::Borrowed)
}

/// [`Asked::replaces`].
#[must_use]
pub fn is_replaced(name: &str, watched: bool) -> bool {
    let starts = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    match name.as_bytes().first() {
        Some(b'a' | b'A') => !watched && starts("access-control-"),
        Some(b'x' | b'X') => starts("x-keygate-") || name.eq_ignore_ascii_case("x-request-id"),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_time_count_and_process() {
        let ids = RequestIds { process: 0xa5_5a5a_5a5a, count: AtomicU64::new(0x1_2345_6789) };
        let now = Timestamp { unix_ms: 0x0123_4567_89ab, ticks_ns: 0 };
        assert_eq!(ids.next(now).as_str(), "01234567-89ab-7234-8a55-a5a5a5a56789");
    }

    #[test]
    fn ids_are_version_7_and_differ() {
        let ids = RequestIds::new(&SystemRandom::new()).unwrap();
        let now = Timestamp { unix_ms: 0x0123_4567_89ab, ticks_ns: 0 };
        let (one, other) = (ids.next(now), ids.next(now));
        assert_ne!(one.as_str(), other.as_str());
        assert!(one.as_str().starts_with("01234567-89ab-7"), "{}", one.as_str());
        assert!(matches!(one.as_str().as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "the variant of RFC 9562");
        let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
        assert!(one.as_str().len() == 36 && one.as_str().chars().all(hex));
    }
}
