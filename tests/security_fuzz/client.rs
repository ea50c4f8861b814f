//! A client that does what its script says and takes whatever comes of it.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::{
    grammar::{Script, Then},
    random::Random,
};

/// How long a client waits for what may never come, such as the answer to half a request. Nothing is judged by it.
const PATIENCE: Duration = Duration::from_millis(250);

/// Answers by their status.
pub type Answers = BTreeMap<u16, u64>;

/// Connects from some loopback address, so that ports do not run out, and acts.
///
/// # Errors
/// If there is no connection: the program is gone.
pub async fn act(to: SocketAddr, script: &Script, random: &mut Random) -> io::Result<Answers> {
    let socket = TcpSocket::new_v4()?;
    let [one, two, three, ..] = random.word().to_le_bytes();
    socket.bind((Ipv4Addr::new(127, one, two, three.clamp(1, 254)), 0).into())?;
    let mut stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    // The gate may have had enough at any byte.
    let _ = send(&mut stream, script).await;
    if script.then == Then::Reset {
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        return Ok(Answers::new());
    }
    let mut came = Vec::with_capacity(4096);
    while !is_enough(&came, script.requests) {
        match timeout(PATIENCE, stream.read_buf(&mut came)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) | Err(_) => break,
        }
    }
    Ok(answers(&came))
}

async fn send(stream: &mut TcpStream, script: &Script) -> io::Result<()> {
    for piece in &script.pieces {
        stream.write_all(piece).await?;
        // The gate's turn, so that pieces are mostly read one by one.
        tokio::task::yield_now().await;
    }
    if script.then == Then::HalfClose { stream.shutdown().await } else { Ok(()) }
}

/// As many answers as there were requests, or a WebSocket, which would never end.
fn is_enough(came: &[u8], requests: usize) -> bool {
    let answers = answers(came);
    answers.contains_key(&101)
        || answers.iter().filter(|(status, _)| **status >= 200).map(|(_, count)| count).sum::<u64>() >= requests as u64
}

fn answers(came: &[u8]) -> Answers {
    let mut answers = Answers::new();
    for at in memmem::find_iter(came, b"HTTP/1.1 ") {
        let status =
            came.get(at + 9..at + 12).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok());
        if let Some(status) = status {
            *answers.entry(status).or_default() += 1;
        }
    }
    answers
}
