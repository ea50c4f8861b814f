//! Answers that are streams: decisions as they happen, and the audit trail as lines.

use std::{net::SocketAddr, sync::atomic::Ordering, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    client::{Answer, Ask},
    world::World,
};

/// Bytes as they come.
struct Tap(TcpStream, Vec<u8>);

impl Tap {
    async fn open(address: SocketAddr, ask: &Ask<'_>) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("the listener");
        stream.write_all(&ask.bytes()).await.expect("a request");
        Self(stream, Vec::new())
    }

    /// All that came, once `text` is in it.
    async fn until(&mut self, text: &str) -> String {
        loop {
            let said = String::from_utf8_lossy(&self.1).into_owned();
            if said.contains(text) {
                return said;
            }
            let read = timeout(Duration::from_secs(20), self.0.read_buf(&mut self.1)).await;
            let read = read.unwrap_or_else(|_| panic!("waits for {text:?} after {said:?}")).expect("bytes");
            assert!(read > 0, "ended before {text:?}: {said}");
        }
    }
}

/// The head of an answer, and as much of its body as came with it.
pub async fn first_bytes(address: SocketAddr, ask: &Ask<'_>) -> Answer {
    let mut tap = Tap::open(address, ask).await;
    let said = tap.until("\r\n\r\n").await;
    Answer::parse(said.replace("transfer-encoding: chunked\r\n", "").as_bytes())
}

fn following() -> Ask<'static> {
    Ask::new("GET", "/v1/decisions").token("viewer")
}

#[tokio::test]
async fn decisions_come_as_they_are_made() {
    let world = World::new().await;
    let mut tap = Tap::open(world.address, &following()).await;
    let head = tap.until(":\n\n").await;
    assert!(head.contains("content-type: text/event-stream\r\n") && head.contains("cache-control: no-store\r\n"), "{head}");
    world.manager.decisions.send(r#"{"outcome":"deny"}"#.into()).expect("a reader");
    tap.until("event: decision\ndata: {\"outcome\":\"deny\"}\n\n").await;
}

#[tokio::test]
async fn who_does_not_keep_up_is_told_how_many_were_missed() {
    let world = World::new().await;
    let mut tap = Tap::open(world.address, &following()).await;
    tap.until(":\n\n").await;
    // On one thread: the stream's task does not run between them.
    for n in 0..10 {
        world.manager.decisions.send(format!("{{\"n\":{n}}}").into()).expect("a reader");
    }
    let said = tap.until("{\"n\":9}").await;
    assert!(said.contains("event: missed\ndata: 6\n\n") && !said.contains("{\"n\":5}"), "{said}");
}

#[tokio::test]
async fn streams_are_few_and_a_place_is_given_back() {
    let world = World::new().await;
    let mut taps = Vec::new();
    for _ in 0..16 {
        let mut tap = Tap::open(world.address, &following()).await;
        tap.until(":\n\n").await;
        taps.push(tap);
    }
    let refused = following().send(world.address).await;
    assert_eq!((refused.status, refused.code().as_str(), refused.field("retry-after")), (503, "busy", Some("10")));
    assert_eq!(world.get("/v1/keys").await.status, 200, "and all else goes on");
    taps.pop();
    // Noticed when something is written.
    loop {
        let _ = world.manager.decisions.send("{}".into());
        if world.manager.decisions.receiver_count() < 16 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(first_bytes(world.address, &following()).await.status, 200);
}

#[tokio::test]
async fn an_export_is_all_of_it() {
    let world = World::new().await;
    for count in [0, 1, 499, 500, 501, 1234] {
        world.manager.records.store(count, Ordering::Relaxed);
        let answer = world.get("/v1/audit/export").await;
        assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/jsonl")));
        let text = String::from_utf8(answer.body).expect("text");
        let sequences: Vec<_> =
            text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["sequence"].as_u64()).collect();
        let expected: Vec<_> = (1..=count as u64).map(Some).collect();
        assert_eq!(sequences, expected);
    }
}

#[tokio::test]
async fn an_export_that_breaks_off_is_not_taken_for_the_whole() {
    let world = World::new().await;
    world.manager.records.store(1234, Ordering::Relaxed);
    world.manager.damaged.store(true, Ordering::Relaxed);
    let mut stream = TcpStream::connect(world.address).await.expect("the listener");
    let ask = Ask::new("GET", "/v1/audit/export").token("viewer").with("connection", "close");
    stream.write_all(&ask.bytes()).await.expect("a request");
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("\"sequence\":1,") && !text.ends_with("0\r\n\r\n"), "the last chunk says that it is whole");
}

#[tokio::test]
async fn the_end_of_the_listener_ends_streams() {
    let world = World::new().await;
    let mut tap = Tap::open(world.address, &following()).await;
    tap.until(":\n\n").await;
    let manager = world.manager.clone();
    tokio::time::pause();
    world.end().await;
    while manager.decisions.receiver_count() > 0 {
        tokio::task::yield_now().await;
    }
}
