//! The judge on trial: what it must find, it finds.

use std::sync::atomic::Ordering;

use super::{
    backend,
    grammar::{SERVER, STRANGER},
    run,
    support::{relay, within},
    tap::{Event, Tap},
};

const ID: &str = "01234567-89ab-7cde-8f01-23456789abcd";

/// A head as the gate sends it, with `more` lines.
fn head(line: &str, more: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: gate\r\n{more}X-Keygate-App: demo\r\nX-Keygate-Key-Id: server\r\nX-Keygate-Kind: secret\r\n\
         X-Keygate-Environment: live\r\nX-Keygate-Capability: *\r\nX-Keygate-Request-Id: {ID}\r\nX-Forwarded-For: 127.0.0.1\r\n\
         X-Forwarded-Proto: http\r\n\r\n"
    )
}

fn judged(bytes: impl AsRef<[u8]>) -> Result<usize, String> {
    let events = Tap::default().push(bytes.as_ref())?;
    Ok(events.into_iter().filter(|event| *event == Event::Whole).count())
}

#[test]
fn what_the_gate_sends_is_in_order() {
    assert_eq!(judged(head("GET /any/known/1", "")), Ok(1));
    let two = head("GET /any/known/1", "") + &head("GET /any/known/2", "").replace(ID, "01234567-89ab-7cde-8f01-23456789abce");
    assert_eq!(judged(&two), Ok(2), "on a connection that is kept");
    let body = head("POST /any/known/1", "Connection: close\r\nContent-Length: 5\r\n") + "hello";
    assert_eq!(judged(&body), Ok(1));
    let chunks = head("POST /any/known/1", "Connection: close\r\nTransfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(judged(&chunks), Ok(1));
    let (mut tap, mut whole) = (Tap::default(), 0);
    for byte in chunks.bytes() {
        whole += tap.push(&[byte]).unwrap().into_iter().filter(|event| *event == Event::Whole).count();
    }
    assert_eq!(whole, 1, "byte by byte");
}

#[test]
fn what_nobody_let_in_is_found() {
    let bare = "GET /any/known/2 HTTP/1.1\r\nHost: gate\r\n\r\n";
    let good = head("GET /any/known/1", "");
    let posted = |more: &str, body: &str| head("POST /any/known/1", more) + body;
    let cases = [
        ("a second request without an identity", good.clone() + bare),
        ("a second request with the first one's id", good.clone() + &good),
        ("a request in a body that the backend may leave", posted("Content-Length: 45\r\n", bare)),
        ("a request behind a body", posted("Connection: close\r\nContent-Length: 2\r\n", "ok") + &head("GET /any/known/2", "")),
        ("two lengths", posted("Connection: close\r\nContent-Length: 0\r\nContent-Length: 45\r\n", bare)),
        ("a length and chunks", posted("Connection: close\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        ("chunks by another name", posted("Connection: close\r\nTransfer_Encoding: chunked\r\n", "0\r\n\r\n")),
        ("chunks that one reader takes", posted("Connection: close\r\nTransfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
        (
            "a chunk's size that readers differ about",
            posted("Connection: close\r\nTransfer-Encoding: chunked\r\n", "5_\r\nhello\r\n0\r\n\r\n"),
        ),
        ("a line that LF ends", good.replacen("Host: gate\r\n", "Host: gate\n", 1)),
        ("a folded line", good.replacen("Host: gate\r\n", "Host: gate\r\n X-Keygate-App: evil\r\n", 1)),
        ("an identity twice", head("GET /any/known/1", "X_Keygate.App: demo\r\n")),
        ("a false identity", good.replace("demo", "evil")),
        ("an identity that is missing", good.replace("X-Keygate-Kind: secret\r\n", "")),
        ("an identity that the gate does not know", head("GET /any/known/1", "X-Keygate-Root: yes\r\n")),
        (
            "an identity in a trailer",
            posted("Connection: close\r\nTransfer-Encoding: chunked\r\n", "0\r\nX_Keygate_App: demo\r\n\r\n"),
        ),
        ("somebody else's address", head("GET /any/known/1", "X_Forwarded_For: 10.0.0.1\r\n")),
        ("a request without a credential", head("GET /any/nobody/1", "")),
        ("bytes of a stranger", posted("Connection: close\r\nContent-Length: 8\r\n", STRANGER)),
        ("a key in a header", head("GET /any/known/1", &format!("x-api-key: {SERVER}\r\n"))),
        ("a key in a query, escaped", head("GET /any/known/1?k=sk_live_%46uzz%43anaryServer", "")),
        ("a key in base64", head("GET /any/known/1", "Sec-WebSocket-Protocol: keygate.key.c2tfbGl2ZV9GdXp6Q2FuYXJ5U2VydmVy\r\n")),
        ("bytes before the 101", head("GET /connection/known/1", "Upgrade: websocket\r\n") + bare),
        ("no HTTP at all", "\x16\x03\x01".to_owned()),
    ];
    for (what, bytes) in cases {
        assert!(judged(&bytes).is_err(), "{what}: {:?}", judged(&bytes));
    }
}

/// A handshake that the backend did not take ends its connection; one that it did frees it.
#[test]
fn after_a_handshake_it_counts_how_it_was_answered() {
    let asked = head("GET /connection/known/1", "Upgrade: websocket\r\n");
    for (opened, free) in [(true, true), (false, false)] {
        let mut tap = Tap::default();
        tap.push(asked.as_bytes()).unwrap();
        tap.answered(opened);
        assert_eq!(tap.push(b"GET /any/known/2 HTTP/1.1\r\n\r\n").is_ok(), free);
    }
}

/// The same clients, before a proxy that lets everything through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_breaks_the_rules() {
    let (address, record) = backend::start().await;
    run(relay(address).await, 1, 0..200).await;
    within("the connections to end", record.all_ended()).await;
    let broken = record.broken_count.load(Ordering::Relaxed);
    println!("{broken} of 200 connections broke a rule behind a relay");
    assert!(broken > 100, "{broken}");
}
