//! Sends a row and a request behind it, and notes what the client was told and what reached the backend.

use std::collections::HashSet;

use super::row::{Done, Row, Served};
use crate::support::{Answer, Backend, Gate, Head, Request, frame, until};

/// What came of a row.
#[derive(Clone)]
pub struct Observed {
    /// The answers, interim ones too, to the end of the connection.
    pub answers: Vec<Answer>,
    /// The whole requests that reached the backend meanwhile, in the order of their ids.
    pub received: Vec<Request>,
    /// Every byte that reached the backend meanwhile.
    pub raw: Vec<u8>,
}

/// What is sent behind each row. It ends the connection, so that whatever the row leads to, its end can be waited for.
const NEXT: &str = "GET /any/next HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\nConnection: close\r\n\r\n";

/// How a row is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// In one piece.
    AtOnce,
    /// The head, and the rest when the backend has the head.
    InTwo,
}

/// Sends the row. `known` holds the ids of the requests that the backend had before, and those of this row afterwards.
pub async fn observe(gate: &Gate, backend: &Backend, known: &mut HashSet<String>, row: &Row, how: How) -> Observed {
    let before: Vec<_> = backend.connections().iter().map(|recording| recording.bytes().len()).collect();
    let mut bytes = row.sent.bytes();
    match row.done {
        Done::Opened => bytes.extend(frame(8, &1000u16.to_be_bytes(), true)),
        Done::Refused(_) | Done::Answered { .. } | Done::Served(_) | Done::Broken => bytes.extend(NEXT.bytes()),
    }
    let mut client = gate.connect().await;
    if how == How::InTwo {
        let rest = Head::end_in(&bytes).map_or_else(Vec::new, |end| bytes.split_off(end));
        client.send(std::mem::replace(&mut bytes, rest)).await;
        let had: usize = before.iter().sum();
        until("the head at the backend", || async { (backend.bytes().len() > had).then_some(()) }).await;
    }
    let mut invitation = Vec::new();
    if let Done::Served(Served { continues: true, .. }) = row.done {
        let rest = Head::end_in(&bytes).map_or_else(Vec::new, |end| bytes.split_off(end));
        client.send(std::mem::replace(&mut bytes, rest)).await;
        invitation.push(client.head().await);
    }
    // The gate may end the connection before it has taken everything.
    let _ = client.try_send(&bytes).await;
    let answers = [invitation, answers_in(&client.rest().await)].concat();
    let id = |request: &Request| request.all("x-keygate-request-id").join(",");
    let mut received: Vec<_> = backend.requests().into_iter().filter(|request| !known.contains(&id(request))).collect();
    received.sort_by_key(id);
    known.extend(received.iter().map(id));
    let connections = backend.connections();
    let meanwhile = |(at, length): (usize, Vec<u8>)| length[before.get(at).copied().unwrap_or(0)..].to_vec();
    let raw = connections.iter().map(|recording| recording.bytes()).enumerate().flat_map(meanwhile).collect();
    Observed { answers, received, raw }
}

fn answers_in(mut bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let Some((mut answer, head)) = Answer::head_in(bytes) {
        let Some((body, taken)) = Answer::body_in(answer.framing(), &bytes[head..]) else {
            // It ends with its connection, or a stream follows it.
            answer.body = bytes[head..].to_vec();
            answers.push(answer);
            return answers;
        };
        answer.body = body;
        answers.push(answer);
        bytes = &bytes[head + taken..];
        if answers.last().is_some_and(|answer| answer.status == 101) {
            return answers;
        }
    }
    answers
}

/// An answer like any.
pub fn nothing_special() -> Answer {
    Answer { status: 200, headers: Vec::new(), body: Vec::new() }
}

/// The row's request, as a proxy without rules would pass it on.
pub fn as_sent(row: &Row) -> Request {
    let text = String::from_utf8_lossy(&row.sent.bytes()).into_owned();
    let head = |text: &str| Request::head_in(text.as_bytes()).map(|(request, _)| request);
    head(&text).or_else(|| head("GET /any/a HTTP/1.1\r\n\r\n")).expect("a head")
}
