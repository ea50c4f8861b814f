//! A client that sends the bytes that it is given and reads answers one by one.

use std::{net::SocketAddr, path::Path, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{
    answer::{Answer, Framing},
    within,
};

/// What bytes flow in.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to the gate.
pub struct Client {
    pub stream: Box<dyn Stream>,
    pub buffer: Vec<u8>,
    socket: socket2::Socket,
}

impl Client {
    pub async fn to(address: SocketAddr) -> Self {
        Self::over(within("a connection", TcpStream::connect(address)).await.expect("the gate listens"))
    }

    /// A connection from this address, which must be one of this machine: 127.0.0.2 is, and is not 127.0.0.1.
    pub async fn from(local: [u8; 4], address: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind((local, 0).into()).expect("an address of this machine");
        Self::over(within("a connection", socket.connect(address)).await.expect("the gate listens"))
    }

    /// A connection through the socket at `path`.
    pub async fn unix(path: &Path) -> Self {
        let unix = within("a connection", UnixStream::connect(path)).await.expect("the gate listens");
        let other = socket2::SockRef::from(&unix).try_clone().expect("a descriptor");
        Self { stream: Box::new(unix), buffer: Vec::new(), socket: other }
    }

    fn over(tcp: TcpStream) -> Self {
        tcp.set_nodelay(true).expect("a socket option");
        let other = socket2::SockRef::from(&tcp).try_clone().expect("a descriptor");
        Self { stream: Box::new(tcp), buffer: Vec::new(), socket: other }
    }

    /// A connection that takes in little at once, so that a sender soon has to wait.
    pub async fn narrow(address: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a socket option");
        let tcp = within("a connection", socket.connect(address)).await.expect("the gate listens");
        let other = socket2::SockRef::from(&tcp).try_clone().expect("a descriptor");
        Self { stream: Box::new(tcp), buffer: Vec::new(), socket: other }
    }

    /// A connection in TLS, whose certificate must be good for `name`.
    pub async fn tls(address: SocketAddr, name: &str, trust: Arc<tokio_rustls::rustls::ClientConfig>) -> Self {
        Self::to(address).await.in_tls(name, trust).await
    }

    /// The same connection, from here on in TLS.
    pub async fn in_tls(self, name: &str, trust: Arc<tokio_rustls::rustls::ClientConfig>) -> Self {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let stream = within("a TLS handshake", TlsConnector::from(trust).connect(name, self.stream)).await;
        Self { stream: Box::new(stream.expect("a TLS handshake")), ..self }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        };
        within("the gate to take bytes", sent).await.expect("the gate takes bytes");
    }

    /// Sends what the gate may stop taking.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        within("the gate to take bytes or end", self.stream.write_all(bytes.as_ref())).await?;
        self.stream.flush().await
    }

    /// Reads more; `false` at the end of the stream. A reset is an end too.
    pub async fn more(&mut self) -> bool {
        let read = within("bytes from the gate", self.stream.read_buf(&mut self.buffer)).await;
        read.is_ok_and(|length| length > 0)
    }

    /// The next head, final or interim.
    #[track_caller]
    pub fn head(&mut self) -> impl Future<Output = Answer> {
        let at = std::panic::Location::caller();
        async move {
            loop {
                if let Some((answer, end)) = Answer::head_in(&self.buffer) {
                    self.buffer.drain(..end);
                    return answer;
                }
                let more = self.more().await;
                assert!(more, "{at}: the connection ended before an answer: {:?}", String::from_utf8_lossy(&self.buffer));
            }
        }
    }

    /// The next answer.
    #[track_caller]
    pub fn answer(&mut self) -> impl Future<Output = Answer> {
        self.head_then(false)
    }

    /// The next answer, to a `HEAD`.
    pub async fn answer_to_head(&mut self) -> Answer {
        self.head_then(true).await
    }

    #[track_caller]
    fn head_then(&mut self, without_body: bool) -> impl Future<Output = Answer> {
        let at = std::panic::Location::caller();
        async move {
            let mut answer = self.head().await;
            let framing = if without_body { Framing::None } else { answer.framing() };
            if framing == Framing::UntilClose {
                while self.more().await {}
                answer.body = std::mem::take(&mut self.buffer);
                return answer;
            }
            loop {
                if let Some((body, taken)) = Answer::body_in(framing, &self.buffer) {
                    self.buffer.drain(..taken);
                    answer.body = body;
                    return answer;
                }
                assert!(self.more().await, "{at}: the connection ended inside a body: {answer:?} {:?}", self.buffer.len());
            }
        }
    }

    /// Sends a request and reads its answer.
    #[track_caller]
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> impl Future<Output = Answer> {
        let at = std::panic::Location::caller();
        async move {
            self.send(request).await;
            let answer = self.answer().await;
            assert!(answer.status >= 100, "{at}");
            answer
        }
    }

    /// Reads until the buffer holds `needle`, and takes everything up to and with it.
    pub async fn read_through(&mut self, needle: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.buffer.windows(needle.len()).position(|window| window == needle) {
                return self.buffer.drain(..at + needle.len()).collect();
            }
            let seen = String::from_utf8_lossy(&self.buffer).into_owned();
            assert!(self.more().await, "the connection ended before {:?}: {seen:?}", String::from_utf8_lossy(needle));
        }
    }

    /// Reads `length` bytes.
    pub async fn read_exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.more().await, "the connection ended after {} of {length} bytes", self.buffer.len());
        }
        self.buffer.drain(..length).collect()
    }

    /// Reads to the end, and returns what came.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.buffer)
    }

    /// The next answer, or `None` if the connection ends without one.
    pub async fn rest_or_answer(&mut self) -> Option<Answer> {
        if self.buffer.is_empty() && !self.more().await {
            return None;
        }
        Some(self.answer().await)
    }

    /// Says that nothing more will be sent.
    pub async fn finish_sending(&mut self) {
        self.stream.shutdown().await.expect("a half close");
    }

    /// Ends the connection by a reset.
    pub fn reset(self) {
        self.socket.set_linger(Some(std::time::Duration::ZERO)).expect("a socket option");
    }
}
