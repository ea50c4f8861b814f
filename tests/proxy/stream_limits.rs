//! How much a client may send in a WebSocket, and what it and the backend see where that is more.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::support::{Backend, Gate, Setup, WebSocket, frame, frame_in, handshake, secret_key, until};

const TARGET: &str = "/connection/1";
const KEY: &str = "x-api-key: sk_live_limited\r\n";

async fn gate(limits: &str, key_limits: &str) -> (Backend, Gate) {
    let backend = Backend::echoing().await;
    let keys = vec![
        secret_key("limited", "sk_live_limited", &format!("limits: {key_limits}")),
        secret_key("other", "sk_live_other", ""),
        secret_key("watched", "sk_live_watched", &format!("limits: {key_limits}, mode: report")),
    ];
    let gate = Gate::start(Setup { limits: limits.to_owned(), keys, ..Setup::before(backend.address) }).await;
    (backend, gate)
}

async fn open(gate: &Gate, key: &str) -> WebSocket {
    WebSocket::open(gate.connect().await, TARGET, key).await
}

/// A masked frame with this first byte.
fn piece(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(first & 0x0f, payload, true);
    bytes[0] = first;
    bytes
}

fn throttles(scope: &str) -> String {
    format!(r#"keygate_stream_throttles_total{{scope="{scope}"}}"#)
}

async fn ended_by(gate: &Gate, reason: &str) {
    let series = format!(r#"keygate_connections_closed_total{{initiator="gate",reason="{reason}",transport="websocket"}}"#);
    gate.series_is(&series, 1.0).await;
}

/// What a backend received behind the head of its only request, once its connection has ended.
async fn all_that_came(backend: &Backend) -> Vec<u8> {
    let recording = backend.connection(0).await;
    recording.when(|bytes, ended| ended.then(|| bytes.to_vec())).await;
    let bytes = recording.bytes();
    let (_, end) = super::support::Request::head_in(&bytes).unwrap();
    bytes[end..].to_vec()
}

/// The whole frames in `bytes`, and what is left behind them.
fn frames_in(mut bytes: &[u8]) -> (Vec<(u8, Vec<u8>)>, &[u8]) {
    let mut frames = Vec::new();
    while let Some((frame, end)) = frame_in(bytes) {
        frames.push((frame.opcode, frame.payload));
        bytes = &bytes[end..];
    }
    (frames, bytes)
}

/// Expects a Close with this code, and the end. What the backend had yet to answer does not come any more.
async fn is_cut_with(socket: &mut WebSocket, code: u16) {
    loop {
        let frame = socket.next().await.expect("a Close");
        if frame.is_close() {
            assert_eq!(frame.close_code(), Some(code));
            assert_eq!(socket.next().await, None);
            return;
        }
    }
}

/// Sends so many messages in one piece and expects all of them back.
async fn all_come_back(socket: &mut WebSocket, count: usize) {
    let messages: Vec<_> = (0..count).map(|nth| format!("message {nth}")).collect();
    let bytes: Vec<_> = messages.iter().flat_map(|message| frame(1, message.as_bytes(), true)).collect();
    socket.0.send(bytes).await;
    for message in &messages {
        assert_eq!(socket.next().await.unwrap().payload, message.as_bytes());
    }
}

#[tokio::test]
async fn who_sends_too_many_messages_is_slowed_down_and_loses_none() {
    let (_backend, gate) = gate("{ connection: { messages: 20/s } }", "{}").await;
    let mut socket = open(&gate, "sk_live_limited").await;
    all_come_back(&mut socket, 50).await;
    assert!(gate.metrics().await.value(&throttles("connection")).unwrap() >= 1.0);
    // What came with the handshake is no less limited, and no less kept.
    let mut client = gate.connect().await;
    let early: Vec<_> = (0..30u8).flat_map(|nth| frame(2, &[nth], true)).collect();
    client.send([handshake(TARGET, KEY).into_bytes(), early].concat()).await;
    let (mut socket, _) = WebSocket::answered(client).await;
    for nth in 0..30u8 {
        assert_eq!(socket.next().await.unwrap().payload, [nth]);
    }
}

#[tokio::test]
async fn who_sends_too_many_bytes_is_slowed_down_and_loses_none() {
    let (_backend, gate) = gate("{ connection: { bytes: 100KiB/s } }", "{}").await;
    let mut socket = open(&gate, "sk_live_limited").await;
    let message: Vec<_> = (0..250u32 << 10).map(|at| u8::try_from(at % 251).unwrap()).collect();
    socket.0.send(frame(2, &message, true)).await;
    assert!(socket.next().await.unwrap().payload == message);
    assert!(gate.metrics().await.value(&throttles("connection")).unwrap() >= 1.0);
}

#[tokio::test]
async fn without_limits_nobody_is_slowed_down() {
    let (_backend, gate) = gate("{}", "{}").await;
    let mut socket = open(&gate, "sk_live_limited").await;
    all_come_back(&mut socket, 2000).await;
    let large = vec![7; 1 << 20];
    socket.0.send(frame(2, &large, true)).await;
    assert!(socket.next().await.unwrap().payload == large);
    drop(socket);
    for direction in ["received", "sent"] {
        let series = format!(r#"keygate_stream_messages_total{{direction="{direction}",transport="websocket"}}"#);
        gate.series_is(&series, 2001.0).await;
    }
    let metrics = gate.metrics().await;
    assert_eq!([metrics.value(&throttles("connection")), metrics.value(&throttles("key"))], [Some(0.0); 2]);
}

#[tokio::test]
async fn streams_of_a_key_share_its_rate() {
    let (backend, gate) = gate("{}", "{ messages: 4/m }").await;
    let (mut one, mut two) = (open(&gate, "sk_live_limited").await, open(&gate, "sk_live_limited").await);
    all_come_back(&mut one, 3).await;
    all_come_back(&mut two, 1).await;
    let before = backend.connection(1).await.bytes();
    two.send(1, b"one too many").await;
    gate.series_is(&throttles("key"), 1.0).await;
    assert_eq!(backend.connection(1).await.bytes(), before, "nothing of it went on");
    // Others are not held up by it, nor are control frames by a rate of messages.
    all_come_back(&mut open(&gate, "sk_live_other").await, 10).await;
    one.send(9, b"ping").await;
    assert_eq!(one.next().await.unwrap().payload, b"ping");
}

#[tokio::test]
async fn who_is_slowed_down_still_hears_the_backend_and_of_its_end() {
    let speak = Arc::new(Semaphore::new(0));
    let backend = Backend::start({
        let speak = Arc::clone(&speak);
        move |mut talk| {
            let speak = Arc::clone(&speak);
            async move {
                let Some(head) = talk.request().await else { return };
                talk.open_websocket(&head, "").await;
                let _permit = speak.acquire().await;
                talk.send(frame(1, b"news", false)).await;
                talk.ended().await;
            }
        }
    })
    .await;
    let key = |more: &str| secret_key("limited", "sk_live_limited", more);
    let keys = vec![key("limits: { messages: 1/m }")];
    let gate = Gate::start(Setup { keys, ..Setup::before(backend.address) }).await;
    let mut socket = open(&gate, "sk_live_limited").await;
    socket.send(1, b"one").await;
    socket.send(1, b"two").await;
    gate.series_is(&throttles("key"), 1.0).await;
    speak.add_permits(1);
    assert_eq!(socket.next().await.unwrap().payload, b"news");
    gate.replace_keys(&[key("state: revoked")]);
    socket.is_closed_with(1008).await;
    let came = all_that_came(&backend).await;
    let (frames, rest) = frames_in(&came);
    assert_eq!((frames[0].1.as_slice(), frames[1].0, frames.len(), rest.len()), (&b"one"[..], 8, 2, 0));
}

#[tokio::test]
async fn who_sends_too_much_is_cut_between_frames_where_the_rate_closes() {
    for (limits, reason) in [
        ("{ connection: { messages: 3/m, over_rate: close } }", "message_rate"),
        // Three frames of 6 + 10 bytes.
        ("{ connection: { bytes: 50/m, over_rate: close } }", "byte_rate"),
    ] {
        let (backend, gate) = gate(limits, "{}").await;
        let mut socket = open(&gate, "sk_live_limited").await;
        socket
            .0
            .send([b"first mess", b"second mes", b"third mess", b"fourth mes"].map(|text| frame(1, text, true)).concat())
            .await;
        is_cut_with(&mut socket, 1008).await;
        let came = all_that_came(&backend).await;
        let (frames, rest) = frames_in(&came);
        let kinds: Vec<_> = frames.iter().map(|(opcode, _)| *opcode).collect();
        assert_eq!((kinds.as_slice(), rest), (&[1, 1, 1, 8][..], &b""[..]), "the backend is told between frames too");
        ended_by(&gate, reason).await;
    }
}

#[tokio::test]
async fn messages_are_counted_as_sent() {
    let (_backend, gate) = gate("{}", "{ messages: 2/m, over_rate: close }").await;
    let mut socket = open(&gate, "sk_live_limited").await;
    // One in three fragments with a ping between them, and a compressed one.
    let fragments = [piece(0x01, b"a"), piece(0x89, b"ping"), piece(0x00, b"b"), piece(0x80, b"c")];
    socket.0.send([fragments.concat(), piece(0xc2, &[0x4a, 0x04, 0x00])].concat()).await;
    for payload in [&b"a"[..], b"ping", b"b", b"c", &[0x4a, 0x04, 0x00]] {
        assert_eq!(socket.next().await.unwrap().payload, payload);
    }
    socket.send(9, b"ping").await;
    assert_eq!(socket.next().await.unwrap().payload, b"ping");
    socket.send(1, b"third").await;
    socket.is_closed_with(1008).await;
    ended_by(&gate, "message_rate").await;
}

#[tokio::test]
async fn a_message_that_is_too_large_never_reaches_the_backend() {
    let fits = frame(2, &[b'x'; 1000], true);
    let whole = frame(2, &[b'y'; 1001], true);
    let in_fragments = [piece(0x01, &[b'x'; 600]), piece(0x80, &[b'y'; 401])].concat();
    let compressed = piece(0xc1, &[b'y'; 1001]);
    for (too_large, fragments_before) in [(whole, 0), (in_fragments, 1), (compressed, 0)] {
        let (backend, gate) = gate("{ connection: { message_size: 1000 } }", "{}").await;
        let mut socket = open(&gate, "sk_live_limited").await;
        socket.0.send([fits.clone(), too_large].concat()).await;
        is_cut_with(&mut socket, 1009).await;
        let came = all_that_came(&backend).await;
        let (frames, rest) = frames_in(&came);
        assert_eq!((frames.len(), frames.last().map(|(opcode, _)| *opcode), rest.len()), (fragments_before + 2, Some(8), 0));
        assert!(frames.iter().all(|(_, payload)| !payload.contains(&b'y')));
        ended_by(&gate, "message_too_big").await;
    }
}

#[tokio::test]
async fn of_a_header_that_came_in_pieces_the_backend_sees_no_more_than_that() {
    let (backend, gate) = gate("{ connection: { message_size: 1000 } }", "{}").await;
    let mut socket = open(&gate, "sk_live_limited").await;
    let bytes = frame(2, &[b'y'; 1001], true);
    socket.0.send(&bytes[..2]).await;
    let recording = backend.connection(0).await;
    recording.when(|came, _| came.ends_with(&bytes[..2]).then_some(())).await;
    socket.0.send(&bytes[2..]).await;
    socket.is_closed_with(1009).await;
    let came = all_that_came(&backend).await;
    assert!(came == bytes[..2] || came == bytes[..3], "no Close inside a frame: {came:02x?}");
}

#[tokio::test]
async fn where_a_key_only_reports_its_streams_are_not_limited() {
    let (_backend, gate) = gate("{ connection: { message_size: 5 } }", "{ messages: 1/m, over_rate: close }").await;
    all_come_back(&mut open(&gate, "sk_live_watched").await, 10).await;
    let mut limited = open(&gate, "sk_live_limited").await;
    limited.send(1, b"too large").await;
    limited.is_closed_with(1009).await;
}

#[tokio::test]
async fn the_oldest_stream_of_a_key_makes_room_for_the_newest() {
    let (_backend, gate) = gate("{}", "{ connections: 2, over_connections: evict_oldest }").await;
    let mut other = open(&gate, "sk_live_other").await;
    let (mut one, mut two) = (open(&gate, "sk_live_limited").await, open(&gate, "sk_live_limited").await);
    let mut three = open(&gate, "sk_live_limited").await;
    one.is_closed_with(1008).await;
    for socket in [&mut two, &mut three, &mut other] {
        socket.echoes("still here").await;
    }
    ended_by(&gate, "evicted").await;
    // Event streams take the same places.
    let mut events = gate.connect().await;
    events.send(format!("GET /events/a HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n{KEY}\r\n")).await;
    two.is_closed_with(1008).await;
    three.echoes("the newest WebSocket").await;
    // Whoever comes in a crowd is let in when those before are gone, or told to come back. Nobody leaves by itself.
    let mut crowd = vec![three];
    for _ in 0..10 {
        let newest = until("a place", || async {
            let mut client = gate.connect().await;
            let status = client.ask(handshake(TARGET, KEY)).await.status;
            assert!(matches!(status, 101 | 429), "{status}");
            (status == 101).then(|| WebSocket(client))
        })
        .await;
        crowd.push(newest);
        crowd.last_mut().expect("one").echoes("the newest").await;
    }
    gate.series_is(r#"keygate_connections{transport="websocket"}"#, 3.0).await;
}
