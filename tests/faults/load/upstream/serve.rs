//! What the backend does on one connection, request by request.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    super::{
        super::support::{Request, accept_of, backend::request_in, frame, frame_in},
        sum_of,
    },
    Left, Shared,
};

/// Messages that are longer come back in two pieces.
const ONE_PIECE: usize = 1000;
/// How long a piece waits for the other.
const BETWEEN_PIECES: Duration = Duration::from_millis(5);

/// One connection. Its end is what the other side does, or an error that has the same cause.
pub(super) async fn serve(shared: Arc<Shared>, mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut bytes = Vec::new();
    while let Ok(Some(request)) = next_request(&shared, &mut stream, &mut bytes).await {
        let what = |what: &str| request.target.split('/').any(|part| part == what);
        let is_stream = what("echo") || what("flood") || what("mute") || what("ticks");
        let mut close = None;
        let ended = match () {
            () if what("echo") => echo(&shared, &mut stream, &request, &mut bytes, &mut close).await,
            () if what("flood") => flood(&mut stream, &request).await,
            () if what("mute") => heard_out(&mut stream).await,
            () if what("ticks") => ticks(&shared, &mut stream).await,
            () => answer(&shared, &mut stream, &request).await,
        };
        if is_stream {
            if let Some(seat) = shared.seat(&request.target) {
                let _ = seat.left.set(Left { at: Instant::now(), close });
            }
            return;
        }
        if ended.is_err() {
            return;
        }
    }
}

async fn next_request(shared: &Shared, stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        if let Some((request, end)) = request_in(bytes) {
            bytes.drain(..end);
            return Ok(Some(request));
        }
        if stream.read_buf(bytes).await? == 0 {
            return Ok(None);
        }
        if let Some((head, _)) = Request::head_in(bytes)
            && let Some(seat) = shared.seat(&head.target)
        {
            let _ = seat.begun.set(());
        }
    }
}

async fn open(stream: &mut TcpStream, request: &Request) -> io::Result<()> {
    let accept = accept_of(request.header("sec-websocket-key").unwrap_or_default());
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    stream.write_all(format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes()).await
}

async fn echo(
    shared: &Shared,
    stream: &mut TcpStream,
    request: &Request,
    bytes: &mut Vec<u8>,
    close: &mut Option<u16>,
) -> io::Result<()> {
    open(stream, request).await?;
    loop {
        while let Some((received, end)) = frame_in(bytes) {
            bytes.drain(..end);
            *close = received.close_code();
            if received.is_close() {
                return heard_out(stream).await;
            }
            if shared.spoils() {
                continue;
            }
            let back = frame(received.opcode, &received.payload, false);
            let first = if back.len() > ONE_PIECE { back.len() / 2 } else { back.len() };
            stream.write_all(&back[..first]).await?;
            if first < back.len() {
                tokio::time::sleep(BETWEEN_PIECES).await;
                stream.write_all(&back[first..]).await?;
            }
        }
        if stream.read_buf(bytes).await? == 0 {
            return Ok(());
        }
    }
}

/// Sends until nobody is there. The kernel is to keep little of it.
async fn flood(stream: &mut TcpStream, request: &Request) -> io::Result<()> {
    open(stream, request).await?;
    socket2::SockRef::from(&*stream).set_send_buffer_size(8192)?;
    let message = frame(2, &[b'f'; 5000], false);
    let (mut read, mut write) = stream.split();
    let sending = async {
        loop {
            write.write_all(&message).await?;
        }
    };
    tokio::select! {
        ended = sending => ended,
        () = async { while read.read_u8().await.is_ok() {} } => Ok(()),
    }
}

/// Waits for the other side's end.
async fn heard_out(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 512];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

async fn ticks(shared: &Shared, stream: &mut TcpStream) -> io::Result<()> {
    let mut ticks = shared.ticks.subscribe();
    ticks.mark_changed();
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
    let mut ignored = [0; 512];
    loop {
        tokio::select! {
            _ = ticks.changed() => stream.write_all(b"c\r\ndata: tick\n\n\r\n").await?,
            read = stream.read(&mut ignored) => if read? == 0 { return Ok(()) },
        }
    }
}

async fn answer(shared: &Shared, stream: &mut TcpStream, request: &Request) -> io::Result<()> {
    let said = |name| request.all(name).join(",");
    let mut body = format!("app={} version={} {}", said("x-keygate-app"), said("x-version"), sum_of(&request.body));
    if shared.spoils() {
        body.push('!');
    }
    stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await
}
