//! The gate's own answers, as bytes: refusals (RFC 9457), preflights, and the page that explains refusals.

use std::{fmt::Write as _, time::SystemTime};

use super::limit_fields::{self, RETRY_PLACE_S};
use crate::{
    downstream::LimitHeaders,
    gate::{
        cors::Preflight,
        denial::{Blame, Challenge, Denial},
        limit::Charges,
    },
};

/// Where the gate explains its refusals, on its own listeners; every problem's `type` points there.
pub const REFUSALS_PATH: &str = "/keygate/refusals";
/// What a page may read of any answer (Fetch standard, CORS-safelisted response headers leave these out).
pub const EXPOSED_HEADERS: &str =
    "Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id";
/// Chromium's cap on how long it keeps a preflight's answer, in seconds.
const PREFLIGHT_MAX_AGE_S: u32 = 7200;
/// When to come back to a gate that cannot serve now, in seconds.
const RETRY_SERVICE_S: u64 = 1;

/// What a refusal's answer depends on besides its reason.
#[derive(Clone, Copy, Default)]
pub struct About<'a> {
    /// The exchange's id.
    pub request_id: &'a str,
    /// The `Origin` whose page may read the answer.
    pub cors_origin: Option<&'a str>,
    /// What the limits said, where one of them refused.
    pub charges: Option<&'a Charges>,
    /// How limits are told of.
    pub limit_headers: LimitHeaders,
    /// Whether the request was a `HEAD`, whose answer has no body.
    pub without_body: bool,
    /// Whether the connection ends with the answer.
    pub close: bool,
}

/// The answer of a refusal.
#[must_use]
pub fn refusal(denial: Denial, about: &About<'_>) -> Vec<u8> {
    let nothing_said = Charges::default();
    let charges = about.charges.unwrap_or(&nothing_said);
    let body = problem(denial, about.request_id, charges);
    let mut text = start(denial.status(), about.request_id);
    match denial.challenge() {
        Challenge::None => {}
        Challenge::Bare => text.push_str("WWW-Authenticate: Bearer realm=\"keygate\"\r\n"),
        Challenge::InvalidToken => {
            text.push_str("WWW-Authenticate: Bearer realm=\"keygate\", error=\"invalid_token\"\r\n");
        }
        Challenge::InsufficientScope => {
            text.push_str("WWW-Authenticate: Bearer realm=\"keygate\", error=\"insufficient_scope\"\r\n");
        }
    }
    push_retry(&mut text, denial, charges, about.limit_headers);
    push_cors(&mut text, about.cors_origin);
    // Writing to a String cannot fail.
    let _ =
        write!(text, "Content-Type: application/problem+json\r\nCache-Control: no-store\r\nContent-Length: {}\r\n", body.len());
    finish(text, about.close, if about.without_body { "" } else { &body })
}

/// The answer of a preflight that asks for `method` and `headers`.
#[must_use]
pub fn preflight(answer: Preflight, method: &str, headers: Option<&str>, about: &About<'_>) -> Vec<u8> {
    if let Err(denial) = answer {
        return refusal(denial, &About { cors_origin: None, ..*about });
    }
    let mut text = start(204, about.request_id);
    push_cors(&mut text, about.cors_origin);
    let _ = write!(text, "Access-Control-Allow-Methods: {method}\r\nAccess-Control-Max-Age: {PREFLIGHT_MAX_AGE_S}\r\n");
    if let Some(headers) = headers {
        let _ = write!(text, "Access-Control-Allow-Headers: {headers}\r\n");
    }
    finish(text, about.close, "")
}

/// The page of refusals: the table of [`Denial`], for people.
#[must_use]
pub fn refusals_page(about: &About<'_>) -> Vec<u8> {
    let mut body = String::from(concat!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        "<title>Keygate: refusals</title><style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui;max-width:50rem;margin:2rem auto;",
        "padding:0 1rem}dt{font-weight:600;margin-top:1rem}code{font-size:.95em}</style><h1>Why a request was refused</h1><dl>",
    ));
    let mut told = Vec::new();
    for denial in Denial::ALL {
        if !told.contains(&denial.code()) {
            told.push(denial.code());
            let _ = write!(
                body,
                "<dt id={code}><code>{status} {code}</code></dt><dd>{title}</dd>",
                code = denial.code(),
                status = denial.status(),
                title = denial.title()
            );
        }
    }
    body.push_str("</dl>");
    let mut text = start(200, about.request_id);
    let _ = write!(
        text,
        "Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\nX-Content-Type-Options: nosniff\r\nContent-Length: {}\r\n",
        body.len()
    );
    finish(text, about.close, if about.without_body { "" } else { &body })
}

/// The problem object of a refusal (RFC 9457 section 3). Of limits it names those that refuse, as the problem types of
/// draft-ietf-httpapi-ratelimit-headers-11 (section 5) do; `type` stays the gate's own, where people find an explanation.
#[must_use]
pub fn problem(denial: Denial, request_id: &str, charges: &Charges) -> String {
    let (code, status, title) = (denial.code(), denial.status(), denial.title());
    let mut violated = String::new();
    for (at, charge) in charges.violated().enumerate() {
        let before = if at == 0 { r#","violated-policies":["# } else { "," };
        let _ = write!(violated, "{before}\"{}\"", charge.limit.name());
    }
    if !violated.is_empty() {
        violated.push(']');
    }
    format!(
        r#"{{"type":"{REFUSALS_PATH}#{code}","title":"{title}","status":{status},"code":"{code}","request_id":"{request_id}"{violated}}}"#
    )
}

/// The headers that a page needs to read an answer, by name and value.
pub fn cors_headers(origin: Option<&str>) -> impl Iterator<Item = (&'static str, &str)> {
    let allowed =
        origin.map(|origin| [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", EXPOSED_HEADERS)]);
    allowed.into_iter().flatten().chain([("Vary", "Origin")])
}

/// `Retry-After` of a refusal (RFC 9110 section 10.2.3), not before a limit that refused lets a request through, and what limits
/// said.
fn push_retry(text: &mut String, denial: Denial, charges: &Charges, headers: LimitHeaders) {
    let retry_after_s = match denial.blame() {
        Blame::Pace if charges.violated().all(|charge| charge.window_s > 0) => charges.retry_after_s().unwrap_or(RETRY_PLACE_S),
        Blame::Pace => charges.retry_after_s().unwrap_or_default().max(RETRY_PLACE_S),
        Blame::Service if denial.status() == 503 => RETRY_SERVICE_S,
        Blame::Service | Blame::Request | Blame::Operator => return,
    };
    let _ = write!(text, "Retry-After: {retry_after_s}\r\n");
    for (name, value) in limit_fields::fields(charges, headers) {
        let _ = write!(text, "{name}: {value}\r\n");
    }
}

fn push_cors(text: &mut String, origin: Option<&str>) {
    for (name, value) in cors_headers(origin) {
        let _ = write!(text, "{name}: {value}\r\n");
    }
}

fn start(status: u16, request_id: &str) -> String {
    let phrase = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Refused");
    let mut text = String::with_capacity(768);
    let date = httpdate::HttpDate::from(SystemTime::now());
    let _ = write!(text, "HTTP/1.1 {status} {phrase}\r\nServer: keygate\r\nDate: {date}\r\nX-Request-Id: {request_id}\r\n");
    text
}

fn finish(mut text: String, close: bool, body: &str) -> Vec<u8> {
    text.push_str(if close { "Connection: close\r\n\r\n" } else { "\r\n" });
    text.push_str(body);
    text.into_bytes()
}

#[cfg(test)]
mod tests;
