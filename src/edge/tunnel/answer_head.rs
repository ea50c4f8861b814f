//! The head of a backend's answer: read with a deadline and a size, passed on without what belongs to the gate.

use std::{io::Write as _, mem::MaybeUninit};

use httparse::{Header, ParserConfig, Response};

use crate::{
    edge::{
        body::{BodyFraming, Chunk},
        head::end_of_head,
        scratch::read_some,
        upstream::UpstreamStream,
    },
    gate::request::{is_event_stream, list_items},
    telemetry::UpstreamError,
};

/// The largest head of an answer; nginx's default for one is smaller.
const MAX_ANSWER_HEAD_BYTES: usize = 32 * 1024;
const MAX_ANSWER_HEADERS: usize = 100;
/// Room for the head of an answer that opens a stream, as most are.
const USUAL_HEAD_BYTES: usize = 512;

/// Reads until `buffer` holds a whole head that is not an interim one (1xx other than 101), and returns its length.
///
/// # Errors
/// If the backend closes, or sends what is no answer.
pub async fn read(upstream: &mut UpstreamStream, buffer: &mut Vec<u8>) -> Result<usize, UpstreamError> {
    loop {
        if let Some(end) = end_of_head(buffer) {
            // Interim answers (RFC 9110 section 15.2) tell of nothing that a stream's client waits for.
            if buffer.starts_with(b"HTTP/1.1 1") && !buffer.starts_with(b"HTTP/1.1 101") {
                buffer.drain(..end);
                continue;
            }
            return Ok(end);
        }
        if buffer.len() > MAX_ANSWER_HEAD_BYTES {
            return Err(UpstreamError::Protocol);
        }
        match read_some(upstream, buffer, MAX_ANSWER_HEAD_BYTES).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return Err(UpstreamError::Closed),
        }
    }
}

/// What an answer says that the tunnel acts on.
#[derive(Debug, Default)]
pub struct Answered<'b> {
    /// The status.
    pub status: u16,
    /// `Sec-WebSocket-Accept`.
    pub accept: Option<&'b [u8]>,
    /// The subprotocol that the backend selected.
    pub protocol: Option<&'b [u8]>,
    /// Whether `Upgrade` is `websocket` and `Connection` says so too.
    pub upgrades: bool,
    /// Whether its content is an event stream, as it is.
    pub event_stream: bool,
    headers: Vec<(&'b str, &'b [u8])>,
    length: Option<&'b [u8]>,
    chunked: bool,
}

/// Reads a whole head, and leaves out the headers that are the gate's to set.
///
/// # Errors
/// If it is none, or two of its headers contradict each other.
pub fn parse(head: &[u8], replaced: impl Fn(&str) -> bool) -> Result<Answered<'_>, UpstreamError> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_ANSWER_HEADERS];
    let mut response = Response::new(&mut []);
    match ParserConfig::default().parse_response_with_uninit_headers(&mut response, head, &mut headers) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) | Err(_) => return Err(UpstreamError::Protocol),
    }
    let mut answered = Answered { status: response.code.unwrap_or_default(), ..Answered::default() };
    answered.headers.reserve_exact(response.headers.len());
    let (mut upgrade, mut connection, mut encoded) = (false, false, false);
    for Header { name, value } in response.headers.iter() {
        if name.eq_ignore_ascii_case("upgrade") {
            upgrade = value.eq_ignore_ascii_case(b"websocket");
        } else if name.eq_ignore_ascii_case("connection") {
            connection |= list_items(value).any(|item| item.eq_ignore_ascii_case(b"upgrade"));
        } else if name.eq_ignore_ascii_case("content-length") {
            if answered.length.replace(value).is_some() {
                return Err(UpstreamError::Protocol);
            }
            answered.headers.push((name, value));
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            answered.chunked = value.eq_ignore_ascii_case(b"chunked");
            if !answered.chunked {
                return Err(UpstreamError::Protocol);
            }
            answered.headers.push((name, value));
        } else if !is_hop(name) && !replaced(name) {
            match () {
                () if name.eq_ignore_ascii_case("sec-websocket-accept") => answered.accept = Some(value),
                () if name.eq_ignore_ascii_case("sec-websocket-protocol") => answered.protocol = Some(value),
                () if name.eq_ignore_ascii_case("content-type") => answered.event_stream = is_event_stream(value),
                () if name.eq_ignore_ascii_case("content-encoding") => encoded = true,
                () => {}
            }
            answered.headers.push((name, value));
        }
    }
    answered.upgrades = upgrade && connection;
    // Nothing of ours goes between bytes that somebody decodes.
    answered.event_stream &= !encoded;
    Ok(answered)
}

impl Answered<'_> {
    /// How the body of an answer to a `GET` is framed (RFC 9112 section 6.3).
    ///
    /// # Errors
    /// If length and coding contradict each other, or the length is no number.
    pub fn framing(&self) -> Result<BodyFraming, UpstreamError> {
        if matches!(self.status, 204 | 304) {
            return Ok(BodyFraming::Length(0));
        }
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(UpstreamError::Protocol),
            (true, None) => Ok(BodyFraming::Chunked(Chunk::Start)),
            (false, None) => Ok(BodyFraming::UntilClose),
            (false, Some(length)) => {
                let digits = std::str::from_utf8(length).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
                digits.and_then(|digits| digits.parse().ok()).map(BodyFraming::Length).ok_or(UpstreamError::Protocol)
            }
        }
    }

    /// The head as the client sees it: the backend's, with `more` headers, and for an upgrade its two headers.
    #[must_use]
    pub fn rewritten<'n, 'v>(&self, more: impl Iterator<Item = (&'n str, &'v str)>) -> Vec<u8> {
        let phrase = http::StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
        let mut out = Vec::with_capacity(USUAL_HEAD_BYTES);
        // Writing to a Vec cannot fail.
        let _ = write!(out, "HTTP/1.1 {} {phrase}\r\n", self.status);
        let mut header = |name: &str, value: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        };
        for (name, value) in &self.headers {
            header(name, value);
        }
        if self.status == 101 {
            header("Connection", b"Upgrade");
            header("Upgrade", b"websocket");
        } else {
            header("Connection", b"close");
        }
        for (name, value) in more {
            header(name, value.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out
    }
}

fn is_hop(name: &str) -> bool {
    ["keep-alive", "proxy-connection", "proxy-authenticate", "trailer", "te"].iter().any(|hop| name.eq_ignore_ascii_case(hop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::exchange::is_replaced;

    fn framing(headers: &str) -> Result<BodyFraming, UpstreamError> {
        parse(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes(), |_| false)?.framing()
    }

    #[test]
    fn framing_has_one_reading() {
        assert_eq!(framing("Content-Length: 5\r\n"), Ok(BodyFraming::Length(5)));
        assert_eq!(framing("Transfer-Encoding: chunked\r\n"), Ok(BodyFraming::Chunked(Chunk::Start)));
        assert_eq!(framing(""), Ok(BodyFraming::UntilClose));
        for broken in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: +5\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
        ] {
            assert_eq!(framing(broken), Err(UpstreamError::Protocol), "{broken}");
        }
    }

    #[test]
    fn what_is_the_gates_to_say_is_not_the_backends() {
        let head = b"HTTP/1.1 200 Fine\r\nX-Keygate-Key-Id: spoof\r\nAccess-Control-Allow-Origin: *\r\nX-Request-Id: 1\r\nKeep-Alive: 5\r\nX-Own: a\r\n\r\n";
        let out = String::from_utf8(
            parse(head, |name| is_replaced(name, false)).unwrap().rewritten([("X-Request-Id", "ours")].into_iter()),
        )
        .unwrap();
        assert_eq!(out, "HTTP/1.1 200 OK\r\nX-Own: a\r\nConnection: close\r\nX-Request-Id: ours\r\n\r\n");
    }
}
