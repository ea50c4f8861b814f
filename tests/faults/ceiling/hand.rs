//! A process of this same program that holds clients or a backend: told by lines what to do, answering by lines that begin with `@`.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::{TcpListener, TcpSocket, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Semaphore,
    time::timeout,
};

use crate::{
    load::Socket,
    support::{Request, accept_of, frame, frame_in},
};

/// Says what a process is to be; without it, [`serves`] is a test of nothing.
const PART: &str = "KEYGATE_TEST_HAND";
/// How long any answer may take: thousands of handshakes, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long one socket may take.
const OF_ONE: Duration = Duration::from_secs(20);
/// Handshakes at a time.
const AT_ONCE: usize = 32;

/// Such a process; ends when it is dropped.
pub(super) struct Hand {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    address: Option<SocketAddr>,
}

/// What came of opening some.
pub(super) struct Opened {
    pub(super) count: usize,
    /// Why they are not all.
    pub(super) stopped: Option<String>,
}

impl Hand {
    /// One that opens WebSockets.
    pub(super) async fn clients() -> Self {
        Self::start("clients").await
    }

    /// One that echoes on WebSockets, at an address of this machine.
    pub(super) async fn backend(address: [u8; 4]) -> Self {
        let mut hand = Self::start("backend").await;
        let listens = hand.ask(&format!("listen {}", Ipv4Addr::from(address))).await;
        hand.address = Some(listens.parse().expect("an address"));
        hand
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address.expect("a backend")
    }

    /// Opens so many more.
    pub(super) async fn open(&mut self, count: usize, address: SocketAddr) -> Opened {
        let answer = self.ask(&format!("open {count} {address}")).await;
        let (count, why) = answer.split_once(' ').unwrap_or((&answer, ""));
        Opened { count: count.parse().expect("a number"), stopped: (!why.is_empty()).then(|| why.to_owned()) }
    }

    /// How many still carry a message.
    pub(super) async fn alive(&mut self) -> usize {
        self.ask("alive").await.parse().expect("a number")
    }

    async fn start(part: &str) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["--exact", "ceiling::hand::serves", "--nocapture"]).env(PART, part);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("this program starts");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { _child: child, input, output, address: None }
    }

    async fn ask(&mut self, line: &str) -> String {
        self.input.write_all(format!("{line}\n").as_bytes()).await.expect("a process that listens");
        let answer = async {
            loop {
                let line = self.output.next_line().await.expect("a line").expect("an answer");
                // The harness writes lines too, and the first of ours behind one of them.
                if let Some((_, answer)) = line.split_once('@') {
                    return answer.to_owned();
                }
            }
        };
        timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("no answer to `{line}`"))
    }
}

/// The other side, which ends with its input.
#[tokio::test]
async fn serves() {
    let Some(part) = std::env::var_os(PART) else { return };
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("more descriptors");
    let mut sockets = Vec::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let words: Vec<_> = line.split(' ').collect();
        match (part.to_str(), &words[..]) {
            (Some("backend"), ["listen", address]) => {
                let listener = listen(address.parse().expect("an address")).expect("a listener");
                println!("@{}", listener.local_addr().expect("an address"));
                tokio::spawn(accept(listener));
            }
            (Some("clients"), ["open", count, address]) => {
                let address = address.parse().expect("an address");
                match open(&mut sockets, count.parse().expect("a number"), address).await {
                    (count, None) => println!("@{count}"),
                    (count, Some(why)) => println!("@{count} {why}"),
                }
            }
            (Some("clients"), ["alive"]) => println!("@{}", alive(&mut sockets).await),
            _ => panic!("{part:?} does not know `{line}`"),
        }
    }
}

fn listen(address: Ipv4Addr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((address, 0).into())?;
    socket.listen(4096)
}

async fn accept(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(echo(stream));
    }
}

/// Keeps nothing between two messages.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        if let Some((head, end)) = Request::head_in(&bytes) {
            bytes.drain(..end);
            break head;
        }
    };
    let accept = accept_of(head.header("sec-websocket-key").unwrap_or_default());
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    stream.write_all(format!("{switching}Sec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes()).await?;
    loop {
        while let Some((received, end)) = frame_in(&bytes) {
            bytes.drain(..end);
            stream.write_all(&frame(received.opcode, &received.payload, false)).await?;
            if received.is_close() {
                return Ok(());
            }
        }
        if bytes.is_empty() {
            bytes = Vec::new();
        }
        stream.readable().await?;
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
}

/// Opens so many, a few at a time; those that come after a failure are not tried.
async fn open(sockets: &mut Vec<Socket>, count: usize, address: SocketAddr) -> (usize, Option<String>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = Vec::new();
    for _ in 0..count {
        let place = Arc::clone(&places).acquire_owned().await;
        running.push(tokio::spawn(async move {
            let _place = place;
            let opened = timeout(OF_ONE, async {
                let mut socket = Socket::connect(address).await?;
                socket.open("/connection/1", "sk_live_server").await?;
                io::Result::Ok(socket)
            });
            opened.await.unwrap_or_else(|late| Err(late.into()))
        }));
    }
    let (before, mut why) = (sockets.len(), None);
    for opened in running {
        match opened.await.expect("a task") {
            Ok(mut socket) => {
                socket.rest = Vec::new();
                sockets.push(socket);
            }
            Err(error) => why = Some(error.to_string()),
        }
    }
    (sockets.len() - before, why)
}

/// Sends a message on every socket and hears it back.
async fn alive(sockets: &mut [Socket]) -> usize {
    let mut living = 0;
    for (number, socket) in sockets.iter_mut().enumerate() {
        let text = format!("socket {number}");
        living += usize::from(matches!(timeout(OF_ONE, socket.echoes(&text)).await, Ok(Ok(()))));
    }
    living
}
