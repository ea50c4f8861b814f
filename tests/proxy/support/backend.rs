//! The backend behind the gate: raw, scripted, and remembering every byte.

use std::{net::SocketAddr, path::Path, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::Notify,
};
use tokio_rustls::TlsAcceptor;

use super::{
    answer::{Answer, Framing},
    talk::Talk,
    within,
};

pub use super::talk::Recording;

/// A request that a backend received.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub version: String,
    pub headers: Vec<(String, String)>,
    /// Without its framing.
    pub body: Vec<u8>,
}

impl Request {
    /// Reads a head, without deciding what it means; `None` while it is not whole. Returns its length too.
    pub fn head_in(bytes: &[u8]) -> Option<(Self, usize)> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&bytes[..end - 4]).into_owned();
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ').map(str::to_owned);
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim().to_owned())
        };
        Some((Self { method, target, version, headers: lines.map(header).collect(), body: Vec::new() }, end))
    }

    /// The values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that stands there at most once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} stands there {} times: {all:?}", all.len());
        all.first().copied()
    }
}

/// Where a head ends.
pub struct Head;

impl Head {
    /// The length of the head at the start of `bytes`, once it is whole.
    pub fn end_in(bytes: &[u8]) -> Option<usize> {
        Request::head_in(bytes).map(|(_, end)| end)
    }
}

/// How a request's body is delimited.
pub fn framing_of(request: &Request) -> Framing {
    if request.header("transfer-encoding").is_some() {
        return Framing::Chunked;
    }
    request.header("content-length").map_or(Framing::None, |length| Framing::Length(length.parse().expect("a length")))
}

/// The request at the start of `bytes`, once it is whole, and its length.
pub fn request_in(bytes: &[u8]) -> Option<(Request, usize)> {
    let (mut request, head_end) = Request::head_in(bytes)?;
    let (body, taken) = Answer::body_in(framing_of(&request), &bytes[head_end..])?;
    request.body = body;
    Some((request, head_end + taken))
}

/// All whole requests in `bytes`, and what is left behind them.
pub fn requests_in(mut bytes: &[u8]) -> (Vec<Request>, &[u8]) {
    let mut requests = Vec::new();
    while let Some((request, end)) = request_in(bytes) {
        requests.push(request);
        bytes = &bytes[end..];
    }
    (requests, bytes)
}

#[derive(Default)]
struct Recordings {
    all: Mutex<Vec<Arc<Recording>>>,
    grown: Notify,
}

/// A backend. Lives as long as the test's runtime.
pub struct Backend {
    /// Where it listens; nonsense for one on a Unix socket.
    pub address: SocketAddr,
    recordings: Arc<Recordings>,
}

impl Backend {
    /// A backend that runs `script` for each connection.
    pub async fn start<F, Fut>(script: F) -> Self
    where
        F: Fn(Talk) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::at("127.0.0.1:0", script).await.expect("a free port")
    }

    /// One at an address of its own.
    pub async fn at<F, Fut>(address: &str, script: F) -> std::io::Result<Self>
    where
        F: Fn(Talk) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await?;
        let this = Self { address: listener.local_addr()?, recordings: Arc::default() };
        let recordings = Arc::clone(&this.recordings);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (recording, number) = recordings.next();
                stream.set_nodelay(true).expect("a socket option");
                let tcp = socket2::SockRef::from(&stream).try_clone().ok();
                tokio::spawn(script(Talk::new(stream, recording, number, tcp)));
            }
        });
        Ok(this)
    }

    /// One that speaks TLS.
    pub async fn start_tls<F, Fut>(acceptor: TlsAcceptor, script: F) -> Self
    where
        F: Fn(Talk) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let this = Self { address: listener.local_addr().expect("an address"), recordings: Arc::default() };
        let recordings = Arc::clone(&this.recordings);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let (recording, number) = recordings.next();
                    tokio::spawn(script(Talk::new(stream, recording, number, None)));
                }
            }
        });
        this
    }

    /// One on a Unix socket.
    pub fn start_unix<F, Fut>(path: &Path, script: F) -> Self
    where
        F: Fn(Talk) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = UnixListener::bind(path).expect("a socket");
        let this = Self { address: SocketAddr::from(([0, 0, 0, 0], 0)), recordings: Arc::default() };
        let recordings = Arc::clone(&this.recordings);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (recording, number) = recordings.next();
                tokio::spawn(script(Talk::new(stream, recording, number, None)));
            }
        });
        this
    }

    /// One that answers every request with these bytes.
    pub async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |mut talk| {
            let answer = Arc::clone(&answer);
            async move { talk.answer_all(&answer).await }
        })
        .await
    }

    /// One that opens every WebSocket and echoes; other requests get a 200.
    pub async fn echoing() -> Self {
        Self::start(|mut talk| async move {
            while let Some(request) = talk.request().await {
                if request.header("upgrade").is_some() {
                    talk.open_websocket(&request, "").await;
                    return talk.echo().await;
                }
                if !talk.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await {
                    return;
                }
            }
        })
        .await
    }

    /// One that opens every WebSocket and echoes, and sends events without end to everyone who accepts them: `tick` is the first.
    pub async fn realtime() -> Self {
        Self::start(|mut talk| async move {
            while let Some(request) = talk.request().await {
                if request.header("upgrade").is_some() {
                    talk.open_websocket(&request, "").await;
                    return talk.echo().await;
                }
                if request.header("accept") == Some("text/event-stream") {
                    talk.answer("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await;
                    talk.send("c\r\ndata: tick\n\n\r\n").await;
                    return talk.ended().await;
                }
                if !talk.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await {
                    return;
                }
            }
        })
        .await
    }

    /// The recording of connection `number`, once it is there.
    pub async fn connection(&self, number: usize) -> Arc<Recording> {
        let connected = async {
            loop {
                let grown = self.recordings.grown.notified();
                if let Some(recording) = self.recordings.all.lock().get(number) {
                    return Arc::clone(recording);
                }
                grown.await;
            }
        };
        within("the backend to be connected to", connected).await
    }

    /// All connections so far.
    pub fn connections(&self) -> Vec<Arc<Recording>> {
        self.recordings.all.lock().clone()
    }

    /// All whole requests so far, connection by connection.
    pub fn requests(&self) -> Vec<Request> {
        self.connections().iter().flat_map(|recording| requests_in(&recording.bytes()).0).collect()
    }

    /// The only request so far.
    #[track_caller]
    pub fn request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    /// Every byte of every connection.
    pub fn bytes(&self) -> Vec<u8> {
        self.connections().iter().flat_map(|recording| recording.bytes()).collect()
    }
}

impl Recordings {
    fn next(&self) -> (Arc<Recording>, usize) {
        let recording = Arc::new(Recording::default());
        let mut all = self.all.lock();
        all.push(Arc::clone(&recording));
        self.grown.notify_waiters();
        (recording, all.len() - 1)
    }
}
