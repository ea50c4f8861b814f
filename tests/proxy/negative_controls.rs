//! A check that has never found fault proves nothing: here each rule meets a relay that keeps none of them.

use super::support::{
    Backend, Client, Gate, Setup, Talk, credential_absent, each_was_decided, frame, handshake, identity_stamped_once,
    nothing_before_101, one_request_alone, relay, until, within,
};
use tokio::sync::Semaphore;

use std::sync::Arc;

/// A backend that answers when it is let.
async fn patient(let_answer: &Arc<Semaphore>) -> Backend {
    let let_answer = Arc::clone(let_answer);
    Backend::start(move |mut talk: Talk| {
        let let_answer = Arc::clone(&let_answer);
        async move {
            let Some(head) = talk.head().await else { return };
            let _permit = let_answer.acquire().await;
            talk.open_websocket(&head, "").await;
            talk.ended().await;
        }
    })
    .await
}

/// Sends a handshake with a frame right behind it and lets the backend answer only after that frame had every chance to get there.
async fn early_frame(to: std::net::SocketAddr, backend: &Backend, let_answer: &Semaphore, expect_early: bool) {
    let mut client = Client::to(to).await;
    let mut bytes = handshake("/connection/1", "x-api-key: sk_live_server\r\n").into_bytes();
    bytes.extend(frame(1, b"too early", true));
    client.send(&bytes).await;
    let recording = backend.connection(0).await;
    let head = within("a head", recording.when(|bytes, _| super::support::Head::end_in(bytes))).await;
    if expect_early {
        within("early bytes", recording.when(|bytes, _| (bytes.len() > head).then_some(()))).await;
    }
    let_answer.add_permits(1);
    assert_eq!(client.answer().await.status, 101);
}

#[tokio::test]
async fn early_bytes_are_found() {
    let let_answer = Arc::new(Semaphore::new(0));
    let backend = patient(&let_answer).await;
    early_frame(relay(backend.address).await, &backend, &let_answer, true).await;
    assert!(nothing_before_101(&*backend.connection(0).await).is_err());
}

#[tokio::test]
async fn a_second_request_is_found() {
    let backend = Backend::start(|mut talk: Talk| async move {
        talk.head().await;
        talk.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        talk.ended().await;
    })
    .await;
    let mut client = Client::to(relay(backend.address).await).await;
    client.send(handshake("/connection/1", "")).await;
    client.answer().await;
    client.send("GET /smuggled HTTP/1.1\r\nHost: gate\r\n\r\n").await;
    let recording = backend.connection(0).await;
    within("the second request", recording.when(|bytes, _| bytes.ends_with(b"Host: gate\r\n\r\n").then_some(()))).await;
    until("a fault", || async { one_request_alone(&recording).err() }).await;
    assert!(each_was_decided(&recording.bytes()).is_err(), "neither carries an id of the gate");
}

#[tokio::test]
async fn credentials_and_false_identities_are_found() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let mut client = Client::to(relay(backend.address).await).await;
    let answer = client
        .ask("GET /any/?key=%73k_live_server HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_other\r\nX_Keygate.App: a\r\n\r\n")
        .await;
    assert_eq!(answer.status, 200);
    let request = backend.request();
    assert!(identity_stamped_once(&request).is_err());
    assert!(credential_absent(&backend.bytes(), &["sk_live_other"]).is_err(), "as it is");
    assert!(credential_absent(&backend.bytes(), &["sk_live_server"]).is_err(), "escaped");
    assert!(credential_absent(&backend.bytes(), &["sk_live_third"]).is_ok());
}

/// The same checks on the gate itself find nothing: what they find is not the doing of the tests.
#[tokio::test]
async fn the_gate_keeps_the_rules_that_the_relay_breaks() {
    let let_answer = Arc::new(Semaphore::new(0));
    let backend = patient(&let_answer).await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    early_frame(gate.address(), &backend, &let_answer, false).await;
    let recording = backend.connection(0).await;
    nothing_before_101(&recording).unwrap();
    within("the early frame", recording.when(|bytes, _| bytes.ends_with(&frame(1, b"too early", true)).then_some(()))).await;
    credential_absent(&recording.bytes(), &["sk_live_server"]).unwrap();
}
