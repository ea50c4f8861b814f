//! Whatever strangers make up, the gate keeps none of it: its memory and its series stay as they are under requests of which each
//! has a key, an origin, a path and often a peer that were never seen before (T-NEG, T-CARD). Reads /proc, as Linux has it.

mod pages;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use memchr::memmem;
use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
};

use self::pages::Pages;
use super::{
    load,
    support::{Backend, Gate, Setup, WEB_KEY, is_long, within},
};

/// Requests that one client sends behind each other.
const EACH: u32 = 100;
/// Clients at a time.
const AT_ONCE: usize = 8;
/// How often its memory is looked at, each time a tenth of the claimed requests after the time before.
const LOOKS: u32 = 15;
/// Peers that the gate remembers; so many fill its table.
const PEERS_REMEMBERED: u32 = 65_536;

/// The request with this number, which no other one is like.
fn request(n: u32) -> String {
    let head = |target: String, more: String| format!("GET {target} HTTP/1.1\r\nHost: gate\r\n{more}\r\n");
    match n % 10 {
        0 | 1 => head(format!("/any/{n}"), format!("x-api-key: sk_live_made_up_{n}\r\n")),
        2 => head(format!("/any/{n}"), format!("Authorization: Bearer pk_live_made_up_{n}\r\nOrigin: https://a{n}.example\r\n")),
        3 => head(format!("/any/{n}?key=pk_live_made_up_{n}"), String::new()),
        4 => head(format!("/nowhere/{n}"), format!("User-Agent: Mozilla/5.0 ({n})\r\n")),
        5 => head(format!("/any/{n}"), format!("x-api-key: {WEB_KEY}\r\nOrigin: https://a{n}.example\r\n")),
        6 => head(format!("/any/{n}"), format!("Origin: https://a{n}.example.org\r\n")),
        7 => head(
            format!("/events/{n}"),
            format!("Accept: text/event-stream\r\nx-api-key: sk_live_{n}\r\nAccept-Language: {n}\r\n"),
        ),
        8 => head(format!("/{n}/any"), format!("x-api-key: pk_test_{n:044}\r\nX-{n}: {n}\r\n")),
        // Some get in: an origin under a wildcard, and a path, that nobody has seen yet either.
        _ if n % 100 == 9 => head(format!("/any/{n}"), format!("x-api-key: {WEB_KEY}\r\nOrigin: https://a{n}.example.org\r\n")),
        _ => head(format!("/any/{n}"), format!("x-api-key: sk_live_{n}\r\nx-api-key: sk_live_{n}\r\n")),
    }
}

/// Client `number`: some requests in one piece, from an address of its own. How many answers came.
async fn client(to: SocketAddr, number: u32, requests: u32) -> u32 {
    let socket = TcpSocket::new_v4().expect("a socket");
    let [_, one, two, three] = number.to_be_bytes();
    socket.bind((Ipv4Addr::new(127, one + 1, two, three), 0).into()).expect("a loopback address");
    let mut stream = within("a connection", socket.connect(to)).await.expect("the gate listens");
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket option");
    let text: String = (0..requests).map(|nth| request(number.wrapping_mul(EACH).wrapping_add(nth))).collect();
    let mut answers = 0;
    let mut came = Vec::with_capacity(64 * 1024);
    let (mut read, mut write) = stream.split();
    let exchange = async {
        let send = async { write.write_all(text.as_bytes()).await.is_ok() };
        let receive = async {
            while answers < requests && read.read_buf(&mut came).await.is_ok_and(|length| length > 0) {
                let mut searched = 0;
                for at in memmem::find_iter(&came, b"HTTP/1.1 ") {
                    answers += 1;
                    searched = at + 9;
                }
                came.drain(..searched.max(came.len().saturating_sub(8)));
            }
        };
        tokio::join!(send, receive)
    };
    within("answers", exchange).await;
    answers
}

/// All clients of these numbers. How many answers came.
async fn crowd(to: SocketAddr, clients: std::ops::Range<u32>, requests: u32) -> u64 {
    let next = Arc::new(AtomicU32::new(clients.start));
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (next, end) = (Arc::clone(&next), clients.end);
            tokio::spawn(async move {
                let mut answers = 0;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return answers;
                    }
                    answers += u64::from(client(to, number, requests).await);
                }
            })
        })
        .collect();
    let mut all = 0;
    for worker in workers {
        all += worker.await.expect("a client");
    }
    all
}

/// What its memory is made of, once no client is there.
async fn pages(gate: &Gate) -> Pages {
    gate.series_is("keygate_client_connections", 0.0).await;
    Pages::of(gate.program.id())
}

fn median(looks: &[i64]) -> i64 {
    let mut looks = looks.to_vec();
    looks.sort_unstable();
    looks[looks.len() / 2]
}

/// Judged is what no file holds: of the last five looks, the median is no more than a hundredth above that of the first five. Ten million
/// requests lie between them, and an allocator takes and gives back 64 KiB at any time. Of pages of files, only that none can be written to,
/// and that no more of files is mapped, which bounds them: the kernel takes them away where memory is short and reads them again, with
/// those around them, when one is touched; and of a page of a library the more is counted to the gate the fewer processes have it
/// (proc_pid_smaps(5), `Pss`), so that it changes as others come and go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_kept_of_what_strangers_make_up() {
    let _alone = load::alone().await;
    let (filling, clients) = if is_long() { (PEERS_REMEMBERED * 3 / 2, 100_000) } else { (2_000, 1_000) };
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let limits = "{ key: { rate: off, connections: off }, ip: { rate: 100/s, burst: 80, connections: 100 } }".to_owned();
    let log = "{ access: off }".to_owned();
    let gate = Gate::start(Setup { limits, log, ..Setup::before(backend.address) }).await;

    // Every table full, every buffer made, every series there: two million requests.
    let started = Instant::now();
    crowd(gate.address(), 0..filling, 10).await;
    crowd(gate.address(), filling..filling + clients / 5, EACH).await;
    // Files are looked at by threads of their own, each with a heap of its own.
    gate.program.signal(Signal::HUP);
    gate.reloaded(1).await;
    let (before, series) = (pages(&gate).await, gate.metrics().await);
    println!("after {} clients in {:.0?}: {before}", filling + clients / 5, started.elapsed());

    let (mut answers, mut looks) = (0, Vec::new());
    let (first, part) = (filling + clients / 5, clients / 10);
    for nth in 0..LOOKS {
        let from = first + part * nth;
        answers += crowd(gate.address(), from..from + part, EACH).await;
        let now = pages(&gate).await;
        println!("{answers} requests after {:.0?}: {now}; {:?} grew", started.elapsed(), now.grown_since(&before));
        looks.push(now.anonymous());
    }
    let (after, metrics) = (pages(&gate).await, gate.metrics().await);
    let new: Vec<_> = metrics.names().difference(&series.names()).map(|name| (*name).to_owned()).collect();
    println!(
        "{answers} requests from {} peers: {} KiB, then {} KiB; of files {}, then {} of {} mapped; {} series, {} new; {} peers remembered",
        part * LOOKS,
        before.anonymous(),
        after.anonymous(),
        before.of_files(),
        after.of_files(),
        after.mapped_of_files(),
        metrics.names().len(),
        new.len(),
        metrics.sum("keygate_rate_limit_states"),
    );
    assert_eq!(answers, u64::from(part * LOOKS * EACH), "every request was answered");
    assert!(new.is_empty(), "{new:?}");
    assert!(metrics.sum("keygate_rate_limit_states") <= f64::from(PEERS_REMEMBERED));
    // Where few requests were sent the tables are still filling: a hundred bytes for each peer, and pages half in use.
    let slack = if is_long() { before.anonymous() / 100 } else { 1024 };
    let (early, late) = (median(&looks[..5]), median(&looks[looks.len() - 5..]));
    assert!(late - early <= slack, "{} KiB have come on top of {early}: {looks:?}", late - early);
    let status = std::fs::read_to_string(format!("/proc/{}/status", gate.program.id())).expect("of a process");
    assert!(!status.contains("THP_enabled:\t1"), "{status}");
    assert!(after.huge() <= before.huge(), "the system makes no huge pages of small ones, and fills them up with zeros");
    assert_eq!(after.written_of_files(), 0, "a page of a file can be taken away and read again");
    assert_eq!(after.mapped_of_files(), before.mapped_of_files(), "no more of files is mapped than before");
}
