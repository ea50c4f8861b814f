//! The backend behind the gate: taps every connection, and answers in as many ways as backends do.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use super::{
    readers::Seen,
    support::{NONCE, accept_of},
    tap::{Event, Tap, upgrades},
};

/// What all connections together came to.
#[derive(Default)]
pub struct Record {
    pub connections: AtomicU64,
    pub requests: AtomicU64,
    pub websockets: AtomicU64,
    /// A retry is the same request once more: it has the same id, on another connection.
    pub ids: Mutex<HashSet<u128>>,
    /// The first rules that were broken, and how many.
    pub broken: Mutex<Vec<String>>,
    pub broken_count: AtomicU64,
    open: AtomicUsize,
    ended: Notify,
}

/// Starts it; it lives as long as the runtime.
pub async fn start() -> (SocketAddr, Arc<Record>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let record: Arc<Record> = Arc::default();
    let all = Arc::clone(&record);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let record = Arc::clone(&all);
            record.open.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                serve(stream, &record).await;
                record.open.fetch_sub(1, Ordering::SeqCst);
                record.ended.notify_waiters();
            });
        }
    });
    (address, record)
}

impl Record {
    /// Waits until every connection has ended.
    pub async fn all_ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.open.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    fn broke(&self, rule: String) {
        self.broken_count.fetch_add(1, Ordering::Relaxed);
        let mut broken = self.broken.lock();
        if broken.len() < 10 {
            broken.push(rule);
        }
    }
}

async fn serve(mut stream: TcpStream, record: &Record) {
    let mut tap = Tap::default();
    let mut buffer = Vec::with_capacity(8 * 1024);
    let mut how = How::Whole;
    record.connections.fetch_add(1, Ordering::Relaxed);
    while stream.read_buf(&mut buffer).await.is_ok_and(|length| length > 0) {
        let events = match tap.push(&buffer) {
            Ok(events) => events,
            Err(rule) => {
                record.broke(rule);
                break;
            }
        };
        buffer.clear();
        for event in events {
            let answers = match &event {
                Event::Head(seen) => {
                    record.requests.fetch_add(1, Ordering::Relaxed);
                    how = How::of(seen);
                    how == How::Early
                }
                Event::Whole => how != How::Early,
            };
            if answers {
                if how == How::Open {
                    record.websockets.fetch_add(1, Ordering::Relaxed);
                }
                tap.answered(how == How::Open);
                if how == How::Gone || stream.write_all(how.answer().as_bytes()).await.is_err() {
                    return keep_ids(record, tap);
                }
            }
        }
    }
    keep_ids(record, tap);
}

fn keep_ids(record: &Record, tap: Tap) {
    let number = |id: String| u128::from_str_radix(&id.replace('-', ""), 16).unwrap_or_default();
    record.ids.lock().extend(tap.ids().into_iter().map(number));
}

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Once it is whole.
    Whole,
    Chunks,
    /// Before its body, as a backend does that reads none (CL.0).
    Early,
    Failure,
    /// Not at all: the connection ends.
    Gone,
    /// As a WebSocket, rightly.
    Open,
    /// As a WebSocket, with another handshake's answer.
    Lie,
}

impl How {
    /// The request's own line says which, so that a run is the same each time.
    fn of(seen: &Seen) -> Self {
        let sum = seen.line.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        match (upgrades(seen), sum % 8) {
            (true, 0) => Self::Lie,
            (true, 1) => Self::Failure,
            (true, 2) => Self::Whole,
            (true, _) => Self::Open,
            (false, 0) => Self::Chunks,
            (false, 1) => Self::Failure,
            (false, 2) if sum % 64 == 2 => Self::Gone,
            (false, 2..4) => Self::Early,
            (false, _) => Self::Whole,
        }
    }

    fn answer(self) -> String {
        match self {
            Self::Whole | Self::Early => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(),
            Self::Chunks => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned(),
            Self::Failure => "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_owned(),
            Self::Gone => String::new(),
            Self::Open | Self::Lie => {
                let accept = accept_of(if self == Self::Open { NONCE } else { "another" });
                let upgrade = "Upgrade: websocket\r\nConnection: Upgrade";
                format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
            }
        }
    }
}
