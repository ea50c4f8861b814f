//! T-MIX, the short form: many clients share the connections to the backend, some leave in the middle; nobody gets an answer of another.

use super::support::{Backend, Client, Gate, Setup, Talk, each_was_decided, is_long};

/// Answers every request with its target, in pieces.
async fn naming() -> Backend {
    Backend::start(|mut talk: Talk| async move {
        while let Some(request) = talk.request().await {
            let body = request.target;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            // In one go, head first, or byte for byte: as the last digit says.
            let sent = match body.as_bytes().last() {
                Some(b'0'..=b'3') => talk.send(format!("{head}{body}")).await,
                Some(b'4'..=b'7') => talk.send(head).await && talk.send(body).await,
                _ => talk.send(head).await && talk.send(&body[..1]).await && talk.send(&body[1..]).await,
            };
            if !sent {
                return;
            }
        }
    })
    .await
}

/// A request whose target nobody else has, of one of the shapes that leave something on a connection.
fn request(client: usize, at: usize) -> (String, String) {
    let target = format!("/any/{client}-{at}");
    let head =
        |method: &str, more: &str| format!("{method} {target} HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\n{more}\r\n");
    let bytes = match at % 5 {
        0 | 1 => head("GET", ""),
        2 => format!("{}hello", head("POST", "Content-Length: 5\r\n")),
        3 => format!("{}5\r\nhello\r\n0\r\n\r\n", head("PUT", "Transfer-Encoding: chunked\r\n")),
        _ => format!("{}hello", head("GET", "Content-Length: 5\r\n")),
    };
    (target, bytes)
}

/// One client's requests; some are given up while their answer is under way.
async fn client(address: std::net::SocketAddr, number: usize, times: usize) {
    let mut client = Client::to(address).await;
    for at in 0..times {
        let (target, bytes) = request(number, at);
        match (number + at) % 11 {
            0 => {
                client.send(&bytes).await;
                client.reset();
                client = Client::to(address).await;
            }
            1 => {
                client.send(&bytes[..bytes.len() - 3]).await;
                drop(client);
                client = Client::to(address).await;
            }
            _ => {
                let answer = client.ask(&bytes).await;
                assert_eq!((answer.status, answer.text()), (200, target.as_str()), "client {number}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_gets_the_answer_of_another() {
    let backend = naming().await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let times = if is_long() { 20_000 } else { 150 };
    let clients: Vec<_> = (0..16).map(|number| tokio::spawn(client(gate.address(), number, times))).collect();
    for client in clients {
        client.await.unwrap();
    }
    let mut whole = 0;
    for recording in backend.connections() {
        // Of one that was given up the backend may have half a request.
        let bytes = recording.bytes();
        whole += each_was_decided(&bytes).unwrap_or(0);
    }
    assert!(whole > 16 * times / 2);
}

/// The comparison that would find it, on a backend that answers with what the request before it asked for.
#[tokio::test]
async fn an_answer_of_another_is_found() {
    let backend = Backend::start(|mut talk: Talk| async move {
        let mut last = "/any/0-0".to_owned();
        while let Some(request) = talk.request().await {
            let body = std::mem::replace(&mut last, request.target);
            talk.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
        }
    })
    .await;
    let address = Gate::start(Setup::before(backend.address)).await;
    let mut one = address.connect().await;
    assert_eq!(one.ask(request(0, 0).1).await.text(), "/any/0-0");
    assert_ne!(one.ask(request(0, 1).1).await.text(), "/any/0-1");
}
