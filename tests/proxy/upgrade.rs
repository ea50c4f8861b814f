//! Another process takes a gate's place: nobody is refused meanwhile, nobody is cut for it, and what the old one still serves stands
//! on keys and blocks as they are now.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use keygate::admin::{Predecessor, call};
use rustix::process::Signal;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, UnixStream},
    sync::watch,
};

use super::support::{
    Backend, Client, Gate, Identity, Program, Setup, Storm, Talk, WebSocket, chunks_in, handshake, secret_key, until, within,
};

const KEY: &str = "x-api-key: sk_live_server\r\n";
const GET: &str = "GET /any/ HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\n\r\n";
const STATE: &str = "state: { file: keygate.state.json }";

/// Opens WebSockets and echoes; sends `/any/long` to its end when it is told to; answers everything else.
async fn backend() -> (Backend, watch::Sender<bool>) {
    let (end, ended) = watch::channel(false);
    let backend = Backend::start(move |mut talk: Talk| {
        let mut ended = ended.clone();
        async move {
            while let Some(request) = talk.request().await {
                if request.header("upgrade").is_some() {
                    talk.open_websocket(&request, "").await;
                    return talk.echo().await;
                }
                if request.header("accept") == Some("text/event-stream") || request.target == "/any/long" {
                    talk.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nbegin \r\n").await;
                    if ended.wait_for(|ended| *ended).await.is_ok() {
                        talk.send("3\r\nend\r\n0\r\n\r\n").await;
                    }
                    return;
                }
                if !talk.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await {
                    return;
                }
            }
        }
    })
    .await;
    (backend, end)
}

fn setup(backend: &Backend) -> Setup {
    let key = |name: &str| secret_key(name, &format!("sk_live_{name}"), "");
    let keys = ["server", "goes", "blocked"].map(key).to_vec();
    Setup { keys, more: STATE.to_owned(), ..Setup::before(backend.address) }
}

/// A download under way.
async fn download(gate: &Gate, key: &str) -> Client {
    let mut client = gate.connect().await;
    client.send(format!("GET /any/long HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_{key}\r\n\r\n")).await;
    assert_eq!(client.head().await.status, 200);
    while !client.buffer.ends_with(b"begin \r\n") {
        assert!(client.more().await);
    }
    client
}

/// It was promised a kept connection before anybody upgraded anything, so it is the client that ends that.
async fn comes_to_its_end(mut client: Client) {
    while !client.buffer.ends_with(b"0\r\n\r\n") {
        assert!(client.more().await, "the end of the body");
    }
    let body = std::mem::take(&mut client.buffer);
    assert_eq!(chunks_in(&body).map(|(data, _)| data), Some(b"begin end".to_vec()), "{:?}", String::from_utf8_lossy(&body));
}

async fn is_cut(mut client: Client) {
    let body = client.rest().await;
    assert!(!body.ends_with(b"0\r\n\r\n"), "{:?}", String::from_utf8_lossy(&body));
}

async fn begin_upload(gate: &Gate, backend: &Backend) -> Client {
    let mut client = gate.connect().await;
    client.send(format!("POST /realtime HTTP/1.1\r\nHost: gate\r\n{KEY}Content-Length: 11\r\n\r\nhello")).await;
    let begun = || async { backend.connections().iter().any(|one| one.bytes().ends_with(b"hello")).then_some(()) };
    until("the upload's beginning", begun).await;
    client
}

/// Asks the control socket without end; how often it answered, and how often it did not.
fn asked_all_the_time(gate: &Gate) -> (Arc<AtomicBool>, tokio::task::JoinHandle<(usize, usize)>) {
    let (stop, path) = (Arc::new(AtomicBool::new(false)), gate.path("control.sock"));
    let stopped = Arc::clone(&stop);
    let asking = tokio::spawn(async move {
        let (mut answered, mut not) = (0, 0);
        while !stopped.load(Ordering::Acquire) {
            let asked = call(&path, "GET".parse().unwrap(), "/blocks", None).await;
            *if asked.is_ok() { &mut answered } else { &mut not } += 1;
        }
        (answered, not)
    });
    (stop, asking)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_while_upgrades_follow_each_other() {
    let (backend, end) = backend().await;
    let mut gate = Gate::start(setup(&backend)).await;
    let address = gate.address();
    let mut sockets = Vec::new();
    for _ in 0..5 {
        sockets.push(WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await);
    }
    let mut upload = begin_upload(&gate, &backend).await;
    let long = download(&gate, "server").await;
    let mut kept = gate.connect().await;
    assert_eq!(kept.ask(GET).await.header("connection"), Some("keep-alive"));
    let mut storm = Storm::begin(address, 4, 2);
    let (stop, asking) = asked_all_the_time(&gate);
    storm.goes_on(20).await;

    let mut first = gate.upgrade().await;
    assert_eq!(gate.address(), address, "any port is the port that the gate had");
    first.told("replaced", 1).await;
    for socket in &mut sockets {
        socket.is_closed_with(1012).await;
    }
    // A stream on a connection from before is let in, and told like the others.
    kept.send(handshake("/connection/1", KEY)).await;
    let (mut late, _) = WebSocket::answered(kept).await;
    late.is_closed_with(1012).await;
    storm.goes_on(20).await;

    // The first still has an upload and a download when the second is replaced.
    let mut new = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    new.echoes("served by the second").await;
    let mut second = gate.upgrade().await;
    new.is_closed_with(1012).await;
    assert_eq!(second.exit().await, Some(0), "{}", second.stderr.text());
    storm.goes_on(20).await;
    assert!(first.runs());
    let aside = gate.path(&format!("control.sock.{}", first.id()));
    let list = call(&aside, "GET".parse().unwrap(), "/connections", None).await.unwrap();
    assert_eq!(list["total"], 2, "{list}");
    let twice = not_handed_over(&aside).await;
    assert!(twice.contains("has taken over already"), "{twice}");

    upload.send(" world").await;
    let answer = upload.answer().await;
    assert_eq!((answer.status, answer.text(), answer.header("connection")), (200, "ok", Some("close")));
    end.send_replace(true);
    comes_to_its_end(long).await;
    assert_eq!(first.exit().await, Some(0), "{}", first.stderr.text());
    assert!(!aside.exists());
    let tally = storm.end().await;
    stop.store(true, Ordering::Release);
    let (answered, not) = asking.await.unwrap();
    println!("{tally:?}; the control socket answered {answered} times, and {not} times not");
    assert_eq!((tally.lost(), not), (0, 0), "{tally:?}");
    assert!(tally.answered > 60 && answered > 0);
    gate.program.signal(Signal::TERM);
    assert_eq!(gate.program.exit().await, Some(0));
    assert!(!gate.path("control.sock").exists());
}

/// Why the gate there does not hand over.
async fn not_handed_over(path: &std::path::Path) -> String {
    Predecessor::meet(path).await.err().expect("a refusal").to_string()
}

#[tokio::test]
async fn what_the_replaced_gate_serves_follows_keys_and_blocks() {
    let (backend, end) = backend().await;
    let mut gate = Gate::start(setup(&backend)).await;
    let (goes, blocked, stays) =
        (download(&gate, "goes").await, download(&gate, "blocked").await, download(&gate, "server").await);
    assert_eq!(gate.command(&["block", "--ip", "203.0.113.7"]).await.0, Some(0));
    let mut old = gate.upgrade().await;
    old.told("replaced", 1).await;
    let (_, list, _) = gate.command(&["blocks"]).await;
    assert!(list.contains("203.0.113.7"), "{list}");

    gate.replace_keys(&[
        secret_key("goes", "sk_live_goes", "state: revoked"),
        secret_key("blocked", "sk_live_blocked", ""),
        secret_key("server", "sk_live_server", ""),
    ]);
    is_cut(goes).await;
    assert_eq!(gate.command(&["block", "--key", "blocked"]).await.0, Some(0));
    is_cut(blocked).await;
    // It only follows.
    let aside = gate.path(&format!("control.sock.{}", old.id()));
    let body = serde_json::json!({ "key": "server" });
    let refused = call(&aside, "POST".parse().unwrap(), "/block", Some(&body)).await;
    assert!(refused.unwrap_err().to_string().contains("another process"));

    // A configuration that is not for it, as that of a newer version may be, does not keep the keys from it.
    gate.replace("keygate.yaml", "of: { a, newer: version }\n");
    let doomed = old.told("the configuration is not for this process", 1).await;
    assert_eq!(doomed["level"], "WARN");
    old.signal(Signal::HUP);
    old.told("the configuration is not for this process", 2).await;
    end.send_replace(true);
    comes_to_its_end(stays).await;
    assert_eq!(old.exit().await, Some(0), "{}", old.stderr.text());
}

#[tokio::test]
async fn keys_change_for_it_though_its_configuration_cannot_be_read() {
    let (backend, _end) = backend().await;
    let mut gate = Gate::start(setup(&backend)).await;
    let goes = download(&gate, "goes").await;
    let mut old = gate.upgrade().await;
    gate.replace("keygate.yaml", "of: { a, newer: version }\n");
    old.told("the configuration is not for this process", 1).await;
    gate.replace_keys(&[secret_key("server", "sk_live_server", "")]);
    is_cut(goes).await;
    assert_eq!(old.exit().await, Some(0));
}

#[tokio::test]
async fn blocks_without_a_file_are_taken_on() {
    let (backend, _end) = backend().await;
    let mut gate = Gate::start(Setup { more: String::new(), ..setup(&backend) }).await;
    assert_eq!(gate.command(&["block", "--key", "blocked", "--for", "1h"]).await.0, Some(0));
    let mut old = gate.upgrade().await;
    assert_eq!(old.exit().await, Some(0));
    let answer = gate.connect().await.ask(GET.replace("sk_live_server", "sk_live_blocked")).await;
    assert_eq!(answer.status, 401);
    assert_eq!(gate.connect().await.ask(GET).await.status, 200);
}

#[tokio::test]
async fn listeners_come_and_go_with_an_upgrade() {
    let (backend, _end) = backend().await;
    let before = Setup { listeners: "[{ address: '127.0.0.1:0' }, { address: '127.0.0.2:0' }]".to_owned(), ..setup(&backend) };
    let mut gate = Gate::start(before.clone()).await;
    let [stays, goes] = gate.addresses[..] else { panic!("two listeners") };
    let cut = download(&gate, "goes").await;
    let after = Setup { listeners: "[{ address: '127.0.0.3:0' }, { address: '127.0.0.1:0' }]".to_owned(), ..before };
    gate.replace("keygate.yaml", &after.text());
    gate.told("not reloaded", 1).await;
    let mut old = gate.upgrade().await;
    let [comes, stayed] = gate.addresses[..] else { panic!("two listeners") };
    assert_eq!(stayed, stays);
    assert_eq!(Client::to(comes).await.ask(GET).await.status, 200);
    assert_eq!(Client::to(stays).await.ask(GET).await.status, 200);
    let refused = || async { TcpStream::connect(goes).await.is_err().then_some(()) };
    until("the listener that is gone to refuse", refused).await;
    // What the old one could not take while it was the gate is no obstacle any more.
    gate.replace_keys(&[secret_key("server", "sk_live_server", "")]);
    is_cut(cut).await;
    assert_eq!(old.exit().await, Some(0));
}

#[tokio::test]
async fn what_cannot_start_costs_nothing() {
    let (backend, _end) = backend().await;
    let gate = Gate::start(setup(&backend)).await;
    let mut socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    let good = setup(&backend);
    let bad = good.text().replace("timeouts:", "timeout:");
    let no_certificate = "[{ address: '127.0.0.1:0', tls: { certificate: none.pem, key: none.pem } }]".to_owned();
    let late = Setup { listeners: no_certificate, ..good.clone() }.text();
    for (text, code, why) in [(bad, 78, "timeout"), (late, 1, "none.pem")] {
        gate.replace("keygate.yaml", &text);
        let mut new = gate.successor();
        assert_eq!(new.exit().await, Some(code));
        let told = new.stderr.whole().await;
        assert!(told.contains(why), "{told}");
    }
    gate.told("an upgrade came to nothing", 1).await;
    socket.echoes("still served").await;
    assert_eq!(gate.connect().await.ask(GET).await.status, 200);
    assert_eq!(gate.status("/readyz").await.status, 200);
    assert_eq!(gate.command(&["block", "--key", "blocked"]).await.0, Some(0));
    let beside: Vec<_> = std::fs::read_dir(gate.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let left = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("control.sock.");
    assert!(!beside.iter().any(left), "{beside:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_process_that_is_killed_before_it_is_ready_costs_nothing() {
    let (backend, _end) = backend().await;
    let gate = Gate::start(setup(&backend)).await;
    let mut socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    let mut storm = Storm::begin(gate.address(), 4, 2);
    let (stop, asking) = asked_all_the_time(&gate);
    // It waits for the certificate with the sockets in its hands.
    let fifo = gate.path("fifo.pem");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
    assert!(made.success());
    let listeners = "[{ address: '127.0.0.1:0' }, { address: '127.0.0.2:0', tls: { certificate: fifo.pem, key: fifo.pem } }]";
    gate.replace("keygate.yaml", &Setup { listeners: listeners.to_owned(), ..setup(&backend) }.text());
    let mut new = gate.successor();
    let reader = tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(fifo));
    let held = within("it to wait for its certificate", reader).await.unwrap().unwrap();
    // One at a time.
    let other = not_handed_over(&gate.path("control.sock")).await;
    assert!(other.contains("another upgrade of this gate is under way"), "{other}");
    storm.goes_on(50).await;
    new.signal(Signal::KILL);
    assert_eq!(new.exit().await, None);
    gate.told("an upgrade came to nothing", 1).await;
    drop(held);

    // Nearer to the end: all is said but `ready`.
    let mut talk = UnixStream::connect(gate.path("control.sock")).await.unwrap();
    let ask = "POST /upgrade HTTP/1.1\r\nHost: keygate\r\nConnection: upgrade\r\nUpgrade: keygate-handover/1\r\n\r\n";
    talk.write_all(ask.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    for (end, say) in [("\r\n\r\n", "sockets\n"), ("end\n", "prepared\n"), ("}\n", "")] {
        while !heard.ends_with(end.as_bytes()) {
            // A read ends where a descriptor comes, and tokio's own would take that for all that there is and wait.
            within("a word of the gate", talk.readable()).await.unwrap();
            match talk.try_read_buf(&mut heard) {
                Ok(read) => assert_ne!(read, 0, "{:?}", String::from_utf8_lossy(&heard)),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
        }
        talk.write_all(say.as_bytes()).await.unwrap();
    }
    let heard = String::from_utf8(heard).unwrap();
    assert!(heard.contains("\ngate 127.0.0.1:0\nstatus 127.0.0.1:0\nend\nblocks {"), "{heard}");
    let (code, _, error) = gate.command(&["block", "--key", "blocked"]).await;
    assert_eq!(code, Some(1), "nothing is blocked that the next one does not know");
    assert!(error.contains("another process"), "{error}");
    drop(talk);
    gate.told("an upgrade came to nothing", 2).await;
    assert_eq!(gate.command(&["block", "--key", "blocked"]).await.0, Some(0));

    storm.goes_on(50).await;
    socket.echoes("still served").await;
    let tally = storm.end().await;
    stop.store(true, Ordering::Release);
    assert_eq!((tally.lost(), asking.await.unwrap().1), (0, 0), "{tally:?}");
}

#[tokio::test]
async fn an_upgrade_of_nothing_says_so_or_starts() {
    let (backend, _end) = backend().await;
    let mut gate = Gate::start(setup(&backend)).await;
    let config = gate.path("keygate.yaml");
    let config = config.to_str().unwrap();
    let mut second = Program::start(&["serve", "-c", config], gate.folder.path(), &[]);
    assert_eq!(second.exit().await, Some(1));
    let told = second.stderr.whole().await;
    assert!(told.contains("another gate answers there; `--upgrade` takes its place"), "{told}");
    // Killed, so that its socket is still there.
    gate.program.signal(Signal::KILL);
    gate.program.exit().await;
    let mut new = gate.successor();
    assert_eq!(new.exit().await, Some(1));
    let told = new.stderr.whole().await;
    assert!(told.contains("no gate runs at") && told.contains("start without `--upgrade`"), "{told}");
    let mut new = Program::start(&["serve", "-c", config, "--upgrade=if-running"], gate.folder.path(), &[]);
    new.told("control socket", 1).await;
    new.signal(Signal::TERM);
    assert_eq!(new.exit().await, Some(0));
}

#[tokio::test]
async fn a_replaced_gate_still_has_its_window_when_it_is_told_to_end() {
    let (backend, _end) = backend().await;
    let timeouts = "{ head: 10s, connect: 5s, upstream_head: 10s, drain: 500ms }".to_owned();
    let mut gate = Gate::start(Setup { timeouts, ..setup(&backend) }).await;
    let long = download(&gate, "server").await;
    let mut idle = gate.connect().await;
    assert_eq!(idle.ask(GET).await.status, 200);
    let mut old = gate.upgrade().await;
    old.told("replaced", 1).await;
    // Longer than the window: only a signal ends it.
    let mut events = gate.connect().await;
    events.send("GET /events/a HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n").await;
    assert_eq!(idle.ask(GET).await.header("connection"), Some("close"), "not left before its next answer");
    old.signal(Signal::TERM);
    assert_eq!(old.exit().await, Some(0));
    assert!(old.stderr.whole().await.contains("what was left open is cut"));
    is_cut(long).await;
    events.send(format!("{KEY}\r\n")).await;
    assert_eq!(events.head().await.status, 200, "the new one goes on");
}

/// TLS and the PROXY protocol's ways in are set anew on a socket that was handed over.
#[tokio::test]
async fn what_stands_before_a_listener_is_of_the_new_configuration() {
    let (backend, _end) = backend().await;
    let identity = Identity::of(&["gate.example"]);
    let mut gate = Gate::start(setup(&backend)).await;
    std::fs::write(gate.path("gate.crt"), &identity.certificate).unwrap();
    std::fs::write(gate.path("gate.key"), &identity.key).unwrap();
    let tls = "[{ address: '127.0.0.1:0', tls: { certificate: gate.crt, key: gate.key } }]".to_owned();
    gate.replace("keygate.yaml", &Setup { listeners: tls, ..setup(&backend) }.text());
    let address = gate.address();
    let mut old = gate.upgrade().await;
    assert_eq!(gate.address(), address);
    // While it goes, the old one may still take a connection that was waiting, in its own way.
    assert_eq!(old.exit().await, Some(0));
    let mut client = Client::tls(address, "gate.example", identity.trusted()).await;
    assert_eq!(client.ask(GET).await.status, 200);
}

/// The count, tried where there is something to count: a gate that is stopped and started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_is_no_upgrade() {
    let (backend, _end) = backend().await;
    let gate = Gate::start(setup(&backend)).await;
    let mut storm = Storm::begin(gate.address(), 4, 2);
    storm.goes_on(20).await;
    let mut program = gate.program;
    program.signal(Signal::TERM);
    assert_eq!(program.exit().await, Some(0));
    let tally = storm.end().await;
    assert!(tally.lost() > 0, "{tally:?}");
}
