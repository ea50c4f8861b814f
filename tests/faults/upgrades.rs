//! Upgrade after upgrade under a storm of connections, with streams and uploads that the old processes see out. F8 of the battery.

use rustix::process::Signal;
use tokio::time::{Duration, Instant};

use super::{
    load::{Asker, UNLIMITED, Upstream, alone, body_of, sum_of},
    support::{Gate, Program, Setup, Storm, WebSocket, is_long, within},
};

/// Bytes of an upload that begins in one process and ends when the next is at work.
const UPLOAD: usize = 64 * 1024;

/// What one process leaves behind when the next takes over.
struct Left {
    program: Program,
    socket: WebSocket,
    upload: Asker,
    number: usize,
}

impl Left {
    /// A stream and half an upload on the gate, which then is replaced.
    async fn behind(gate: &mut Gate, upstream: &Upstream, number: usize) -> Self {
        let mut socket = WebSocket::open(gate.connect().await, "/connection/echo", "sk_live_server").await;
        socket.echoes("open").await;
        let mut upload = Asker::to(gate.address()).await.expect("a connection");
        let head =
            format!("POST /any/{number} HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\nContent-Length: {UPLOAD}\r\n\r\n");
        let bytes = [head.as_bytes(), &body_of(number, UPLOAD)[..UPLOAD / 2]].concat();
        upload.0.send(bytes).await.expect("the gate takes bytes");
        within("the upload to begin", upstream.begun(number)).await;
        let program = gate.upgrade().await;
        Self { program, socket, upload, number }
    }

    /// Sees it out: whether the upload was answered as a whole. The stream must have been told, and the process must end by itself.
    async fn seen_out(mut self) -> bool {
        self.socket.is_closed_with(1012).await;
        let body = body_of(self.number, UPLOAD);
        let sent = self.upload.0.send(&body[UPLOAD / 2..]).await.is_ok();
        let answer = within("the upload's answer", self.upload.answer()).await;
        let whole = answer.is_ok_and(|answer| answer.status == 200 && answer.text().ends_with(&sum_of(&body)));
        drop(self.upload);
        assert_eq!(self.program.exit().await, Some(0), "{}", self.program.stderr.text());
        sent && whole
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_refused_and_nothing_is_lost() {
    let _alone = alone().await;
    let upgrades = if is_long() { 100 } else { 5 };
    let upstream = Upstream::start(upgrades);
    let setup = Setup { limits: UNLIMITED.to_owned(), log: "{ access: off }".to_owned(), ..Setup::before(upstream.address) };
    let mut gate = Gate::start(setup).await;
    let address = gate.address();
    let mut storm = Storm::begin(address, 8, 4);
    storm.goes_on(100).await;
    let (begun, mut lost) = (Instant::now(), 0);
    let mut before: Option<Left> = None;
    for number in 0..upgrades {
        let left = Left::behind(&mut gate, &upstream, number).await;
        assert_eq!(gate.address(), address);
        // The one before is still there while the next is replaced.
        if let Some(before) = before.replace(left) {
            lost += usize::from(!before.seen_out().await);
        }
        storm.goes_on(20).await;
    }
    if let Some(last) = before {
        lost += usize::from(!last.seen_out().await);
    }
    let took = begun.elapsed().max(Duration::from_millis(1));
    let tally = storm.end().await;
    let of = tally.answered + tally.lost();
    println!("{upgrades} upgrades in {took:.1?} under {:.0} requests a second:", of as f64 / took.as_secs_f64());
    println!("  {} refused, {} reset, {} answered otherwise, of {of} requests", tally.refused, tally.reset, tally.wrong);
    println!("  {lost} of {upgrades} uploads lost that were under way");
    assert_eq!((tally.lost(), lost), (0, 0));
    gate.program.signal(Signal::TERM);
    assert_eq!(gate.program.exit().await, Some(0));
}
