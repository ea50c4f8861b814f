//! T-PATH: a key that may do little, and every way to spell the path of something that it may not do. A catch-all route takes what no
//! other route matches, so that a path which slips past its own route is let in: the backend must then not find the protected thing there
//! by decoding, folding or splitting.

mod mutators;
mod reading;

use super::support::{Answer, Backend, Client, Gate, NONCE, ORIGIN, Setup, WEB_KEY, is_long};
use mutators::MUTATORS;
use reading::{PROTECTED, means_protected};

/// Method, headers, and paths whose operation the key lacks.
const KINDS: [(&str, &str, [&str; 3]); 4] = [
    ("GET", "", ["/api", "/api/keys", "/api/v1/keys"]),
    ("GET", "", ["/metrics", "/metrics/all", "/metrics/a.b"]),
    ("POST", "Content-Length: 0\r\n", ["/realtime", "/realtime/chat", "/realtime/a/b"]),
    ("GET", "websocket", ["/connection", "/connection/websocket", "/connection/1/2"]),
];

const ROUTES: &str = "
  - { name: publish, match: { path: /realtime/** }, operation: publish }
  - { name: socket, match: { path: /connection/** }, operation: publish, enforce_inside: backend }
  - { name: admin, match: { path: /api/** }, operation: admin }
  - { name: metrics, match: { path: /metrics/** }, operation: admin }";
const CATCH_ALL: &str = "
  - { name: rest, match: { path: /** }, operation: any, enforce_inside: backend }";

/// Every protected path under every pair of mutators, a mutator alone among them; a sample of them unless the long runs are asked for.
fn requests() -> impl Iterator<Item = (String, Vec<u8>)> {
    let step = if is_long() { 1 } else { 7 };
    let pairs = MUTATORS.iter().flat_map(|first| MUTATORS.iter().map(move |second| (first, second)));
    let all = KINDS.iter().flat_map(move |(method, headers, paths)| {
        let pairs = pairs.clone();
        paths.iter().flat_map(move |path| pairs.clone().map(move |(first, second)| (first(&second(path)), *method, *headers)))
    });
    all.step_by(step).map(|(target, method, headers)| {
        let upgrade =
            format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n");
        let headers = if headers == "websocket" { upgrade.as_str() } else { headers };
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: gate\r\nx-api-key: {WEB_KEY}\r\nOrigin: {ORIGIN}\r\n{headers}\r\n");
        // Characters are bytes, so that no mutator is mended by UTF-8.
        (target, head.chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect())
    })
}

/// Sends everything; how many requests there were, and how many were let in.
async fn send_all(gate: &Gate) -> (usize, usize) {
    let (mut sent, mut let_in) = (0, 0);
    let mut client: Option<Client> = None;
    for (target, request) in requests() {
        let mut open = match client.take() {
            Some(client) => client,
            None => gate.connect().await,
        };
        let answer: Answer = open.ask(request).await;
        assert!(matches!(answer.status, 101 | 200 | 400 | 403 | 404), "{target:?}: {answer:?}");
        sent += 1;
        let_in += usize::from(answer.status < 300);
        if answer.status != 101 && answer.header("connection") != Some("close") {
            client = Some(open);
        }
    }
    (sent, let_in)
}

#[tokio::test]
async fn no_spelling_of_a_protected_path_is_let_in_elsewhere() {
    let backend = Backend::echoing().await;
    let gate = Gate::start(Setup { routes: format!("{ROUTES}{CATCH_ALL}"), ..Setup::before(backend.address) }).await;
    let (sent, let_in) = send_all(&gate).await;
    let targets: Vec<_> = backend.requests().into_iter().map(|request| request.target).collect();
    for target in &targets {
        assert!(!means_protected(target), "{target:?} reached the backend, and {PROTECTED:?} can be read in it");
    }
    assert!(let_in > 0 && targets.len() >= let_in, "the catch-all takes what is harmless: {let_in} of {sent}");
    println!("{sent} requests, {let_in} let in by the catch-all");
}

#[tokio::test]
async fn without_a_catch_all_nothing_is_let_in() {
    let backend = Backend::echoing().await;
    let gate = Gate::start(Setup { routes: ROUTES.to_owned(), ..Setup::before(backend.address) }).await;
    let (sent, let_in) = send_all(&gate).await;
    assert_eq!((let_in, backend.connections().len()), (0, 0), "of {sent}");
}

/// The reading that finds fault, on what a proxy that compares prefixes would have passed on.
#[test]
fn a_proxy_that_compares_prefixes_is_found() {
    let passed = |target: &str| !PROTECTED.iter().any(|path| target.starts_with(path));
    let finders = MUTATORS.iter().filter(|mutator| {
        KINDS.iter().all(|(_, _, paths)| paths.iter().any(|path| passed(&mutator(path)) && means_protected(&mutator(path))))
    });
    let count = finders.count();
    assert!(count >= 15, "{count} of {} mutators alone get past it", MUTATORS.len());
}
