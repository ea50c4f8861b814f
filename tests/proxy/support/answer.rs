//! One HTTP answer, read from a buffer by its framing.

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// Without its framing.
    pub body: Vec<u8>,
}

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

impl Answer {
    /// Reads a head; `None` while it is not whole. Returns its length too.
    pub fn head_in(bytes: &[u8]) -> Option<(Self, usize)> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(&bytes[..end - 4]).expect("a head is text");
        let mut lines = text.split("\r\n");
        let status_line = lines.next().expect("a status line");
        assert!(status_line.starts_with("HTTP/1."), "not an answer: {status_line}");
        let status = status_line[9..12].parse().expect("a status");
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_owned(), value.trim().to_owned())
        };
        Some((Self { status, headers: lines.map(header).collect(), body: Vec::new() }, end))
    }

    /// The values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that stands there at most once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} stands there {} times: {all:?}", all.len());
        all.first().copied()
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    /// The problem that a refusal describes.
    #[track_caller]
    pub fn problem(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).expect("a problem is JSON");
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        let code = problem["code"].as_str().expect("a code");
        assert_eq!(problem["type"], format!("/keygate/refusals#{code}"));
        problem
    }

    /// The code of the problem.
    #[track_caller]
    pub fn code(&self) -> String {
        self.problem()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn framing(&self) -> Framing {
        if self.status < 200 || matches!(self.status, 204 | 304) {
            return Framing::None;
        }
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Framing::Chunked;
        }
        self.header("content-length").map_or(Framing::UntilClose, |length| Framing::Length(length.parse().expect("a length")))
    }

    /// Reads a body framed like this from the start of `bytes`; `None` while it is not whole. Returns how many bytes it took.
    pub fn body_in(framing: Framing, bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        match framing {
            Framing::None => Some((Vec::new(), 0)),
            Framing::Length(length) => bytes.get(..length).map(|body| (body.to_vec(), length)),
            Framing::Chunked => chunks_in(bytes),
            Framing::UntilClose => None,
        }
    }
}

/// The event with which the gate ends an event stream; `retry` where the client may come back.
pub fn goodbye_event(status: u16, code: &str, retry: bool) -> String {
    let retry = if retry { "retry: 1000\n" } else { "" };
    format!("event: keygate\ndata: {{\"status\":{status},\"code\":\"{code}\"}}\n{retry}\n")
}

/// The data of a chunked body at the start of `bytes`, and its length on the wire.
pub fn chunks_in(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        let line = at + bytes.get(at..)?.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..line]).expect("a size").split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).expect("a chunk's size");
        at = line + 2;
        if size == 0 {
            // Trailers end with an empty line.
            let rest = bytes.get(at..)?;
            let end = if rest.starts_with(b"\r\n") { 2 } else { rest.windows(4).position(|window| window == b"\r\n\r\n")? + 4 };
            return Some((data, at + end));
        }
        data.extend_from_slice(bytes.get(at..at + size)?);
        bytes.get(at + size..at + size + 2)?;
        at += size + 2;
    }
}
