//! A head as two readers see it. The fuzz target `head` is made of this file too.

use std::{mem::MaybeUninit, net::Ipv4Addr};

use keygate::{
    edge::parse_strictly,
    gate::request::{Header, RequestHead},
};
use pingora::protocols::http::v1::server::HttpSession;

/// One reading of a head.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading {
    pub method: String,
    pub target: Vec<u8>,
    pub minor_version: u8,
    pub headers: Vec<(String, Vec<u8>)>,
    /// `Chunked` or `Length(n)`.
    pub body: String,
}

/// How the gate reads it; `None` if it refuses.
pub fn ours(bytes: &[u8]) -> Option<Reading> {
    let mut headers: [MaybeUninit<Header<'_>>; 64] = [const { MaybeUninit::uninit() }; 64];
    let parsed = parse_strictly(bytes, &mut headers).ok()?;
    RequestHead::new(parsed.method, parsed.target, parsed.headers, Ipv4Addr::LOCALHOST.into(), false).ok()?;
    Some(Reading {
        method: parsed.method.to_owned(),
        target: parsed.target.as_bytes().to_vec(),
        minor_version: parsed.minor_version,
        headers: parsed.headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec())).collect(),
        body: format!("{:?}", parsed.body),
    })
}

/// How pingora reads it, and what it takes for the body of what follows.
pub fn pingoras(runtime: &tokio::runtime::Runtime, bytes: &[u8]) -> Result<Reading, String> {
    const BODY: &[u8] = b"5\r\nhello\r\n0\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        use tokio::io::AsyncWriteExt as _;
        client.write_all(bytes).await.expect("room");
        client.write_all(BODY).await.expect("room");
        client.shutdown().await.expect("an end");
        let mut session = HttpSession::new(Box::new(server));
        session.read_request().await.map_err(|error| error.to_string())?.ok_or("nothing was read")?;
        let head = session.req_header();
        let headers = head.headers.iter();
        let mut reading = Reading {
            method: head.method.as_str().to_owned(),
            target: head.raw_path().to_vec(),
            minor_version: u8::from(head.version == http::Version::HTTP_11),
            headers: headers.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect(),
            body: String::new(),
        };
        if head.headers.contains_key("upgrade") {
            // pingora reads such a request until its connection ends. It never meets one: the head for the backend is made without.
            return Err("an upgrade".to_owned());
        }
        let is_chunked = head.headers.contains_key("transfer-encoding");
        let length = head.headers.get("content-length").and_then(|value| value.to_str().ok()?.parse::<u64>().ok()).unwrap_or(0);
        let mut body = Vec::new();
        while let Ok(Some(piece)) = session.read_body_bytes().await {
            body.extend_from_slice(&piece);
        }
        reading.body = if is_chunked {
            assert_eq!(body, b"hello", "a chunked body is read as one");
            "Chunked".to_owned()
        } else {
            let there = usize::try_from(length).unwrap_or(usize::MAX).min(BODY.len());
            assert_eq!(body.len(), there, "as many bytes as the length says");
            format!("Length({length})")
        };
        Ok(reading)
    })
}

/// A header map groups the values of one name; the order within a name is what counts.
pub fn grouped(mut reading: Reading) -> Reading {
    reading.headers.sort_by(|one, other| one.0.cmp(&other.0));
    reading
}
