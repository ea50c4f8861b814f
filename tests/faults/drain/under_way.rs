//! Requests that are under way when the gate is told to end: uploads of which half is there, and heads of which the end is missing.

use std::net::SocketAddr;

use tokio::time::timeout;

use super::super::{
    load::{Asker, Crowd, Upstream, body_of, sum_of},
    support::{Answer, Gate, PATIENCE, within},
};

/// Bytes of an upload; the first half is sent before the gate is told to end.
const UPLOAD: usize = 64 * 1024;
/// An upload under way.
pub struct Upload {
    asker: Asker,
    number: usize,
}

impl Upload {
    /// Sends the first half, and waits until the backend has some of it.
    pub async fn begin(to: SocketAddr, upstream: &Upstream, seat: usize, number: usize) -> Self {
        let mut asker = Asker::to(to).await.expect("a connection");
        let key = Crowd::key_text(0);
        let head = format!("POST /any/{seat} HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nContent-Length: {UPLOAD}\r\n\r\n");
        let bytes = [head.as_bytes(), &body_of(number, UPLOAD)[..UPLOAD / 2]].concat();
        asker.0.send(bytes).await.expect("the gate takes bytes");
        within("the upload to begin", upstream.begun(seat)).await;
        Self { asker, number }
    }

    /// Sends the rest. Whether the answer tells of the whole body as it was sent.
    pub async fn finish(mut self) -> bool {
        let body = body_of(self.number, UPLOAD);
        let sent = self.asker.0.send(&body[UPLOAD / 2..]).await.is_ok();
        let answer = timeout(PATIENCE, self.asker.answer()).await;
        sent && answer
            .is_ok_and(|answer| answer.is_ok_and(|answer| answer.status == 200 && answer.text().ends_with(&sum_of(&body))))
    }
}

/// A request of which the end is still to come.
pub async fn half_head(gate: &Gate, request: &str) -> Asker {
    let mut asker = Asker::to(gate.address()).await.expect("a connection");
    asker.0.send(request.strip_suffix("\r\n").expect("a head")).await.expect("the gate takes bytes");
    asker
}

/// The answers to half heads, which end now.
pub async fn end_heads(askers: Vec<Asker>) -> Vec<Option<Answer>> {
    let mut answers = Vec::new();
    for mut asker in askers {
        let answer = timeout(PATIENCE, asker.ask("\r\n")).await;
        answers.push(answer.ok().and_then(Result::ok));
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::super::super::support::relay;
    use super::*;

    /// The count, tried where there is something to count: a backend that received another body than was sent.
    #[tokio::test]
    async fn a_lost_upload_is_counted() {
        let upstream = Upstream::spoiling(4, 2);
        let to = relay(upstream.address).await;
        let mut lost = 0;
        for number in 0..4 {
            lost += usize::from(!Upload::begin(to, &upstream, number, number).await.finish().await);
        }
        assert_eq!(lost, 2);
    }
}
