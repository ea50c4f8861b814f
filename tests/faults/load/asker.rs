//! A client that sends requests one by one on a kept connection. What goes wrong is returned, for a load counts it.

use std::{io, net::SocketAddr};

use super::{super::support::Answer, socket::Socket};

/// A client.
pub struct Asker(pub Socket);

/// A request without a body.
pub fn request(target: &str, key: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\n\r\n")
}

/// A body of which no two are alike.
pub fn body_of(number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + at / 251 + number) % 251).expect("less than 256")).collect()
}

/// What a backend of [`super::Upstream`] says of a body that it received: its length and its checksum.
pub fn sum_of(body: &[u8]) -> String {
    format!("{} {:08x}", body.len(), crc32fast::hash(body))
}

impl Asker {
    /// A connection to `address`.
    pub async fn to(address: SocketAddr) -> io::Result<Self> {
        Socket::connect(address).await.map(Self)
    }

    /// Sends a request and reads its answer.
    pub async fn ask(&mut self, request: impl AsRef<[u8]>) -> io::Result<Answer> {
        self.0.send(request).await?;
        self.answer().await
    }

    /// The next answer, which must be one with a length or none.
    pub async fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.0.head().await?;
        let framing = answer.framing();
        loop {
            if let Some((body, taken)) = Answer::body_in(framing, &self.0.rest) {
                self.0.rest.drain(..taken);
                answer.body = body;
                return Ok(answer);
            }
            if tokio::io::AsyncReadExt::read_buf(&mut self.0.stream, &mut self.0.rest).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Whether the connection ends here, with nothing more said.
    pub async fn is_over(&mut self) -> bool {
        let mut more = [0];
        self.0.rest.is_empty() && !matches!(tokio::io::AsyncReadExt::read(&mut self.0.stream, &mut more).await, Ok(1..))
    }
}
