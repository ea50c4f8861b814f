//! What is sent a second time: counted where it arrives.

use std::sync::Arc;

use tokio::sync::Barrier;

use super::{KEY, get, ok, post};
use crate::support::{Backend, Gate, Setup, Talk, handshake};

/// Answers the first request of its first connection, and leaves at the second. Answers everything on later connections.
async fn leaves_once() -> Backend {
    Backend::start(|mut talk: Talk| async move {
        while let Some(request) = talk.request().await {
            if talk.number == 0 && request.target == "/any/second" {
                return;
            }
            talk.send(ok("one")).await;
        }
    })
    .await
}

/// Sends a request over a connection that the backend is about to close. Returns the status of its answer, and how often it arrived.
async fn over_a_dying_connection(request: &str) -> (u16, usize) {
    let backend = leaves_once().await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut client = gate.connect().await;
    assert_eq!(client.ask(get("/any/first", KEY)).await.status, 200);
    let status = client.ask(request).await.status;
    let seen = backend.requests().iter().filter(|request| request.target == "/any/second").count();
    let first = backend.connection(0).await.bytes();
    let reused = String::from_utf8_lossy(&first).contains("/any/second");
    assert!(reused, "the connection was kept and used again");
    (status, seen)
}

#[tokio::test]
async fn what_is_safe_is_sent_again_when_a_kept_connection_was_closed() {
    assert_eq!(over_a_dying_connection(&get("/any/second", KEY)).await, (200, 2));
}

#[tokio::test]
async fn what_may_have_been_done_is_sent_once() {
    assert_eq!(over_a_dying_connection(&post("/any/second", KEY, "body")).await, (502, 1));
    assert_eq!(over_a_dying_connection(&post("/any/second", KEY, "")).await, (502, 1));
    for method in ["PUT", "DELETE"] {
        let request = post("/any/second", KEY, "body").replace("POST", method);
        assert_eq!(over_a_dying_connection(&request).await, (502, 1), "{method}");
    }
    let with_body = post("/any/second", KEY, "body").replace("POST", "GET");
    assert_eq!(over_a_dying_connection(&with_body).await, (502, 1), "a body may be anything");
}

#[tokio::test]
async fn nothing_is_sent_again_over_a_new_connection() {
    let leaves = Backend::start(|mut talk: Talk| async move {
        talk.head().await;
    })
    .await;
    let upstream = format!("{{ addresses: [{}, 'http://localhost:{}'] }}", leaves.address, leaves.address.port());
    let gate = Gate::start(Setup::before(upstream)).await;
    let requests = [
        get("/any/", KEY),
        post("/any/", KEY, "body"),
        get("/any/", &format!("{KEY}Accept: text/event-stream\r\n")),
        handshake("/connection/1", KEY),
    ];
    for (sent, request) in requests.iter().enumerate() {
        let answer = gate.connect().await.ask(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"), "{request}");
        assert_eq!(leaves.connections().len(), sent + 1, "{request}: not to the other address either");
    }
}

/// A safe request is not repeated without end: the connections that are kept may all be dying.
#[tokio::test]
async fn a_second_attempt_is_the_last() {
    const CLIENTS: usize = 4;
    // Nobody is answered before all have asked: a connection that was answered on is kept, and would be met dying by the next client.
    let all_asked = Arc::new(Barrier::new(CLIENTS));
    let backend = Backend::start(move |mut talk: Talk| {
        let all_asked = Arc::clone(&all_asked);
        async move {
            // Every connection answers once.
            if talk.request().await.is_some() {
                if talk.number < CLIENTS {
                    all_asked.wait().await;
                }
                talk.send(ok("one")).await;
                talk.request().await;
            }
        }
    })
    .await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    // As many kept connections as there are clients at once.
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = gate.connect().await;
        client.send(get("/any/", KEY)).await;
        clients.push(client);
    }
    for client in &mut clients {
        assert_eq!(client.answer().await.status, 200);
    }
    let before = backend.requests().len();
    let answer = clients[0].ask(get("/any/last", KEY)).await;
    assert!(matches!(answer.status, 200 | 502), "{answer:?}");
    let sent = backend.requests().iter().filter(|request| request.target == "/any/last").count();
    assert!((1..=2).contains(&sent), "sent {sent} times after {before}");
}
