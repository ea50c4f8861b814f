//! One connection at the backend: what was received, and what the script does with it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::{Notify, watch},
};

use super::{
    answer::Framing,
    backend::{Request, framing_of, request_in},
    frames::{Frame, accept_of, frame, frame_in},
};

/// Every byte that a backend received on one connection.
#[derive(Default)]
pub struct Recording {
    state: Mutex<State>,
    grown: Notify,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
    answered_at: Option<usize>,
}

impl Recording {
    /// All bytes so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.state.lock().bytes.clone()
    }

    /// How many bytes there were when the backend answered.
    pub fn answered_at(&self) -> Option<usize> {
        self.state.lock().answered_at
    }

    /// Whether the other side said that no more would come.
    pub fn is_ended(&self) -> bool {
        self.state.lock().ended
    }

    /// Ready once `look` finds something in the bytes; it is told whether they are all.
    pub async fn when<T>(&self, mut look: impl FnMut(&[u8], bool) -> Option<T>) -> T {
        loop {
            let grown = self.grown.notified();
            let found = {
                let state = self.state.lock();
                look(&state.bytes, state.ended)
            };
            if let Some(found) = found {
                return found;
            }
            grown.await;
        }
    }

    fn push(&self, bytes: &[u8]) {
        self.state.lock().bytes.extend_from_slice(bytes);
        self.grown.notify_waiters();
    }

    fn end(&self) {
        self.state.lock().ended = true;
        self.grown.notify_waiters();
    }
}

/// A connection in the hands of a script. Everything that arrives is recorded, whether the script reads it or not.
pub struct Talk {
    pub recording: Arc<Recording>,
    /// Counts the backend's connections.
    pub number: usize,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    at: usize,
    flowing: watch::Sender<bool>,
    reader: tokio::task::JoinHandle<()>,
    tcp: Option<socket2::Socket>,
}

impl Talk {
    pub fn new(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        recording: Arc<Recording>,
        number: usize,
        tcp: Option<socket2::Socket>,
    ) -> Self {
        let (mut read, write) = tokio::io::split(stream);
        let (flowing, mut may_flow) = watch::channel(true);
        let record = Arc::clone(&recording);
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            // A script that is gone wants no more than what comes.
            while may_flow.wait_for(|flows| *flows).await.is_ok() || !record.is_ended() {
                match read.read(&mut buffer).await {
                    Ok(length @ 1..) => record.push(&buffer[..length]),
                    Ok(0) | Err(_) => break,
                }
            }
            record.end();
        });
        Self { recording, number, writer: Box::new(write), at: 0, flowing, reader, tcp }
    }

    /// Stops reading, so that whoever sends must wait.
    pub fn hold(&self) {
        self.flowing.send_replace(false);
    }

    /// Goes on reading.
    pub fn flow(&self) {
        self.flowing.send_replace(true);
    }

    /// The next request's head; its body is not waited for. `None` at the end.
    pub async fn head(&mut self) -> Option<Request> {
        let at = self.at;
        let (head, end) = self
            .recording
            .when(|bytes, ended| match Request::head_in(&bytes[at..]) {
                Some((head, end)) => Some(Some((head, end))),
                None => ended.then_some(None),
            })
            .await?;
        self.at += end;
        Some(head)
    }

    /// The next request, whole. `None` at the end.
    pub async fn request(&mut self) -> Option<Request> {
        let at = self.at;
        let (request, end) = self
            .recording
            .when(|bytes, ended| match request_in(&bytes[at..]) {
                Some(found) => Some(Some(found)),
                None => ended.then_some(None),
            })
            .await?;
        self.at += end;
        Some(request)
    }

    /// The next frame. `None` at the end.
    pub async fn frame(&mut self) -> Option<Frame> {
        let at = self.at;
        let (frame, end) = self
            .recording
            .when(|bytes, ended| match frame_in(&bytes[at..]) {
                Some(found) => Some(Some(found)),
                None => ended.then_some(None),
            })
            .await?;
        self.at += end;
        Some(frame)
    }

    /// Notes how much has been received, then sends the answer.
    pub async fn answer(&mut self, bytes: impl AsRef<[u8]>) {
        {
            let mut state = self.recording.state.lock();
            state.answered_at = Some(state.bytes.len());
        }
        self.send(bytes).await;
    }

    /// Sends; the other side may have gone.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let sent = async {
            self.writer.write_all(bytes.as_ref()).await?;
            self.writer.flush().await
        };
        sent.await.is_ok()
    }

    /// Says that nothing more will be sent.
    pub async fn finish_sending(&mut self) {
        let _ = self.writer.shutdown().await;
    }

    /// Waits for the other side's end.
    pub async fn ended(&mut self) {
        self.recording.when(|_, ended| ended.then_some(())).await;
    }

    /// Ends the connection, both ways.
    pub fn close(self) {
        drop(self);
    }

    /// Ends the connection by a reset.
    pub fn reset(self) {
        if let Some(tcp) = &self.tcp {
            tcp.set_linger(Some(std::time::Duration::ZERO)).expect("a socket option");
        }
    }

    /// Completes the handshake of a head, with more headers.
    pub async fn open_websocket(&mut self, head: &Request, more: &str) {
        let accept = accept_of(head.header("sec-websocket-key").unwrap_or_default());
        self.answer(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n"
        ))
        .await;
    }

    /// Returns every data frame, and the Close.
    pub async fn echo(&mut self) {
        while let Some(received) = self.frame().await {
            if !self.send(frame(received.opcode, &received.payload, false)).await || received.is_close() {
                return;
            }
        }
    }

    /// Answers requests with `answer` until the client has had enough.
    pub async fn answer_all(&mut self, answer: &[u8]) {
        while let Some(request) = self.request().await {
            if !self.send(answer).await || framing_of(&request) == Framing::UntilClose {
                return;
            }
        }
    }
}

/// The connection ends with its script.
impl Drop for Talk {
    fn drop(&mut self) {
        self.reader.abort();
        self.recording.end();
    }
}
