//! The backend of a crowd. What it does on a connection stands in the path, `…/WHAT` or `…/WHAT/SEAT`; what became of the connection
//! is kept for each seat.
//!
//! - `echo`: a WebSocket on which every message comes back, long ones in two pieces with a pause between them
//! - `flood`: a WebSocket on which messages come without end
//! - `mute`: a handshake that is never answered
//! - `ticks`: events, one at once and one each time that [`Upstream::tick`] is called
//! - anything else: a 200 that tells of the gate's headers and of the body ([`super::sum_of`])

mod serve;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::{
    net::TcpSocket,
    sync::{SetOnce, watch},
};

use self::serve::serve;

/// How a connection of a seat ended.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// When the backend saw its end.
    pub at: Instant,
    /// The code of the Close that came before it.
    pub close: Option<u16>,
}

#[derive(Default)]
struct Seat {
    begun: SetOnce<()>,
    left: SetOnce<Left>,
}

struct Shared {
    seats: Vec<Seat>,
    ticks: watch::Sender<u64>,
    replies: AtomicU64,
    spoils: u64,
}

/// A backend. Lives as long as the test's runtime.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Upstream {
    /// One with so many seats.
    pub fn start(seats: usize) -> Self {
        Self::spoiling(seats, 0)
    }

    /// One that spoils each `spoils`th of its replies: an echo is left out, a checksum is wrong. None where that is 0.
    pub fn spoiling(seats: usize, spoils: u64) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let listener = socket.listen(4096).expect("a listener");
        let seats = (0..seats).map(|_| Seat::default()).collect();
        let shared = Arc::new(Shared { seats, ticks: watch::Sender::new(0), replies: AtomicU64::new(0), spoils });
        let this = Self { address: listener.local_addr().expect("an address"), shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&shared), stream));
            }
        });
        this
    }

    /// Sends an event on every stream of events.
    pub fn tick(&self) {
        self.shared.ticks.send_modify(|ticks| *ticks += 1);
    }

    /// Ready once a request for this seat has begun to arrive.
    pub async fn begun(&self, seat: usize) {
        self.shared.seats[seat].begun.wait().await;
    }

    /// How the connection of this seat ended, once it has.
    pub async fn left(&self, seat: usize) -> Left {
        *self.shared.seats[seat].left.wait().await
    }

    /// Whether the connection of this seat has ended.
    pub fn has_left(&self, seat: usize) -> bool {
        self.shared.seats[seat].left.initialized()
    }
}

impl Shared {
    /// The seat that a target names.
    fn seat(&self, target: &str) -> Option<&Seat> {
        self.seats.get(target.rsplit('/').next()?.parse::<usize>().ok()?)
    }

    /// Whether the next reply is to be spoilt.
    fn spoils(&self) -> bool {
        self.spoils > 0 && (self.replies.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.spoils)
    }
}
