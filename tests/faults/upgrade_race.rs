//! The backend's 101 comes before the request was sent, on a machine with one processor and other work (pingora #946: there the
//! client got its 101 and then the end of the connection). F10 of the battery.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use super::support::{
    Backend, Client, Frame, Gate, NONCE, Setup, Talk, WebSocket, accept_of, frame, handshake, is_long, relay, within,
};

/// Work for one processor, ended by its id.
struct Load(Option<Child>);

impl Load {
    fn start() -> Self {
        let spin = Command::new("sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn();
        Self(spin.ok())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Keeps this process and all that it starts on one processor, where the system has `taskset`.
fn on_one_processor() -> bool {
    let id = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-a", "-c", "-p", "0", &id]).stdout(Stdio::null()).status();
    pinned.is_ok_and(|status| status.success())
}

/// How many of so many WebSockets, opened 32 at a time at `address`, ended before both messages had come.
async fn ended_early(address: SocketAddr, handshakes: usize) -> usize {
    const AT_ONCE: usize = 32;
    let mut early = 0;
    for _ in 0..handshakes.div_ceil(AT_ONCE) {
        let mut clients = Vec::with_capacity(AT_ONCE);
        for n in 0..AT_ONCE {
            let mut client = Client::to(address).await;
            let mut bytes = handshake("/connection/1", "x-api-key: sk_live_server\r\n").into_bytes();
            // Some clients do not wait for the answer either.
            if n % 2 == 0 {
                bytes.extend(frame(1, b"second", true));
            }
            client.send(&bytes).await;
            clients.push((client, n));
        }
        for (client, n) in clients {
            let (mut socket, _) = within("a 101", WebSocket::answered(client)).await;
            if n % 2 == 1 {
                // It may have ended.
                let _ = socket.0.try_send(frame(1, b"second", true)).await;
            }
            let (first, second) = (socket.next().await, socket.next().await);
            let is = |frame: Option<Frame>, text: &[u8]| frame.is_some_and(|frame| frame.payload == text);
            early += usize::from(!(is(first, b"first") && is(second, b"second")));
        }
    }
    early
}

/// A backend that answers before anything was read, with a message behind its 101. Then it echoes, or leaves.
async fn hasty(echoes: bool) -> Backend {
    Backend::start(move |mut talk: Talk| async move {
        let accept = accept_of(NONCE);
        let upgrade = format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n");
        let mut answer = format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\n").into_bytes();
        answer.extend(frame(1, b"first", false));
        talk.send(&answer).await;
        if talk.head().await.is_some() && echoes {
            talk.echo().await;
            talk.ended().await;
        }
    })
    .await
}

#[tokio::test]
async fn no_websocket_ends_after_its_101() {
    let handshakes = if is_long() { 100_000 } else { 2_000 };
    let pinned = on_one_processor();
    let backend = hasty(true).await;
    let unlimited = "{ key: { rate: off, connections: off } }".to_owned();
    let setup = Setup { limits: unlimited, log: "{ access: off }".to_owned(), ..Setup::before(backend.address) };
    let gate = Gate::start(setup).await;
    let load = Load::start();
    let early = ended_early(gate.address(), handshakes).await;
    let how = match (pinned, load.0.is_some()) {
        (true, true) => "on one processor, with other work on it",
        (true, false) => "on one processor",
        (false, _) => "not pinned",
    };
    println!("{early} of {handshakes} WebSockets ended early, {how}");
    assert_eq!(early, 0);
}

/// The count, tried where there is something to count.
#[tokio::test]
async fn an_early_end_is_counted() {
    let backend = hasty(false).await;
    assert_eq!(ended_early(relay(backend.address).await, 32).await, 32);
}
