//! Clients that come and go: each worker does one thing, again and again, and knows what must come of it.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::AsyncReadExt as _,
    time::{interval, timeout},
};

use super::super::{
    load::{Asker, Crowd, Socket, body_of, events_request, request, sum_of},
    support::{PATIENCE, frame, is_long},
};

/// The text of the key that is revoked every other time.
pub const TURNING: &str = "sk_live_turning";

/// How often a worker begins anew. In a run of hours the clients must not be what the machine is busy with: who waits for others starves,
/// and the answer that comes too late is theirs.
fn pace() -> Duration {
    Duration::from_millis(if is_long() { 100 } else { 20 })
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    /// Some requests on one connection.
    Asks,
    /// Requests with keys that nobody has.
    Guesses,
    /// A request with a body.
    Uploads,
    /// A WebSocket with some messages, which the client ends by a Close, by leaving, or by a reset.
    Talks,
    /// Events, some of which are read.
    Listens,
    /// A WebSocket of the key that is revoked every other time, held until it is cut.
    IsCut,
}

const KINDS: [Worker; 6] = [Worker::Asks, Worker::Guesses, Worker::Uploads, Worker::Talks, Worker::Listens, Worker::IsCut];
const HOW_MANY: [usize; 6] = [3, 2, 1, 6, 3, 3];

impl Worker {
    /// All workers there are.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.into_iter().zip(HOW_MANY).flat_map(|(kind, count)| std::iter::repeat_n(kind, count))
    }
}

/// What they all share.
pub struct Traffic {
    to: SocketAddr,
    keys: usize,
    stop: AtomicBool,
    done: [AtomicU64; KINDS.len()],
    wrong: AtomicU64,
}

impl Traffic {
    /// Traffic to `to`, with so many good keys.
    pub fn new(to: SocketAddr, keys: usize) -> Self {
        Self { to, keys, stop: AtomicBool::new(false), done: Default::default(), wrong: AtomicU64::new(0) }
    }

    /// Ends it, once everybody has finished.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// What came out otherwise than it must.
    pub fn wrong(&self) -> u64 {
        self.wrong.load(Ordering::Relaxed)
    }

    /// How often something was done.
    pub fn done(&self) -> u64 {
        self.done.iter().map(|done| done.load(Ordering::Relaxed)).sum()
    }

    /// Whether everything was done at least once.
    pub fn every_worker_worked(&self) -> bool {
        self.done.iter().all(|done| done.load(Ordering::Relaxed) > 0)
    }

    /// How often each thing was done.
    pub fn told(&self) -> String {
        let told = KINDS.iter().zip(&self.done).map(|(kind, done)| format!("{kind:?} {}", done.load(Ordering::Relaxed)));
        told.collect::<Vec<_>>().join(", ")
    }

    /// Works until told to stop.
    pub async fn go_on(self: Arc<Self>, worker: Worker) {
        let mut turns = interval(pace());
        for n in 0.. {
            turns.tick().await;
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let key = Crowd::key_text(n % self.keys);
            let work = async {
                match worker {
                    Worker::Asks => self.ask(n, &key).await,
                    Worker::Guesses => self.guess(n).await,
                    Worker::Uploads => self.upload(n, &key).await,
                    Worker::Talks => self.talk(n, &key).await,
                    Worker::Listens => self.listen(n, &key).await,
                    Worker::IsCut => self.be_cut().await,
                }
            };
            let worked = timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            if let Err(error) = worked {
                println!("  {worker:?} {n}: {error}");
                self.wrong.fetch_add(1, Ordering::Relaxed);
            }
            self.done[worker as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn ask(&self, n: usize, key: &str) -> io::Result<()> {
        let mut asker = Asker::to(self.to).await?;
        for _ in 0..n % 20 {
            must_be(200, asker.ask(request(&format!("/any/{n}"), key)).await?.status)?;
        }
        if n.is_multiple_of(3) {
            asker.0.send(request("/any/unanswered", key)).await?;
            asker.0.reset();
        }
        Ok(())
    }

    async fn guess(&self, n: usize) -> io::Result<()> {
        let mut asker = Asker::to(self.to).await?;
        for guess in 0..5 {
            must_be(401, asker.ask(request(&format!("/any/{n}"), &format!("sk_live_guess{n}_{guess}"))).await?.status)?;
        }
        must_be(404, asker.ask(request(&format!("/nowhere/{n}"), "sk_live_guess")).await?.status)
    }

    async fn upload(&self, n: usize, key: &str) -> io::Result<()> {
        let body = body_of(n, n * 977 % 100_000);
        let head = format!("POST /any/ HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nContent-Length: {}\r\n\r\n", body.len());
        let answer = Asker::to(self.to).await?.ask([head.as_bytes(), &body].concat()).await?;
        must_be(200, answer.status)?;
        if answer.text().ends_with(&sum_of(&body)) { Ok(()) } else { Err(io::Error::other(answer.text().to_owned())) }
    }

    async fn talk(&self, n: usize, key: &str) -> io::Result<()> {
        let mut socket = Socket::connect(self.to).await?;
        socket.open("/connection/echo", key).await?;
        for message in 0..n % 10 {
            socket.echoes(&format!("{message} {}", "x".repeat(n * 131 % 5000))).await?;
        }
        match n % 3 {
            0 => {
                socket.send(frame(8, &1000_u16.to_be_bytes(), true)).await?;
                tokio::io::AsyncWriteExt::shutdown(&mut socket.stream).await?;
                while socket.hear().await? > 0 {}
            }
            1 => drop(socket),
            _ => socket.reset(),
        }
        Ok(())
    }

    async fn listen(&self, n: usize, key: &str) -> io::Result<()> {
        let mut socket = Socket::connect(self.to).await?;
        socket.send(events_request("/events/ticks", key)).await?;
        must_be(200, socket.head().await?.status)?;
        while memchr::memmem::find_iter(&socket.rest, b"data: tick").count() <= n % 5 {
            if socket.stream.read_buf(&mut socket.rest).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Opens a stream if its key is good just now, and then waits for its end.
    async fn be_cut(&self) -> io::Result<()> {
        let mut socket = Socket::connect(self.to).await?;
        match socket.open("/connection/echo", TURNING).await {
            Ok(()) => while socket.hear().await? > 0 {},
            Err(refused) if refused.to_string().ends_with("401") => return Ok(()),
            Err(error) => return Err(error),
        }
        let close = socket.heard.close.map(|(code, _)| code);
        if close == Some(1008) { Ok(()) } else { Err(io::Error::other(format!("{close:?}"))) }
    }
}

fn must_be(expected: u16, status: u16) -> io::Result<()> {
    if status == expected { Ok(()) } else { Err(io::Error::other(format!("{status} in place of {expected}"))) }
}
