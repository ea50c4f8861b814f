//! A client that sends what it is told to, byte for byte, and takes an answer apart.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long a broken test takes to say so.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub head: Vec<(String, String)>,
    /// Put together, where it came in chunks.
    pub body: Vec<u8>,
}

/// A request.
pub struct Ask<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub head: Vec<(&'a str, String)>,
    pub body: Vec<u8>,
}

impl<'a> Ask<'a> {
    pub fn new(method: &'a str, target: &'a str) -> Self {
        Self { method, target, head: vec![("host", "localhost".to_owned())], body: Vec::new() }
    }

    pub fn token(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub fn with(mut self, name: &'a str, value: &str) -> Self {
        self.head.push((name, value.to_owned()));
        self
    }

    /// Without the field of this name.
    pub fn without(mut self, name: &str) -> Self {
        self.head.retain(|(other, _)| *other != name);
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.text("application/json", &body.to_string())
    }

    pub fn text(mut self, content_type: &str, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self.with("content-type", content_type)
    }

    /// A body of which nothing is said.
    pub fn text_of(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.head {
            text += &format!("{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            text += &format!("content-length: {}\r\n", self.body.len());
        }
        text += "\r\n";
        [text.as_bytes(), &self.body].concat()
    }

    pub async fn send(self, to: SocketAddr) -> Answer {
        let stream = TcpStream::connect(to).await.expect("the listener");
        self.with("connection", "close").over(stream).await
    }

    pub async fn over(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Answer {
        // Who is turned away early may not read all of it.
        let _ = stream.write_all(&self.bytes()).await;
        let mut bytes = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer").expect("a whole answer");
        Answer::parse(&bytes)
    }
}

impl Answer {
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = std::str::from_utf8(&bytes[..end]).expect("a head in ASCII");
        let mut lines = head.lines();
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok()).expect("a status");
        let fields = lines.filter_map(|line| line.split_once(':'));
        let head: Vec<_> = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        let body = &bytes[end + 4..];
        let chunked = head.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        Self { status, body: if chunked { unchunked(body) } else { body.to_vec() }, head }
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Of a problem.
    pub fn code(&self) -> String {
        let body = self.json();
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!((body["status"].as_u64(), self.status >= 400), (Some(u64::from(self.status)), true), "{self:?}");
        let code = body["code"].as_str().expect("a code").to_owned();
        assert_eq!(body["type"], format!("/v1/problems#{code}"));
        assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        code
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").expect("a chunk's head");
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).expect("ASCII"), 16).expect("a size");
        let chunk = &bytes[end + 2..];
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunk[..size]);
        bytes = &chunk[size + 2..];
    }
}
