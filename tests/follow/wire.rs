//! What is between a gate and its manager.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// How it is with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Passes everything on to there.
    To(SocketAddr),
    /// Takes what comes, and nothing comes back, on old and new connections.
    Hangs,
    /// Cut: old connections end, and new ones are closed.
    Cut,
    /// Whoever comes is told this, whatever they ask.
    Says(Arc<[u8]>),
    /// Whoever comes is told the first, and then the second again and again.
    Floods(&'static [u8], Arc<[u8]>),
}

/// A wire: an address that stays the same.
pub struct Wire {
    pub address: SocketAddr,
    state: watch::Sender<State>,
}

impl Wire {
    pub async fn to(manager: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (state, seen) = watch::channel(State::To(manager));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, seen.clone()));
            }
        });
        Self { address, state }
    }

    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

/// A connection for as long as the wire is as it was when it came.
async fn carry(mut client: TcpStream, mut seen: watch::Receiver<State>) {
    let state = seen.borrow_and_update().clone();
    match &state {
        State::To(manager) => {
            let Ok(mut upstream) = TcpStream::connect(manager).await else { return };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut client, &mut upstream) => return,
                _ = seen.changed() => {}
            }
            // Where it hangs now, nobody is told that anything has ended.
            if *seen.borrow() == State::Hangs {
                hang(client, upstream, seen).await;
            }
        }
        State::Hangs => {
            let (other, _) = tokio::io::duplex(1);
            hang(client, other, seen).await;
        }
        State::Cut => {}
        State::Says(text) => {
            let mut head = [0; 4096];
            let _ = client.read(&mut head).await;
            let _ = client.write_all(text).await;
            let _ = client.shutdown().await;
            while client.read(&mut head).await.is_ok_and(|length| length > 0) {}
        }
        State::Floods(first, again) => {
            let mut head = [0; 4096];
            let _ = client.read(&mut head).await;
            let _ = client.write_all(first).await;
            tokio::select! {
                () = flood(&mut client, again) => {}
                _ = seen.changed() => {}
            }
        }
    }
}

async fn flood(client: &mut TcpStream, piece: &[u8]) {
    while client.write_all(piece).await.is_ok() {}
}

async fn hang<A, B>(client: A, upstream: B, mut seen: watch::Receiver<State>) {
    let _ = seen.wait_for(|state| *state != State::Hangs).await;
    drop((client, upstream));
}
