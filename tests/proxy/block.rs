//! Blocking in an incident: at once, for new requests and for what is open, over restarts, and no wider than was said.

use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;
use serde_json::Value;

use super::support::{Backend, Client, Gate, Program, Setup, WebSocket, chunks_in, goodbye_event, handshake, secret_key, until};

const STATE: &str = "state: { file: keygate.state.json }";

fn get(key: &str) -> String {
    format!("GET /any/ HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\n\r\n")
}

fn setup(backend: &Backend) -> Setup {
    let keys = vec![secret_key("bad", "sk_live_bad", ""), secret_key("good", "sk_live_good", "")];
    let routes = format!("{}\n  - {{ name: open-to-all, match: {{ path: /public }}, access: public }}", Setup::before("").routes);
    Setup { keys, routes, more: STATE.to_owned(), ..Setup::before(backend.address) }
}

async fn start() -> (Backend, Gate) {
    let backend = Backend::realtime().await;
    let gate = Gate::start(setup(&backend)).await;
    (backend, gate)
}

async fn events(mut client: Client, key: &str) -> Client {
    client.send(format!("GET /events/a HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\nx-api-key: {key}\r\n\r\n")).await;
    assert_eq!(client.head().await.status, 200);
    while !client.buffer.ends_with(b"tick\n\n\r\n") {
        assert!(client.more().await);
    }
    client
}

async fn events_end(mut client: Client, status: u16, code: &str) {
    let body = client.rest().await;
    let told = format!("data: tick\n\n{}", goodbye_event(status, code, false));
    assert_eq!(chunks_in(&body).map(|(data, _)| data), Some(told.into_bytes()), "the body is whole");
}

async fn answer(gate: &Gate, arguments: &[&str]) -> Value {
    let (code, out, error) = gate.command(arguments).await;
    assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments:?}");
    serde_json::from_str(&out).expect("JSON")
}

fn is_refused(answer: &super::support::Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code));
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
}

#[tokio::test]
async fn a_blocked_key_is_cut_and_refused_and_other_keys_go_on() {
    let (backend, gate) = start().await;
    let mut going = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_bad").await;
    let mut staying = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_good").await;
    let going_events = events(gate.connect().await, "sk_live_bad").await;
    let mut kept_alive = gate.connect().await;
    assert_eq!(kept_alive.ask(get("sk_live_bad")).await.status, 200);

    let told = answer(&gate, &["block", "--key", "bad", "--reason", "leaked \"today\"", "-o", "json"]).await;
    assert_eq!(
        (&told["key"], &told["cut"], &told["kept"], &told["known"]),
        (&"bad".into(), &2.into(), &true.into(), &true.into())
    );
    assert_eq!((&told["until"], &told["reason"]), (&Value::Null, &"leaked \"today\"".into()));
    // The command has returned: nothing of it is still to come.
    is_refused(&kept_alive.ask(get("sk_live_bad")).await, 401, "invalid_token");
    is_refused(&gate.connect().await.ask(handshake("/connection/1", "x-api-key: sk_live_bad\r\n")).await, 401, "invalid_token");
    going.is_closed_with(1008).await;
    events_end(going_events, 401, "invalid_token").await;
    staying.echoes("still open").await;
    assert_eq!(kept_alive.ask(get("sk_live_good")).await.status, 200, "the connection is not to blame");

    drop(going);
    for transport in ["websocket", "sse"] {
        let closed =
            format!(r#"keygate_connections_closed_total{{initiator="gate",reason="key_blocked",transport="{transport}"}}"#);
        gate.series_is(&closed, 1.0).await;
    }
    let metrics = gate.metrics().await;
    assert_eq!(metrics.complaints(), Vec::<String>::new());
    for (series, value) in
        [(r#"keygate_blocks{kind="key"}"#, 1.0), (r#"keygate_blocks{kind="ip"}"#, 0.0), ("keygate_forced_resets_total", 0.0)]
    {
        assert_eq!(metrics.value(series), Some(value), "{series}\n{}", metrics.text);
    }
    let line = gate.told("blocked", 1).await;
    let uid = rustix::process::geteuid().as_raw();
    assert_eq!((&line["what"], &line["uid"], &line["cut"]), (&"key `bad`".into(), &uid.into(), &2.into()));

    let (_, list, _) = gate.command(&["blocks"]).await;
    assert!(list.contains("key `bad`") && list.contains("lifted") && list.contains("leaked \"today\""), "{list}");
    // A file that changes, and a command that reads it, bring nobody back.
    gate.replace_keys(&[secret_key("bad", "sk_live_bad", "name: changed"), secret_key("good", "sk_live_good", "")]);
    gate.reloaded(1).await;
    assert_eq!(gate.command(&["reload"]).await.0, Some(0));
    is_refused(&kept_alive.ask(get("sk_live_bad")).await, 401, "invalid_token");
    let (code, out, _) = gate.command(&["unblock", "--key", "bad"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "no longer blocked: key `bad`\n"));
    assert_eq!(kept_alive.ask(get("sk_live_bad")).await.status, 200);
    assert_eq!(answer(&gate, &["blocks", "-o", "json"]).await["blocks"], Value::Array(Vec::new()));
    assert_eq!(gate.told("block lifted", 1).await["uid"], uid);
    assert!(backend.requests().iter().all(|request| request.header("x-keygate-key-id").is_some()));
}

#[tokio::test]
async fn a_blocked_network_is_cut_whoever_it_is() {
    let (_backend, gate) = start().await;
    let from = async |last| Client::from([127, 0, 3, last], gate.address()).await;
    let mut inside = WebSocket::open(from(1).await, "/connection/1", "sk_live_good").await;
    let mut outside = WebSocket::open(from(8).await, "/connection/1", "sk_live_good").await;
    // A stream without a key has an address to lose.
    let mut public = from(2).await;
    public.send("GET /public HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n\r\n").await;
    assert_eq!(public.head().await.status, 200);
    while !public.buffer.ends_with(b"tick\n\n\r\n") {
        assert!(public.more().await);
    }

    let told = answer(&gate, &["block", "--ip", "127.0.3.3/29", "-o", "json"]).await;
    assert_eq!((&told["ip"], &told["cut"], &told["known"]), (&"127.0.3.0/29".into(), &2.into(), &Value::Null));
    inside.is_closed_with(1008).await;
    events_end(public, 403, "blocked").await;
    outside.echoes("still open").await;
    for request in [get("sk_live_good"), get(""), "GET /public HTTP/1.1\r\nHost: gate\r\n\r\n".to_owned()] {
        is_refused(&from(7).await.ask(&request).await, 403, "blocked");
    }
    let preflight =
        "OPTIONS /any/ HTTP/1.1\r\nHost: gate\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\r\n";
    is_refused(&from(7).await.ask(preflight).await, 403, "blocked");
    assert_eq!(from(8).await.ask(get("sk_live_good")).await.status, 200);
    let closed = r#"keygate_connections_closed_total{initiator="gate",reason="peer_blocked",transport="websocket"}"#;
    gate.series_is(closed, 1.0).await;

    // An address in it has no block of its own, which the answer says.
    let (code, _, error) = gate.command(&["unblock", "--ip", "127.0.3.1"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("127.0.3.1 has no block of its own; it is in 127.0.3.0/29"), "{error}");
    answer(&gate, &["block", "--ip", "127.0.3.1", "-o", "json"]).await;
    gate.series_is(r#"keygate_blocks{kind="ip"}"#, 2.0).await;
    assert_eq!(gate.command(&["unblock", "--ip", "127.0.3.6/29"]).await.0, Some(0));
    is_refused(&from(1).await.ask(get("sk_live_good")).await, 403, "blocked");
    assert_eq!(from(2).await.ask(get("sk_live_good")).await.status, 200);
}

#[tokio::test]
async fn it_outranks_report_mode() {
    let backend = Backend::realtime().await;
    let gate = Gate::start(Setup { more: format!("{STATE}\nmode: report"), ..setup(&backend) }).await;
    let mut client = gate.connect().await;
    assert_eq!(client.ask(get("nobody's")).await.status, 200);
    answer(&gate, &["block", "--key", "bad", "-o", "json"]).await;
    is_refused(&client.ask(get("sk_live_bad")).await, 401, "invalid_token");
    answer(&gate, &["block", "--ip", "127.0.0.1", "-o", "json"]).await;
    is_refused(&client.ask(get("nobody's")).await, 403, "blocked");
}

#[tokio::test]
async fn a_block_with_an_end_ends() {
    let (_backend, gate) = start().await;
    let mut client = gate.connect().await;
    // Long first, so that it is seen in force; then the same target, shorter.
    let told = answer(&gate, &["block", "--key", "bad", "--for", "1h", "-o", "json"]).await;
    assert!(told["until"].as_str().unwrap() > told["since"].as_str().unwrap(), "{told}");
    is_refused(&client.ask(get("sk_live_bad")).await, 401, "invalid_token");
    answer(&gate, &["block", "--key", "bad", "--for", "200ms", "-o", "json"]).await;
    let passes = || async { (gate.connect().await.ask(get("sk_live_bad")).await.status == 200).then_some(()) };
    until("the block to end", passes).await;
    gate.series_is(r#"keygate_blocks{kind="key"}"#, 0.0).await;
    let (code, out, _) = gate.command(&["blocks"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "nothing is blocked\n"));
    for (span, told) in [("0s", "longer than nothing"), ("4000d", "at most 3650d"), ("1", "a time is a number")] {
        let (code, _, error) = gate.command(&["block", "--key", "bad", "--for", span]).await;
        assert!(code != Some(0) && error.contains(told), "{span}: {error}");
    }
}

#[tokio::test]
async fn a_restart_keeps_what_was_answered() {
    let (backend, gate) = start().await;
    answer(&gate, &["block", "--key", "bad", "-o", "json"]).await;
    answer(&gate, &["block", "--ip", "127.0.3.0/24", "--for", "1h", "--reason", "scan", "-o", "json"]).await;
    answer(&gate, &["block", "--key", "good", "-o", "json"]).await;
    answer(&gate, &["unblock", "--key", "good", "-o", "json"]).await;
    // The command was answered: the worst end takes nothing back.
    let Gate { mut program, folder, .. } = gate;
    program.signal(Signal::KILL);
    program.exit().await;
    let mode = std::fs::metadata(folder.path().join("keygate.state.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let gate = Gate::start_in(folder, setup(&backend)).await;
    is_refused(&gate.connect().await.ask(get("sk_live_bad")).await, 401, "invalid_token");
    is_refused(&Client::from([127, 0, 3, 9], gate.address()).await.ask(get("sk_live_good")).await, 403, "blocked");
    assert_eq!(gate.connect().await.ask(get("sk_live_good")).await.status, 200);
    let list = answer(&gate, &["blocks", "-o", "json"]).await;
    let listed = list["blocks"].as_array().unwrap();
    assert_eq!(listed.len(), 2, "{list}");
    assert_eq!((&listed[1]["ip"], &listed[1]["reason"]), (&"127.0.3.0/24".into(), &"scan".into()));
    assert_eq!(gate.told("kept blocks", 1).await["blocks"], 2);
}

#[tokio::test]
async fn a_broken_state_file_refuses_to_start() {
    let backend = Backend::realtime().await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("keygate.yaml"), setup(&backend).text()).unwrap();
    std::fs::write(at("keys.yaml"), setup(&backend).keys_text()).unwrap();
    let refuses = async |says: &str| {
        let mut program = Program::start(&["serve"], folder.path(), &[]);
        assert_eq!(program.exit().await, Some(78));
        let told = program.stderr.whole().await;
        assert!(told.contains("without the blocks") && told.contains("keygate.state.json") && told.contains(says), "{told}");
        assert!(told.contains("move it away"), "the way out: {told}");
    };
    for (text, says) in
        [("", "json:1:1: EOF"), ("{\"version\": 1,\n \"blocks\": [{}]}", "json:2:"), ("{\"version\": 2}", "version 2")]
    {
        std::fs::write(at("keygate.state.json"), text).unwrap();
        refuses(says).await;
    }
    std::fs::remove_file(at("keygate.state.json")).unwrap();
    std::fs::create_dir(at("keygate.state.json")).unwrap();
    refuses("not a regular file").await;
    std::fs::remove_dir(at("keygate.state.json")).unwrap();
    std::os::unix::fs::symlink("gone", at("keygate.state.json")).unwrap();
    refuses("No such file").await;
}

#[tokio::test]
async fn what_cannot_be_written_is_in_force_and_said() {
    let backend = Backend::realtime().await;
    let more = "state: { file: gone/keygate.state.json }".to_owned();
    let gate = Gate::start(Setup { more, ..setup(&backend) }).await;
    let mut client = gate.connect().await;
    let (code, out, error) = gate.command(&["block", "--key", "bad", "-o", "json"]).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["kept"]), (Some(1), &false.into()));
    assert!(told["error"].as_str().unwrap().contains("gone/keygate.state.json"), "{told}");
    assert!(error.contains("it is in force, but not kept"), "{error}");
    is_refused(&client.ask(get("sk_live_bad")).await, 401, "invalid_token");
    // Mended while it runs: the next change writes everything.
    std::fs::create_dir(gate.path("gone")).unwrap();
    answer(&gate, &["block", "--key", "good", "-o", "json"]).await;
    let text = std::fs::read_to_string(gate.path("gone/keygate.state.json")).unwrap();
    assert!(text.contains("\"bad\"") && text.contains("\"good\""), "{text}");
    std::fs::remove_dir_all(gate.path("gone")).unwrap();
    let (code, _, error) = gate.command(&["unblock", "--key", "bad"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("a restart brings the block back"), "{error}");
    assert_eq!(client.ask(get("sk_live_bad")).await.status, 200);
}

#[tokio::test]
async fn without_a_state_file_it_says_so_every_time() {
    let backend = Backend::realtime().await;
    let gate = Gate::start(Setup { more: String::new(), ..setup(&backend) }).await;
    for _ in 0..2 {
        let (code, out, error) = gate.command(&["block", "--key", "bad", "-o", "json"]).await;
        let told: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &told["kept"], &told["error"]), (Some(0), &false.into(), &Value::Null));
        assert!(
            error.contains("not kept: the configuration names no `state:") && error.contains("ends with the process"),
            "{error}"
        );
    }
    is_refused(&gate.connect().await.ask(get("sk_live_bad")).await, 401, "invalid_token");
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let (_backend, gate) = start().await;
    let (code, out, error) = gate.command(&["block", "--key", "nobody"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "blocked key `nobody`; 0 streams were cut\n"));
    assert!(error.contains("no key of the gate has this id now"), "{error}");
    let (code, _, error) = gate.command(&["unblock", "--key", "good"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("key `good` is not blocked"), "{error}");
    let (code, _, error) = gate.command(&["block", "--client", "alice"]).await;
    assert_eq!(code, Some(2));
    assert!(error.contains("this version does not verify tokens"), "{error}");
    for arguments in [&["block"][..], &["block", "--key", "good", "--ip", "10.0.0.1"], &["unblock"]] {
        assert_eq!(gate.command(arguments).await.0, Some(2), "{arguments:?}");
    }
    let (code, _, error) = gate.command(&["block", "--ip", "10.0.0.0/33"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("ip: must be an IP address, or a network"), "{error}");
    let (code, _, error) = gate.command(&["block", "--key", "good", "--reason", "two\nlines"]).await;
    assert!(code == Some(1) && error.contains("printable"), "{error}");
}

/// Whoever takes the text of a key for its id is told, and the text goes nowhere.
#[tokio::test]
async fn the_text_of_a_key_is_no_id() {
    let (_backend, gate) = start().await;
    let (code, out, error) = gate.command(&["block", "--key", "sk_live_bad"]).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("its id, which is `bad`") && !error.contains("sk_live_bad"), "{error}");
    assert!(!gate.path("keygate.state.json").exists());
    assert!(!gate.program.stderr.text().contains("sk_live_bad"));
    assert_eq!(gate.connect().await.ask(get("sk_live_bad")).await.status, 200);
}
