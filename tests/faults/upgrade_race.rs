//! The backend's 101 comes before the request was sent, with messages in the same segment, on a machine with one processor and other
//! work (pingora #946: there the client got its 101 and then the end of the connection). No WebSocket ends early, and no byte of what
//! stands next to the 101 is lost, either way. F10 of the battery.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use super::{
    load::{UNLIMITED, alone},
    support::{Backend, Client, Gate, NONCE, Setup, Talk, WebSocket, accept_of, frame, handshake, is_long, relay, within},
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

/// Everything on one processor while this lives, where the system has `taskset`; the processors that there were before.
struct OneProcessor(Option<String>);

impl OneProcessor {
    fn begin() -> Self {
        let before = taskset(&[]).and_then(|told| Some(told.rsplit_once(": ")?.1.trim().to_owned()));
        Self(before.filter(|_| taskset(&["0"]).is_some()))
    }
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            taskset(&[before]);
        }
    }
}

/// Keeps this process and all that it starts on these processors, or tells on which it is. What the program says, if it succeeds.
fn taskset(processors: &[&str]) -> Option<String> {
    let all = if processors.is_empty() { "-cp" } else { "-acp" };
    let told = Command::new("taskset").arg(all).args(processors).arg(std::process::id().to_string()).output().ok()?;
    told.status.success().then(|| String::from_utf8_lossy(&told.stdout).into_owned())
}

/// What became of some WebSockets.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fate {
    /// They ended before everything had come.
    early: usize,
    /// Bytes of payload that should have come.
    bytes: usize,
    /// And did not.
    lost: usize,
}

impl Fate {
    /// Notes what came where so many bytes should.
    fn note(&mut self, came: Option<&[u8]>, expected: &[u8]) -> bool {
        let same = came.unwrap_or_default().iter().zip(expected).take_while(|(a, b)| a == b).count();
        self.bytes += expected.len();
        self.lost += expected.len() - same;
        came.is_some()
    }
}

/// The message in the segment of the 101, by the number of its connection at the backend: none, short ones, and one that fills a segment
/// of a network. The text before it tells its length.
fn first_message(number: usize) -> Vec<u8> {
    vec![b'1'; [0, 1, 125, 126, 1400, 9000][number % 6]]
}

/// What the client sends, half the time right behind its head.
fn second_message(n: usize) -> Vec<u8> {
    vec![b'2'; [1, 125, 300][n % 3]]
}

/// What becomes of so many WebSockets, opened 32 at a time at `address`.
async fn fate(address: SocketAddr, handshakes: usize) -> Fate {
    const AT_ONCE: usize = 32;
    let mut fate = Fate::default();
    for _ in 0..handshakes.div_ceil(AT_ONCE) {
        let mut clients = Vec::with_capacity(AT_ONCE);
        for n in 0..AT_ONCE {
            let mut client = Client::to(address).await;
            let mut bytes = handshake("/connection/1", "x-api-key: sk_live_server\r\n").into_bytes();
            // Some clients do not wait for the answer either.
            if n % 2 == 0 {
                bytes.extend(frame(2, &second_message(n), true));
            }
            client.send(&bytes).await;
            clients.push((client, n));
        }
        for (client, n) in clients {
            let (mut socket, _) = within("a 101", WebSocket::answered(client)).await;
            if n % 2 == 1 {
                // It may have ended.
                let _ = socket.0.try_send(frame(2, &second_message(n), true)).await;
            }
            let told = socket.next().await.map(|frame| frame.payload).unwrap_or_default();
            let length = String::from_utf8(told).ok().and_then(|told| told.parse().ok()).unwrap_or(1);
            let first = socket.next().await.map(|frame| frame.payload);
            let all = fate.note(first.as_deref(), &vec![b'1'; length]);
            let second = socket.next().await.map(|frame| frame.payload);
            fate.early += usize::from(!(fate.note(second.as_deref(), &second_message(n)) && all));
        }
    }
    fate
}

/// What a backend does behind its 101.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Echoes,
    /// Leaves once it has the head.
    Leaves,
    /// Keeps the last byte of its message for itself.
    Loses,
}

/// A backend that answers before anything was read, with messages behind its 101.
async fn hasty(manner: Manner) -> Backend {
    Backend::start(move |mut talk: Talk| async move {
        let accept = accept_of(NONCE);
        let upgrade = format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n");
        let mut answer = format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\n").into_bytes();
        let message = first_message(talk.number);
        let kept = usize::from(manner == Manner::Loses && !message.is_empty());
        answer.extend(frame(1, message.len().to_string().as_bytes(), false));
        answer.extend(frame(2, &message[kept..], false));
        talk.send(&answer).await;
        if talk.head().await.is_some() && manner != Manner::Leaves {
            talk.echo().await;
            talk.ended().await;
        }
    })
    .await
}

#[tokio::test]
async fn no_websocket_ends_after_its_101() {
    let _alone = alone().await;
    let handshakes = if is_long() { 100_000 } else { 2_000 };
    let pinned = OneProcessor::begin();
    let backend = hasty(Manner::Echoes).await;
    let setup = Setup { limits: UNLIMITED.to_owned(), log: "{ access: off }".to_owned(), ..Setup::before(backend.address) };
    let gate = Gate::start(setup).await;
    let load = Load::start();
    let Fate { early, bytes, lost } = fate(gate.address(), handshakes).await;
    let how = match (pinned.0.is_some(), load.0.is_some()) {
        (true, true) => "on one processor, with other work on it",
        (true, false) => "on one processor",
        (false, _) => "not pinned",
    };
    println!("{early} of {handshakes} WebSockets ended early, {lost} of {bytes} bytes lost, {how}");
    assert_eq!((early, lost), (0, 0));
}

/// The counts, tried where there is something to count.
#[tokio::test]
async fn an_early_end_and_a_lost_byte_are_counted() {
    let _alone = alone().await;
    let leaving = hasty(Manner::Leaves).await;
    assert_eq!(fate(relay(leaving.address).await, 32).await.early, 32);
    let losing = hasty(Manner::Loses).await;
    let fate = fate(relay(losing.address).await, 32).await;
    // Of the first 32 numbers six are multiples of six, whose message is empty.
    assert_eq!((fate.early, fate.lost), (0, 26));
}
