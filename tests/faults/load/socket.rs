//! A client's end of one stream: a WebSocket or events. What goes wrong is returned, not panicked about: a crowd counts it.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use super::{
    super::support::{Answer, frame, handshake},
    heard::Heard,
};

/// A connection, and what came on it that nobody has asked for yet.
pub struct Socket {
    pub stream: TcpStream,
    pub rest: Vec<u8>,
    /// Frames that came, once it is open.
    pub heard: Heard,
}

/// A request for events, whole.
pub fn events_request(target: &str, key: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\nx-api-key: {key}\r\n\r\n")
}

impl Socket {
    /// A connection to `address`.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(TcpStream::connect(address).await?))
    }

    /// A connection that takes in a few kilobytes and then no more until it is read. Segments are small, for the kernel makes the
    /// sender's buffer as large as some of them.
    pub async fn narrow(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket2::SockRef::from(&socket).set_tcp_mss(1400)?;
        Ok(Self::over(socket.connect(address).await?))
    }

    fn over(stream: TcpStream) -> Self {
        // Refused only where the connection is gone already, which the next step finds.
        let _ = stream.set_nodelay(true);
        Self { stream, rest: Vec::new(), heard: Heard::default() }
    }

    /// Opens a WebSocket.
    pub async fn open(&mut self, target: &str, key: &str) -> io::Result<()> {
        self.send(handshake(target, &format!("x-api-key: {key}\r\n"))).await?;
        let answer = self.head().await?;
        if answer.status != 101 {
            return Err(io::Error::other(format!("{target}: {}", answer.status)));
        }
        let early = std::mem::take(&mut self.rest);
        self.heard.feed(&early);
        Ok(())
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Sends a frame.
    pub async fn send_frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.send(frame(opcode, payload, true)).await
    }

    /// The next head.
    pub async fn head(&mut self) -> io::Result<Answer> {
        loop {
            if let Some((answer, end)) = Answer::head_in(&self.rest) {
                self.rest.drain(..end);
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.rest).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Hears what comes next, and returns how many bytes that was; 0 is the end. Cancel safe.
    pub async fn hear(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 4096];
        let length = self.stream.read(&mut bytes).await?;
        self.heard.feed(&bytes[..length]);
        Ok(length)
    }

    /// Sends a text and hears until it has come back; what came before it must have been asked for earlier.
    pub async fn echoes(&mut self, text: &str) -> io::Result<()> {
        self.send_frame(1, text.as_bytes()).await?;
        while self.heard.text != text {
            if self.hear().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.heard.broken.take().map_or(Ok(()), |broken| Err(io::Error::other(broken)))
    }

    /// Ends the connection by a reset.
    pub fn reset(self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}
