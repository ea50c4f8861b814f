//! Clients that connect and ask without end, and count what goes wrong: some with a new connection for each request, some on a kept
//! one for as long as it is kept.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
};

use super::answer::Answer;

/// Clients at work.
pub struct Storm {
    stop: watch::Sender<bool>,
    clients: Vec<JoinHandle<Tally>>,
    answered: watch::Receiver<usize>,
}

/// What became of the requests.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Requests that were answered as they should be.
    pub answered: usize,
    /// Connections that could not be made.
    pub refused: usize,
    /// Connections that ended without the answer.
    pub reset: usize,
    /// Answers of another status.
    pub wrong: usize,
}

impl Tally {
    /// How many requests went wrong.
    pub const fn lost(&self) -> usize {
        self.refused + self.reset + self.wrong
    }
}

impl Storm {
    /// `fresh` clients with a connection for each request and `kept` clients that keep theirs ask for `/any/` at `address`.
    pub fn begin(address: SocketAddr, fresh: usize, kept: usize) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (count, answered) = watch::channel(0);
        let client = |keeps| tokio::spawn(ask_on(address, keeps, stopped.clone(), count.clone()));
        Self { clients: (0..fresh + kept).map(|nth| client(nth >= fresh)).collect(), stop, answered }
    }

    /// Ready once so many more requests were answered.
    pub async fn goes_on(&mut self, more: usize) {
        let wanted = *self.answered.borrow() + more;
        super::within("the storm to go on", self.answered.wait_for(|answered| *answered >= wanted)).await.expect("clients");
    }

    /// Ends it, every request that is under way with its answer.
    pub async fn end(self) -> Tally {
        self.stop.send_replace(true);
        let mut sum = Tally::default();
        for client in self.clients {
            let one = super::within("a client to end", client).await.expect("a client");
            sum.answered += one.answered;
            sum.refused += one.refused;
            sum.reset += one.reset;
            sum.wrong += one.wrong;
        }
        sum
    }
}

async fn ask_on(address: SocketAddr, keeps: bool, stop: watch::Receiver<bool>, count: watch::Sender<usize>) -> Tally {
    let mut tally = Tally::default();
    while !*stop.borrow() {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            tally.refused += 1;
            continue;
        };
        loop {
            let answer = ask(&mut stream, keeps).await;
            let goes_on = answer.as_ref().is_ok_and(|answer| answer.header("connection") == Some("keep-alive"));
            match answer {
                Ok(answer) if answer.status == 200 => tally.answered += 1,
                Ok(_) => tally.wrong += 1,
                Err(_) => tally.reset += 1,
            }
            count.send_modify(|count| *count += 1);
            if !goes_on || *stop.borrow() {
                break;
            }
        }
    }
    tally
}

async fn ask(stream: &mut TcpStream, keeps: bool) -> io::Result<Answer> {
    let connection = if keeps { "keep-alive" } else { "close" };
    let head = format!("GET /any/ HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\nConnection: {connection}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut bytes = Vec::new();
    loop {
        if let Some((mut answer, end)) = Answer::head_in(&bytes)
            && let Some((body, _)) = Answer::body_in(answer.framing(), &bytes[end..])
        {
            answer.body = body;
            return Ok(answer);
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
