//! What whoever runs the gate cuts ends, is told that it may come back, and nobody else notices.

use serde_json::{Value, json};

use super::support::{Backend, Client, Gate, Head, Setup, Talk, WebSocket, chunks_in, frame, handshake, secret_key, within};

fn setup(backend: &Backend) -> Setup {
    let keys = vec![secret_key("one", "sk_live_one", ""), secret_key("two", "sk_live_two", "")];
    Setup { keys, ..Setup::before(backend.address) }
}

async fn start() -> (Backend, Gate) {
    let backend = Backend::realtime().await;
    let gate = Gate::start(setup(&backend)).await;
    (backend, gate)
}

async fn socket(gate: &Gate, key: &str) -> WebSocket {
    WebSocket::open(gate.connect().await, "/connection/1", key).await
}

async fn far_socket(gate: &Gate, last: u8, key: &str) -> WebSocket {
    WebSocket::open(Client::from([127, 0, 3, last], gate.address()).await, "/connection/1", key).await
}

async fn events(gate: &Gate, key: &str) -> Client {
    let mut client = gate.connect().await;
    client.send(format!("GET /events/a HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\nx-api-key: {key}\r\n\r\n")).await;
    assert_eq!(client.head().await.status, 200);
    while !client.buffer.ends_with(b"tick\n\n\r\n") {
        assert!(client.more().await);
    }
    client
}

/// What the command answers.
async fn cut(gate: &Gate, arguments: &[&str]) -> Value {
    let (code, out, error) = gate.command(&[&["connections", "cut"], arguments, &["-o", "json"]].concat()).await;
    assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments:?}");
    serde_json::from_str(&out).expect("JSON")
}

#[tokio::test]
async fn each_selector_cuts_its_own_and_the_others_go_on() {
    let (_backend, gate) = start().await;
    let mut by_id = socket(&gate, "sk_live_one").await;
    let mut by_key = socket(&gate, "sk_live_two").await;
    let mut by_key_events = events(&gate, "sk_live_two").await;
    let mut by_peer = far_socket(&gate, 1, "sk_live_one").await;
    let mut last = far_socket(&gate, 8, "sk_live_one").await;
    let (_, out, _) = gate.command(&["connections", "--limit", "1", "-o", "json"]).await;
    let list: Value = serde_json::from_str(&out).unwrap();

    let id = list["connections"][0]["id"].to_string();
    assert_eq!(cut(&gate, &["--id", &id]).await, json!({ "cut": 1, "remaining": 0 }));
    by_id.is_closed_with(1012).await;
    let (code, _, error) = gate.command(&["connections", "cut", "--id", &id]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains(&format!("no live connection has the id {id}")), "{error}");
    by_key.echoes("not I").await;

    let of_kind = ["--key", "two", "--transport", "sse"];
    assert_eq!(cut(&gate, &of_kind).await, json!({ "cut": 1, "remaining": 0, "known": true }));
    let body = by_key_events.rest().await;
    let (told, _) = chunks_in(&body).expect("a whole body");
    let goodbye = "data: tick\n\nevent: keygate\ndata: {\"status\":503,\"code\":\"draining\"}\nretry: 1000\n\n";
    assert_eq!(String::from_utf8_lossy(&told), goodbye);
    by_key.echoes("of another kind").await;

    assert_eq!(cut(&gate, &["--key", "two"]).await["cut"], 1);
    by_key.is_closed_with(1012).await;
    by_peer.echoes("of another key").await;
    assert_eq!(cut(&gate, &["--peer", "127.0.3.0/29"]).await, json!({ "cut": 1, "remaining": 0 }));
    by_peer.is_closed_with(1012).await;
    last.echoes("from another network").await;

    // Nobody has lost a right: who was cut comes back.
    let mut back = socket(&gate, "sk_live_two").await;
    back.echoes("here again").await;
    assert_eq!(cut(&gate, &["--all", "--yes"]).await, json!({ "cut": 2, "remaining": 0 }));
    back.is_closed_with(1012).await;
    last.is_closed_with(1012).await;
    assert_eq!(cut(&gate, &["--all", "--yes"]).await, json!({ "cut": 0, "remaining": 0 }));

    let closed =
        |transport| format!(r#"keygate_connections_closed_total{{initiator="gate",reason="operator",transport="{transport}"}}"#);
    gate.series_is(&closed("websocket"), 5.0).await;
    gate.series_is(&closed("sse"), 1.0).await;
    gate.series_is("keygate_revocation_close_seconds_count", 0.0).await;
    let line = gate.told("connections cut", 2).await;
    let uid = rustix::process::geteuid().as_raw();
    assert_eq!((&line["what"], &line["uid"], &line["cut"]), (&"key `two`, sse".into(), &uid.into(), &1.into()));
}

#[tokio::test]
async fn a_stream_that_is_still_opening_is_told_to_come_again_and_an_exchange_ends() {
    let backend = Backend::start(|mut talk: Talk| async move {
        talk.head().await;
        std::future::pending::<()>().await;
    })
    .await;
    let gate = Gate::start(setup(&backend)).await;
    let (mut opening, mut asking) = (gate.connect().await, gate.connect().await);
    opening.send(handshake("/connection/1", "x-api-key: sk_live_one\r\n")).await;
    asking.send("GET /any/ HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_one\r\n\r\n").await;
    for number in 0..2 {
        let recording = backend.connection(number).await;
        within("a request", recording.when(|bytes, _| Head::end_in(bytes))).await;
    }
    assert_eq!(cut(&gate, &["--key", "one"]).await["cut"], 2);
    let answer = opening.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "draining"));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(asking.rest().await, b"");
}

/// In the middle of a frame nothing can be said, so that the gate waits for its end as long as it waits for anybody.
#[tokio::test]
async fn who_cannot_be_told_remains_for_a_moment_and_is_counted() {
    let half = frame(2, &[7; 60], false)[..10].to_vec();
    let backend = Backend::start(move |mut talk: Talk| {
        let half = half.clone();
        async move {
            let Some(head) = talk.head().await else { return };
            talk.open_websocket(&head, "").await;
            talk.send(half).await;
            // Not even when it is told: the frame stays without an end.
            std::future::pending::<()>().await;
        }
    })
    .await;
    let gate = Gate::start(setup(&backend)).await;
    let mut inside = socket(&gate, "sk_live_one").await;
    while inside.0.buffer.len() < 10 {
        assert!(inside.0.more().await);
    }
    let (code, out, _) = gate.command(&["connections", "cut", "--all", "--yes", "--wait", "1ms"]).await;
    assert_eq!((code, out.as_str()), (Some(3), "1 cut, 1 remaining\n"));
    // Asked again, it is waited for, and not counted as cut twice.
    let (code, out, _) = gate.command(&["connections", "cut", "--all", "--yes"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "0 cut, 0 remaining\n"));
    gate.series_is("keygate_forced_resets_total", 1.0).await;
}

#[tokio::test]
async fn what_cannot_be_meant_cuts_nobody() {
    let (_backend, gate) = start().await;
    let mut open = socket(&gate, "sk_live_one").await;
    for (arguments, expected, why) in [
        (&[][..], 2, "--id <N>|--key <ID>|--peer <CIDR>|--all"),
        (&["--transport", "sse"], 2, "required"),
        (&["--key", "one", "--all"], 2, "cannot be used with"),
        (&["--id", "1", "--peer", "127.0.0.1"], 2, "cannot be used with"),
        (&["--id", "one"], 2, "--id <N>"),
        (&["--key", "a b"], 2, "key: must be 1 to 64"),
        (&["--peer", "everybody"], 2, "must be an IP address"),
        (&["--all"], 2, "say --yes"),
        (&["--all", "--yes", "--wait", "2m"], 1, "at most 60s"),
        (&["--all", "--yes", "--wait", "soon"], 2, "a time is a number"),
        (&["--id", "999"], 1, "no live connection has the id 999"),
        (&["--key", "sk_live_one"], 1, "its id, which is `one`"),
    ] {
        let (code, out, error) = gate.command(&[&["connections", "cut"], arguments].concat()).await;
        assert_eq!((code, out.as_str()), (Some(expected), ""), "{arguments:?}: {error}");
        assert!(error.contains(why) && !error.contains("sk_live"), "{arguments:?}: {error}");
    }
    let (code, out, error) = gate.command(&["connections", "cut", "--key", "nobody"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "0 cut, 0 remaining\n"));
    assert!(error.contains("no key of the gate has this id now"), "{error}");
    open.echoes("still open").await;
}
