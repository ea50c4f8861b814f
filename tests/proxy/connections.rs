//! What is open at a gate, as whoever runs it sees it: page by page, filtered, and counted.

use std::collections::HashSet;

use serde_json::Value;

use super::support::{Backend, Client, Gate, Setup, WebSocket, secret_key, until, within};

fn setup(backend: &Backend) -> Setup {
    let keys = vec![
        secret_key("one", "sk_live_one", ""),
        secret_key("two", "sk_live_two", ""),
        secret_key("three", "sk_live_three", "").replace("app: demo", "app: shop"),
    ];
    let routes = format!("{}\n  - {{ name: public, match: {{ path: /public }}, access: public }}", Setup::before("").routes);
    Setup { keys, routes, ..Setup::before(backend.address) }
}

async fn start() -> (Backend, Gate) {
    let backend = Backend::realtime().await;
    let gate = Gate::start(setup(&backend)).await;
    (backend, gate)
}

async fn socket(gate: &Gate, key: &str) -> WebSocket {
    WebSocket::open(gate.connect().await, "/connection/1", key).await
}

async fn events(mut client: Client, target: &str, headers: &str) -> Client {
    client.send(format!("GET {target} HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n{headers}\r\n")).await;
    assert_eq!(client.head().await.status, 200);
    client
}

/// A request whose body is not whole, so that its exchange is under way.
async fn upload(gate: &Gate, backend: &Backend, key: &str) -> Client {
    let number = backend.connections().len();
    let mut client = gate.connect().await;
    client.send(format!("POST /realtime HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nContent-Length: 11\r\n\r\nhello")).await;
    let recording = backend.connection(number).await;
    within("the upload's beginning", recording.when(|bytes, _| bytes.ends_with(b"hello").then_some(()))).await;
    client
}

async fn told(gate: &Gate, arguments: &[&str]) -> Value {
    let (code, out, error) = gate.command(&[&["connections"], arguments, &["-o", "json"]].concat()).await;
    assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments:?}");
    serde_json::from_str(&out).expect("JSON")
}

fn ids(list: &Value) -> Vec<u64> {
    list["connections"].as_array().expect("a list").iter().map(|one| one["id"].as_u64().expect("an id")).collect()
}

#[tokio::test]
async fn each_filter_finds_its_own_and_no_other() {
    let (backend, gate) = start().await;
    // In this order, which is that of their ids.
    let _one = socket(&gate, "sk_live_one").await;
    let _far = WebSocket::open(Client::from([127, 0, 3, 1], gate.address()).await, "/connection/1", "sk_live_two").await;
    let _events = events(gate.connect().await, "/events/a", "x-api-key: sk_live_three\r\n").await;
    let _public = events(gate.connect().await, "/public", "").await;
    let _upload = upload(&gate, &backend, "sk_live_one").await;

    let all = ids(&told(&gate, &["list"]).await);
    let &[one, far, shop, public, uploads] = &all[..] else { panic!("{all:?}") };
    assert!(all.is_sorted_by(|one, other| one < other), "{all:?}");
    assert_eq!(ids(&told(&gate, &[]).await), all, "as it was written before there was another command");
    for (arguments, expected) in [
        (&["--key", "one"][..], &[one, uploads][..]),
        (&["--key", "nobody"], &[]),
        (&["--app", "demo"], &[one, far, uploads]),
        (&["--app", "shop"], &[shop]),
        (&["--transport", "websocket"], &[one, far]),
        (&["--transport", "sse"], &[shop, public]),
        (&["--transport", "http"], &[uploads]),
        (&["--peer", "127.0.3.1"], &[far]),
        (&["--peer", "127.0.3.9/24"], &[far]),
        (&["--peer", "127.0.0.0/8"], &all),
        (&["--peer", "2001:db8::1"], &[]),
        (&["--older-than", "1h"], &[]),
        (&["--key", "one", "--transport", "websocket", "--app", "demo", "--peer", "127.0.0.1"], &[one]),
        (&["--after", &far.to_string()], &[shop, public, uploads]),
    ] {
        let list = told(&gate, &[&["list"], arguments].concat()).await;
        assert_eq!(ids(&list), expected, "{arguments:?}: {list}");
        assert_eq!((&list["total"], &list["next"]), (&5.into(), &Value::Null), "{arguments:?}");
    }
    until("all to be older", || async { (ids(&told(&gate, &["list", "--older-than", "10ms"]).await) == all).then_some(()) })
        .await;
}

#[tokio::test]
async fn a_connection_is_told_of_with_what_is_known_of_it() {
    let (backend, gate) = start().await;
    let mut one = socket(&gate, "sk_live_one").await;
    one.echoes("hello").await;
    let _upload = upload(&gate, &backend, "sk_live_three").await;
    let list = told(&gate, &["list"]).await;
    let (stream, exchange) = (&list["connections"][0], &list["connections"][1]);
    for (field, value) in [
        ("key_id", "one".into()),
        ("app", "demo".into()),
        ("transport", "websocket".into()),
        ("route", "socket".into()),
        ("peer", "127.0.0.1".into()),
        ("received_bytes", 11.into()),
        ("sent_bytes", 7.into()),
        ("received_messages", 1.into()),
        ("sent_messages", Value::from(1)),
    ] {
        assert_eq!(stream[field], value, "{field}: {list}");
    }
    assert!(stream["age_seconds"].is_u64() && stream["idle_seconds"].is_u64(), "{list}");
    assert_eq!((&exchange["key_id"], &exchange["transport"]), (&"three".into(), &"http".into()));
    for field in ["route", "idle_seconds", "received_bytes", "sent_bytes", "received_messages", "sent_messages"] {
        assert_eq!(exchange[field], Value::Null, "what nobody counts is not told as nothing: {field}");
    }

    let (code, out, note) = gate.command(&["connections", "list", "--limit", "1"]).await;
    assert_eq!(code, Some(0));
    let lines: Vec<Vec<_>> = out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.len(), 2, "{out}");
    assert_eq!(lines[0][..6], ["id", "key", "app", "transport", "route", "peer"]);
    assert_eq!(lines[0][6..], ["age", "idle", "received", "sent", "messages_in", "messages_out"]);
    assert_eq!(
        (&lines[1][1..6], &lines[1][8..]),
        (&["one", "demo", "websocket", "socket", "127.0.0.1"][..], &["11", "7", "1", "1"][..])
    );
    assert_eq!(note, format!("1 of 2 streams; 2 client connections; more: --after {}\n", lines[1][0]));
}

#[tokio::test]
async fn paging_misses_nobody_who_stays_and_tells_of_nobody_twice() {
    let (_backend, gate) = start().await;
    let (mut staying, mut passing, mut stay) = (Vec::new(), Vec::new(), HashSet::new());
    for turn in 0..250 {
        let socket = socket(&gate, "sk_live_one").await;
        if turn % 5 == 0 { passing.push(socket) } else { staying.push(socket) }
    }
    let (mut after, mut seen) = (0, Vec::new());
    let all = told(&gate, &["list", "--limit", "1000"]).await;
    for (turn, id) in ids(&all).into_iter().enumerate() {
        if turn % 5 != 0 {
            stay.insert(id);
        }
    }
    assert_eq!((stay.len(), &all["next"]), (200, &Value::Null));
    loop {
        let list = told(&gate, &["list", "--limit", "40", "--after", &after.to_string()]).await;
        let page = ids(&list);
        assert!(page.len() <= 40);
        seen.extend(page);
        // From both ends, so that some have been told of and some have not.
        drop((passing.pop(), (!passing.is_empty()).then(|| passing.remove(0))));
        staying.push(socket(&gate, "sk_live_two").await);
        let Some(next) = list["next"].as_u64() else { break };
        assert_eq!(Some(&next), seen.last());
        after = next;
    }
    let once: HashSet<_> = seen.iter().copied().collect();
    assert_eq!(once.len(), seen.len(), "somebody was told of twice");
    assert_eq!(stay.difference(&once).count(), 0, "somebody was missed");
    for socket in &mut staying[..3] {
        socket.echoes("still open").await;
    }
}

#[tokio::test]
async fn thousands_of_lines_become_a_few() {
    let (_backend, gate) = start().await;
    let mut sockets = vec![socket(&gate, "sk_live_two").await];
    for _ in 0..3 {
        sockets.push(socket(&gate, "sk_live_one").await);
    }
    sockets[3].echoes("hello").await;
    let _public = events(Client::from([127, 0, 3, 1], gate.address()).await, "/public", "").await;
    let groups = |list: &Value| -> Vec<(Value, u64)> {
        let groups = list["groups"].as_array().expect("a list");
        groups.iter().map(|group| (group["name"].clone(), group["connections"].as_u64().expect("a count"))).collect()
    };
    let by_key = told(&gate, &["list", "--by", "key"]).await;
    let named = groups(&by_key);
    assert_eq!(named[0], ("one".into(), 3));
    let others: HashSet<_> = named[1..].iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(others, HashSet::from([(Some("two"), 1), (None, 1)]));
    let first = &by_key["groups"][0];
    assert_eq!((&first["received_bytes"], &first["sent_bytes"]), (&11.into(), &7.into()));
    let limited = told(&gate, &["list", "--by", "key", "--limit", "1"]).await;
    assert_eq!((groups(&limited), &limited["left_off"], &limited["matching"]), (named[..1].to_vec(), &2.into(), &5.into()));
    let by_peer = told(&gate, &["list", "--by", "peer", "--transport", "websocket"]).await;
    assert_eq!((groups(&by_peer), &by_peer["matching"]), (vec![("127.0.0.1".into(), 4)], &4.into()));
    assert_eq!(groups(&told(&gate, &["list", "--by", "app", "--key", "one"]).await), [("demo".into(), 3)]);
    let (_, out, note) = gate.command(&["connections", "--by", "key", "--limit", "1"]).await;
    assert!(out.starts_with("key\tstreams\toldest\treceived\tsent\none\t3\t"), "{out}");
    assert_eq!(note, "5 of 5 streams in 3 groups; 2 groups more\n");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let (_backend, gate) = start().await;
    for (arguments, why) in [
        (&["list", "--transport", "ws"][..], "websocket"),
        (&["list", "--peer", "10.0.0.0/33"], "must be an IP address"),
        (&["list", "--peer", "1.2.3.4&limit=5"], "must be an IP address"),
        (&["list", "--older-than", "1 hour"], "a time is a number"),
        (&["list", "--limit", "0"], "must be from 1 to 1000"),
        (&["list", "--limit", "1001"], "must be from 1 to 1000"),
        (&["list", "--after", "first"], "--after <ID>"),
        (&["list", "--by", "name"], "possible values"),
        (&["list", "--by", "key", "--after", "5"], "cannot be used with"),
        (&["list", "--key", "a b"], "key: must be 1 to 64"),
        (&["list", "--app", "a&b"], "app: must be 1 to 64"),
        (&["--limit", "5", "list"], "cannot be used with"),
        (&["lists"], "lists"),
    ] {
        let (code, out, error) = gate.command(&[&["connections"], arguments].concat()).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {error}");
        assert!(error.contains(why), "{arguments:?}: {error}");
    }
    // Whoever takes the text of a key for its id is told, and the text is not repeated.
    let (code, out, error) = gate.command(&["connections", "list", "--key", "sk_live_one"]).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("its id, which is `one`") && !error.contains("sk_live_one"), "{error}");
}

/// Whoever speaks to the socket without the command is told as well.
#[tokio::test]
async fn a_query_that_cannot_be_meant_is_answered_with_why() {
    let (_backend, gate) = start().await;
    for (query, why) in [
        ("limit=0", "limit: must be from 1 to 1000"),
        ("limit=100000", "limit: must be from 1 to 1000"),
        ("limit=many", "invalid digit"),
        ("by=key&after=4", "groups have no pages"),
        ("by=name", "by: must be"),
        ("transport=ws", "transport: must be"),
        ("peer=everybody", "peer: must be"),
        ("kee=web", "unknown field"),
    ] {
        let mut socket = tokio::net::UnixStream::connect(gate.path("control.sock")).await.expect("the control socket");
        let request = format!("GET /connections?{query} HTTP/1.1\r\nHost: keygate\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        tokio::io::AsyncWriteExt::write_all(&mut socket, request.as_bytes()).await.expect("a request");
        tokio::io::AsyncReadExt::read_to_string(&mut socket, &mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains(why), "{query}: {answer}");
    }
}
