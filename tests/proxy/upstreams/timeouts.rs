//! How long an upstream is waited for: its own head and idle timeouts. Nothing here measures: what is waited for is what the gate does
//! when a time is over.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{KEY, get, post};
use crate::support::{Backend, Gate, Setup, Talk, handshake};

fn upstream(backend: &Backend, timeouts: &str) -> String {
    format!("{{ addresses: [{}], timeouts: {timeouts} }}", backend.address)
}

#[tokio::test]
async fn a_head_may_be_due_before_a_body_is() {
    let silent = Backend::start(|mut talk: Talk| async move { talk.ended().await }).await;
    // No test waits for an hour: what answers is the shorter one.
    let gate = Gate::start(Setup::before(upstream(&silent, "{ head: 200ms, idle: 1h }"))).await;
    let requests = [
        get("/any/", KEY),
        post("/any/", KEY, "body"),
        get("/any/", &format!("{KEY}Accept: text/event-stream\r\n")),
        handshake("/connection/1", KEY),
    ];
    for request in &requests {
        let answer = gate.connect().await.ask(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (504, "upstream_timeout"), "{request}");
    }
    assert_eq!(gate.metrics().await.value(r#"keygate_upstream_errors_total{kind="head_timeout"}"#), Some(4.0));
    assert_eq!(silent.requests().len(), requests.len(), "each was sent once");
}

#[tokio::test]
async fn a_body_may_take_longer_than_a_head() {
    let rest = Arc::new(Notify::new());
    let told = Arc::clone(&rest);
    let backend = Backend::start(move |mut talk: Talk| {
        let rest = Arc::clone(&told);
        async move {
            match talk.request().await.map(|request| request.target) {
                Some(target) if target == "/any/slow" => {
                    talk.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
                    rest.notified().await;
                    talk.send("4\r\nmore\r\n0\r\n\r\n").await;
                }
                _ => talk.ended().await,
            }
        }
    })
    .await;
    let gate = Gate::start(Setup::before(upstream(&backend, "{ head: 200ms, idle: 1h }"))).await;
    let mut client = gate.connect().await;
    client.send(get("/any/slow", KEY)).await;
    let head = client.head().await;
    assert_eq!(head.status, 200);
    // Asked after the first answer began, and told that its own is late: then that time is over for the first one too.
    assert_eq!(gate.connect().await.ask(get("/any/silent", KEY)).await.status, 504);
    rest.notify_one();
    client.read_through(b"more\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn a_body_that_stands_still_is_cut() {
    let backend = Backend::start(|mut talk: Talk| async move {
        talk.request().await;
        talk.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
        talk.ended().await;
    })
    .await;
    let gate = Gate::start(Setup::before(upstream(&backend, "{ head: 200ms, idle: 200ms }"))).await;
    let mut client = gate.connect().await;
    client.send(get("/any/", KEY)).await;
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.rest().await, b"4\r\nhalf\r\n", "the connection ends inside the body");
}

/// What a client sends puts the answer off: nobody answers what has not arrived.
#[tokio::test]
async fn an_upload_may_take_longer_than_a_head() {
    let backend = Backend::start(|mut talk: Talk| async move {
        match talk.head().await.map(|request| request.method) {
            Some(method) if method == "POST" => {
                let whole = |bytes: &[u8], _: bool| bytes.ends_with(b"0\r\n\r\n").then_some(());
                talk.recording.when(whole).await;
                talk.send(super::ok("one")).await;
            }
            _ => talk.ended().await,
        }
    })
    .await;
    let gate = Gate::start(Setup::before(upstream(&backend, "{ head: 2s, idle: 1h }"))).await;
    let mut client = gate.connect().await;
    client.send(format!("POST /any/ HTTP/1.1\r\nHost: gate\r\n{KEY}Transfer-Encoding: chunked\r\n\r\n")).await;
    let mut silent = gate.connect().await;
    silent.send(get("/any/", KEY)).await;
    // One byte at a time, until somebody who asked later has been waited for in vain.
    let mut late = std::pin::pin!(silent.answer());
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
    let answer = loop {
        tokio::select! {
            answer = &mut late => break answer,
            _ = ticks.tick() => client.send("1\r\nx\r\n").await,
        }
    };
    assert_eq!(answer.status, 504);
    client.send("1\r\nx\r\n0\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 200);
}
