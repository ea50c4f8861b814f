//! One of a crowd: opens its stream, does what its kind does, and notes how it ended.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::Interest,
    sync::{SetOnce, watch},
    time::{MissedTickBehavior, interval},
};

use super::{
    super::support::handshake,
    heard::Heard,
    socket::{Socket, events_request},
    told::{Farewell, Told},
};

/// What one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A WebSocket on which nothing flows.
    Idle,
    /// A WebSocket with long messages, each of which comes back in two pieces.
    Busy,
    /// A WebSocket whose backend floods and whose client never reads: every writer on the way is blocked.
    Blocked,
    /// A handshake that the backend has and does not answer.
    Opening,
    /// A stream of events.
    Events,
}

/// One of a crowd.
pub struct Member {
    pub seat: usize,
    /// The number of its key.
    pub key: usize,
    pub kind: Kind,
    /// How often it sends, if it is busy.
    beat: Duration,
    /// Set once its stream is as its kind has it.
    pub opened: SetOnce<()>,
    /// How it ended, once it has.
    pub told: SetOnce<Told>,
    /// The last round that it answered.
    pub round: watch::Sender<u64>,
}

impl Member {
    /// One that has not begun.
    pub fn new(seat: usize, key: usize, kind: Kind, beat: Duration) -> Self {
        Self { seat, key, kind, beat, opened: SetOnce::new(), told: SetOnce::new(), round: watch::Sender::new(0) }
    }

    /// Whether it answers rounds.
    pub const fn is_heard(&self) -> bool {
        matches!(self.kind, Kind::Idle | Kind::Busy | Kind::Events)
    }

    /// What is wrong with the way in which it ended. To be cut short is not: whether the gate counted it is for others to ask.
    pub fn mistold(&self, farewell: &Farewell) -> Option<String> {
        let wrong = self.told.get()?.mistold(self.kind, farewell)?;
        Some(format!("{:?} {} of key {}: {wrong}", self.kind, self.seat, self.key))
    }

    /// Lives until the stream ends.
    pub async fn live(&self, address: SocketAddr, key: &str, rounds: watch::Receiver<u64>) {
        let mut told = Told { at: Instant::now(), heard: Heard::default(), clean: false, rest: Vec::new() };
        match self.try_live(address, key, rounds, &mut told).await {
            Ok(()) => told.clean = true,
            Err(error) if self.opened.initialized() => drop(error),
            Err(error) => told.heard.broken = Some(format!("it did not open: {error}")),
        }
        let _ = self.told.set(told);
        let _ = self.opened.set(());
    }

    async fn try_live(
        &self,
        address: SocketAddr,
        key: &str,
        rounds: watch::Receiver<u64>,
        told: &mut Told,
    ) -> std::io::Result<()> {
        let seat = self.seat;
        let mut socket =
            if self.kind == Kind::Blocked { Socket::narrow(address).await? } else { Socket::connect(address).await? };
        let ended = match self.kind {
            Kind::Idle | Kind::Busy => {
                socket.open(&format!("/connection/echo/{seat}"), key).await?;
                self.talk(&mut socket, rounds).await
            }
            Kind::Blocked => {
                socket.open(&format!("/connection/flood/{seat}"), key).await?;
                self.ignore(&mut socket).await
            }
            Kind::Opening => {
                socket.send(handshake(&format!("/connection/mute/{seat}"), &format!("x-api-key: {key}\r\n"))).await?;
                let _ = self.opened.set(());
                self.read(&mut socket, rounds).await
            }
            Kind::Events => {
                socket.send(events_request(&format!("/events/ticks/{seat}"), key)).await?;
                let status = socket.head().await?.status;
                if status != 200 {
                    return Err(std::io::Error::other(format!("{status}")));
                }
                let _ = self.opened.set(());
                self.read(&mut socket, rounds).await
            }
        };
        told.at = Instant::now();
        (told.heard, told.rest) = (socket.heard, socket.rest);
        ended
    }

    /// Sends each round as a text, and long messages between them if it is busy, until it can send no more. What was sent to it by then
    /// it hears all the same.
    async fn talk(&self, socket: &mut Socket, rounds: watch::Receiver<u64>) -> std::io::Result<()> {
        if !self.exchange(socket, rounds).await? {
            while socket.hear().await? > 0 {}
        }
        Ok(())
    }

    /// Whether it ended because nothing more came.
    async fn exchange(&self, socket: &mut Socket, mut rounds: watch::Receiver<u64>) -> std::io::Result<bool> {
        let mut beat = interval(self.beat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let _ = self.opened.set(());
        loop {
            let sent = tokio::select! {
                heard = socket.hear() => {
                    if heard? == 0 {
                        return Ok(true);
                    }
                    if let Ok(round) = socket.heard.text.parse() {
                        self.round.send_replace(round);
                    }
                    Ok(())
                }
                Ok(()) = rounds.changed() => {
                    let round = rounds.borrow_and_update().to_string();
                    socket.send_frame(1, round.as_bytes()).await
                }
                _ = beat.tick(), if self.kind == Kind::Busy => socket.send_frame(2, &[b'b'; 3000]).await,
            };
            if sent.is_err() {
                return Ok(false);
            }
        }
    }

    /// Reads nothing until the connection is broken, and then what had come.
    async fn ignore(&self, socket: &mut Socket) -> std::io::Result<()> {
        let _ = self.opened.set(());
        socket.stream.ready(Interest::ERROR).await?;
        while socket.hear().await? > 0 {}
        Ok(())
    }

    /// Reads to the end. Where events come, a round is one more of them; the round in which it began is 0.
    async fn read(&self, socket: &mut Socket, rounds: watch::Receiver<u64>) -> std::io::Result<()> {
        const TICK: &[u8] = b"data: tick";
        let (began, mut ticks, mut searched) = (*rounds.borrow(), 0_u64, 0);
        while tokio::io::AsyncReadExt::read_buf(&mut socket.stream, &mut socket.rest).await? > 0 {
            if self.kind == Kind::Events {
                // Only what is new: in an hour the whole would be more to search through at every tick than all else there is to do.
                while let Some(at) = memchr::memmem::find(&socket.rest[searched..], TICK) {
                    searched += at + TICK.len();
                    ticks += 1;
                }
                self.round.send_replace(began + ticks.saturating_sub(1));
            }
        }
        Ok(())
    }
}
