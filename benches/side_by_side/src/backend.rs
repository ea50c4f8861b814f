//! The server behind every peer: `ok` to a request, an echo to a WebSocket, events to who asks for them, and a count of all.
//!
//! The count is how a run proves that accepted requests came through and refused ones did not.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{oneshot, watch};

use crate::events;
use crate::websocket::{self, CLOSE, Frame, Side};
use crate::wire::Wire;

pub const BODY: &[u8] = b"ok\n";

/// About as many header bytes as a usual server sends.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: backend\r\n\
    Date: Mon, 02 Nov 2026 10:00:00 GMT\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 3\r\n\
    Connection: keep-alive\r\n\r\n\
    ok\n";

pub struct Backend {
    pub port: u16,
    tally: Arc<Tally>,
    /// Dropped with the backend, which ends its thread.
    _running: oneshot::Sender<()>,
}

#[derive(Default)]
struct Tally {
    requests: AtomicU64,
    /// WebSockets and streams of events.
    open: AtomicU64,
    turn: watch::Sender<u64>,
}

impl Backend {
    /// On a thread of its own and a free port.
    pub fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let listener = {
            let _inside = runtime.enter();
            listen()?
        };
        let port = listener.local_addr()?.port();
        let tally = Arc::new(Tally::default());

        let (running, ended) = oneshot::channel();
        let counted = Arc::clone(&tally);
        thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, counted) => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self { port, tally, _running: running })
    }

    /// Requests seen so far, those for WebSockets and events not among them.
    pub fn requests(&self) -> u64 {
        self.tally.requests.load(Relaxed)
    }

    /// WebSockets and streams of events that are open now.
    pub fn open(&self) -> u64 {
        self.tally.open.load(Relaxed)
    }

    /// The turn whose event every new stream begins with.
    pub fn turn(&self) -> u64 {
        *self.tally.turn.borrow()
    }

    /// Begins the next turn: every stream is sent its event.
    pub fn next_turn(&self) -> u64 {
        self.tally.turn.send_modify(|turn| *turn += 1);
        self.turn()
    }
}

fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(4096)
}

async fn accept(listener: TcpListener, tally: Arc<Tally>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let tally = Arc::clone(&tally);
                // A connection that breaks shows at the load's end of the proxy, where every answer is checked.
                tokio::spawn(async move { serve(Wire::accepted(stream)?, &tally).await });
            }
            // Out of descriptors, say: the load's timeout tells, and a tight loop would take the load's core.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn serve(mut wire: Wire, tally: &Tally) -> Result<()> {
    while let Some(request) = wire.head().await? {
        let upgrade = request.field("upgrade");
        if upgrade.is_some_and(|to| to.eq_ignore_ascii_case("websocket")) {
            let key = request.field("sec-websocket-key").context("a handshake without a key")?;
            let accept = websocket::accept(key);
            tally.open.fetch_add(1, Relaxed);
            let echoed = echo(wire, &accept).await;
            tally.open.fetch_sub(1, Relaxed);
            return echoed;
        }
        if request.field("accept") == Some("text/event-stream") {
            tally.open.fetch_add(1, Relaxed);
            let served = events::serve(wire, tally.turn.subscribe()).await;
            tally.open.fetch_sub(1, Relaxed);
            return served;
        }
        tally.requests.fetch_add(1, Relaxed);
        wire.send(ANSWER).await?;
    }
    Ok(())
}

async fn echo(mut wire: Wire, accept: &str) -> Result<()> {
    let switching = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    wire.send(switching.as_bytes()).await?;
    while wire.has_more().await? {
        let heard = Frame::read(&mut wire, Side::Client).await?;
        let answer = websocket::frame(heard.opcode, &heard.payload, Side::Server)?;
        wire.send(&answer).await?;
        if heard.opcode == CLOSE {
            break;
        }
    }
    Ok(())
}
