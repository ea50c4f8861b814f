//! The work: requests, handshakes, echoes, idle sockets and streams of events, every answer checked.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

use crate::backend::{self, Backend};
use crate::client::{Client, RIGHT_KEY, Target, WRONG_KEY, WebSocket};
use crate::events::EventStream;
use crate::wire::PATIENCE;

/// Connections at work at a time.
pub const LANES: usize = 64;

/// Open WebSockets, by lane.
pub type Sockets = Vec<Vec<WebSocket>>;

/// Open streams of events, by lane.
pub type Streams = Vec<Vec<EventStream>>;

#[derive(Clone)]
pub struct Load<'a> {
    pub target: Target,
    pub backend: &'a Backend,
}

impl Load<'_> {
    /// Requests with the right key: each answered by the backend, each connection kept.
    pub async fn accepted(&self, total: usize) -> Result<()> {
        let before = self.backend.requests();
        in_lanes(&self.target, move |target, _| async move {
            let mut client = Client::new(&target, RIGHT_KEY);
            for _ in 0..total / LANES {
                let answer = client.ask().await?;
                let status = answer.status;
                ensure!(status == 200, "an accepted request was answered {status}");
                ensure!(answer.body == backend::BODY, "the body was changed");
                ensure!(answer.kept, "an accepted request lost its connection");
            }
            Ok(())
        })
        .await?;
        let came = self.backend.requests() - before;
        ensure!(came == total as u64, "{came} of {total} requests came through");
        Ok(())
    }

    /// Requests with a wrong key: each 401, none at the backend. The connection is opened again where the peer closes it.
    pub async fn refused(&self, total: usize) -> Result<()> {
        let before = self.backend.requests();
        in_lanes(&self.target, move |target, _| async move {
            let mut client = Client::new(&target, WRONG_KEY);
            for _ in 0..total / LANES {
                let status = client.ask().await?.status;
                ensure!(status == 401, "a wrong key was answered {status}");
            }
            Ok(())
        })
        .await?;
        let came = self.backend.requests() - before;
        ensure!(came == 0, "{came} refused requests came through");
        Ok(())
    }

    /// WebSockets opened and closed at once, up to the last close.
    pub async fn handshakes(&self, total: usize) -> Result<()> {
        in_lanes(&self.target, move |target, _| async move {
            for _ in 0..total / LANES {
                WebSocket::open(&target).await?;
            }
            Ok(())
        })
        .await?;
        self.all_closed().await
    }

    /// Until the backend has seen the last WebSocket and the last stream go, which a peer owes it once their clients have left.
    pub async fn all_closed(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let open = self.backend.open();
            if open == 0 {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{open} streams are open to the backend {PATIENCE:?} after their clients left");
            time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub async fn open(&self, total: usize) -> Result<Sockets> {
        in_lanes(&self.target, move |target, lane| async move {
            let mut sockets = Vec::new();
            for _ in (lane..total).step_by(LANES) {
                sockets.push(WebSocket::open(&target).await?);
            }
            Ok(sockets)
        })
        .await
    }

    pub async fn open_events(&self, total: usize) -> Result<Streams> {
        let turn = self.backend.turn();
        in_lanes(&self.target, move |target, lane| async move {
            let mut streams = Vec::new();
            for _ in (lane..total).step_by(LANES) {
                streams.push(EventStream::open(&target, turn).await?);
            }
            Ok(streams)
        })
        .await
    }

    /// One more event on every stream, and all must hear it.
    pub async fn hear(&self, streams: Streams) -> Result<Streams> {
        let turn = self.backend.next_turn();
        let running = streams.into_iter().map(|mut streams| async move {
            for stream in &mut streams {
                stream.hears(turn).await?;
            }
            Ok(streams)
        });
        all(running.collect()).await
    }
}

/// Messages back and forth on every socket, `turns` on each. A lane goes around its sockets one message at a time, so
/// that each is as cold when its turn comes as it is where most are idle.
pub async fn echo(sockets: Sockets, size: usize, turns: usize) -> Result<Sockets> {
    let lanes = sockets.into_iter().enumerate();
    let running = lanes.map(|(lane, mut sockets)| async move {
        let mut message = vec![b'.'; size];
        for turn in 0..turns {
            for (number, socket) in sockets.iter_mut().enumerate() {
                // Whose and which stands in the message, so that no other echo can pass for it.
                let stamp = format!("{lane:04x}{number:04x}{turn:08x}");
                message[..stamp.len()].copy_from_slice(stamp.as_bytes());
                socket.echo(&message).await?;
            }
        }
        Ok(sockets)
    });
    all(running.collect()).await
}

/// Runs a piece of work in every lane, and fails with the first that does.
async fn in_lanes<T, F>(target: &Target, work: impl Fn(Target, usize) -> F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    all((0..LANES).map(|lane| work(target.clone(), lane)).collect()).await
}

async fn all<T: 'static>(mut running: JoinSet<Result<T>>) -> Result<Vec<T>> {
    let mut done = Vec::with_capacity(running.len());
    while let Some(lane) = running.join_next().await {
        done.push(lane.context("a lane of the load broke down")??);
    }
    Ok(done)
}

#[cfg(test)]
mod tests;
