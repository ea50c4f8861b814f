//! The bytes of a head, read strictly: what two servers might read in two ways is refused, never mended (RFC 9112 sections 2.2,
//! 3.2, 5 and 6; HTTP Garden and Http11Probe list the ways).

use std::mem::MaybeUninit;

use httparse::{Header, Request};
use memchr::memchr_iter;

use crate::gate::{
    origin::Origin,
    request::{Rule, list_items},
};

/// The most headers a head may have.
pub const MAX_HEADERS: usize = 64;
/// The longest target.
const MAX_TARGET_BYTES: usize = 8 * 1024;
/// The longest method: longer than any that is registered.
const MAX_METHOD_BYTES: usize = 24;

/// A head with one reading.
#[derive(Debug)]
pub struct Parsed<'h, 'b> {
    /// As sent.
    pub method: &'b str,
    /// As sent.
    pub target: &'b str,
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    pub minor_version: u8,
    /// In order.
    pub headers: &'h [Header<'b>],
    /// Whether the client wants the connection closed after the answer.
    pub close: bool,
    /// What follows the head.
    pub body: Body,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
}

/// How long a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// So many bytes, none included.
    Length(u64),
    /// Until the last chunk.
    Chunked,
}

/// A head that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// It breaks this rule.
    Broken(Rule),
    /// It has more than [`MAX_HEADERS`] headers, or too long a target.
    TooLarge,
}

impl From<Rule> for HeadError {
    fn from(rule: Rule) -> Self {
        Self::Broken(rule)
    }
}

/// Reads `head`, which must end with its empty line.
///
/// # Errors
/// The rule that it breaks.
pub fn parse_strictly<'h, 'b>(
    head: &'b [u8],
    headers: &'h mut [MaybeUninit<Header<'b>>; MAX_HEADERS],
) -> Result<Parsed<'h, 'b>, HeadError> {
    check_lines(head)?;
    let mut request = Request::new(&mut []);
    match httparse::ParserConfig::default().parse_request_with_uninit_headers(&mut request, head, headers) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err("the head does not end where its empty line is".into()),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
        Err(httparse::Error::Token) => return Err("the request line is not one".into()),
        Err(httparse::Error::Version) => return Err("the version is neither HTTP/1.1 nor HTTP/1.0".into()),
        Err(httparse::Error::HeaderName) => return Err("a header's name is not a token".into()),
        Err(httparse::Error::HeaderValue) => return Err("a header's value holds control characters".into()),
        Err(httparse::Error::NewLine | httparse::Error::Status) => return Err("the head is not HTTP".into()),
    }
    let method = request.method.unwrap_or_default();
    let target = request.path.unwrap_or_default();
    let minor_version = request.version.unwrap_or_default();
    if method.len() > MAX_METHOD_BYTES || matches!(method, "CONNECT" | "TRACE") {
        return Err("a method that is not served".into());
    }
    if target.len() > MAX_TARGET_BYTES {
        return Err(HeadError::TooLarge);
    }
    let mut fields = Fields::default();
    for header in &*request.headers {
        fields.note(header)?;
    }
    Ok(Parsed {
        method,
        target,
        minor_version,
        close: fields.close || minor_version == 0 && !fields.keep_alive,
        body: fields.body(minor_version)?,
        expects_continue: fields.expects_continue,
        headers: request.headers,
    })
}

/// CRLF ends a line and nothing else does; no line continues another (RFC 9112 sections 2.2 and 5.2).
fn check_lines(head: &[u8]) -> Result<(), Rule> {
    // Empty lines before a request line are skipped by some and refused by others.
    if !head.first().is_some_and(u8::is_ascii_alphabetic) {
        return Err("the request line is not one");
    }
    let mut start = 0;
    for at in memchr_iter(b'\n', head) {
        let line = &head[start..at];
        let Some(line) = line.strip_suffix(b"\r") else { return Err("a line ends without CR") };
        if memchr::memchr2(b'\r', 0, line).is_some() {
            return Err("a bare CR or a NUL");
        }
        if start > 0 && matches!(line.first(), Some(b' ' | b'\t')) {
            return Err("a folded line");
        }
        start = at + 1;
    }
    Ok(())
}

/// The headers that frame a message or name its host.
#[derive(Default)]
struct Fields {
    hosts: u8,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Fields {
    fn note(&mut self, header: &Header<'_>) -> Result<(), Rule> {
        let (name, value) = (header.name, header.value);
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => {
                self.hosts += 1;
                let host = std::str::from_utf8(value).map_err(|_| "Host is not text")?;
                if self.hosts > 1 {
                    return Err("two Host headers");
                }
                Origin::of_host(host, false).map(drop).ok_or("Host is not a host name")
            }
            6 if name.eq_ignore_ascii_case("expect") => {
                self.expects_continue = true;
                if value.eq_ignore_ascii_case(b"100-continue") { Ok(()) } else { Err("an expectation that is not served") }
            }
            10 if name.eq_ignore_ascii_case("connection") => self.connection(value),
            14 if name.eq_ignore_ascii_case("content-length") => {
                if self.length.replace(content_length(value)?).is_some() {
                    return Err("two Content-Length headers");
                }
                Ok(())
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if std::mem::replace(&mut self.chunked, true) {
                    return Err("two Transfer-Encoding headers");
                }
                if value.eq_ignore_ascii_case(b"chunked") { Ok(()) } else { Err("a transfer coding other than chunked") }
            }
            _ => Ok(()),
        }
    }

    /// Only connection options that HTTP itself defines: a client that names another header would have a proxy behind us remove it,
    /// one of those that we add among them (CVE-2026-105299; Apache CVE-2022-31813).
    fn connection(&mut self, value: &[u8]) -> Result<(), Rule> {
        for option in list_items(value) {
            let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
            if is("close") {
                self.close = true;
            } else if is("keep-alive") {
                self.keep_alive = true;
            } else if !["upgrade", "te", "http2-settings"].into_iter().any(is) {
                // Java's client offers `Upgrade, HTTP2-Settings`; all three are dropped before the backend.
                return Err("Connection names a header");
            }
        }
        Ok(())
    }

    fn body(&self, minor_version: u8) -> Result<Body, Rule> {
        // The backend is spoken to in HTTP/1.1, which must name a host, and there is none to make up.
        if self.hosts == 0 {
            return Err("no Host header");
        }
        match (self.chunked, self.length) {
            (true, Some(_)) => Err("Content-Length beside Transfer-Encoding"),
            (true, None) if minor_version == 0 => Err("Transfer-Encoding in HTTP/1.0"),
            (true, None) => Ok(Body::Chunked),
            (false, length) => Ok(Body::Length(length.unwrap_or(0))),
        }
    }
}

fn content_length(value: &[u8]) -> Result<u64, Rule> {
    let plain = value.len() <= 18 && value.iter().all(u8::is_ascii_digit) && (value.len() == 1 || value.first() != Some(&b'0'));
    let text = std::str::from_utf8(value).ok().filter(|_| plain);
    text.and_then(|digits| digits.parse().ok()).ok_or("Content-Length is not a plain number")
}

#[cfg(test)]
mod tests;
