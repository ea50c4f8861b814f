//! `GET /events`: a place in a room over server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{StreamExt as _, stream};

use super::{Joining, Member, Rooms, error, rights::Rights};

/// Often enough that proxies, which commonly give up on a silent stream after 30 or 60 s, keep this one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) async fn join(State(rooms): State<Rooms>, Joining(channel): Joining, headers: HeaderMap) -> Response {
    if !Rights::of(&headers, channel.as_str()).subscribe {
        return error(StatusCode::FORBIDDEN, "not capable");
    }
    match rooms.join(&channel) {
        Ok(member) => stay(member),
        Err(full) => error(StatusCode::SERVICE_UNAVAILABLE, full),
    }
}

fn stay(member: Member) -> Response {
    // Some clients and proxies hold the head back until a first byte of the body comes; a comment is no event.
    let hello = stream::once(async { Event::default().comment("joined") });
    let messages = stream::unfold(member, async |mut member| {
        let text = member.next().await?;
        Some((Event::default().data(text.as_str()), member))
    });
    Sse::new(hello.chain(messages).map(Ok::<_, Infallible>)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}
