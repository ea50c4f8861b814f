//! The live connections of the gate as the admin room tells of them: page by page, or counted by what they have in common.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use super::blocks::is_known;
use crate::{
    admin::{By, Connection, Connections, Filter, Group, Grouping, Groups, Listing},
    edge::{Edge, LiveStream},
    gate::{
        credential::KeyDigest,
        keys::{KeyRecord, KeySet},
        peer::PeerAddress,
        request::Transport,
    },
};

/// A page of the connections that were looked for.
///
/// # Errors
/// If they are of a key that was named by its text.
pub(super) fn listed(edge: &Edge, wanted: &Listing) -> Result<Connections, String> {
    let now_ms = edge.clock().now().unix_ms;
    let page = edge.registry().page(wanted.after, wanted.limit, looked_for(edge, &wanted.filter, now_ms)?);
    Ok(Connections {
        clients: edge.connections(),
        total: edge.registry().len(),
        matching: page.matching,
        connections: page.streams.iter().map(|stream| view(stream, edge, now_ms)).collect(),
        next: page.next,
    })
}

/// The connections that were looked for, counted.
///
/// # Errors
/// As [`listed`].
pub(super) fn grouped(edge: &Edge, wanted: &Grouping) -> Result<Groups, String> {
    let now_ms = edge.clock().now().unix_ms;
    let takes = looked_for(edge, &wanted.filter, now_ms)?;
    let (mut counts, mut matching) = (HashMap::<_, Count>::new(), 0);
    edge.registry().for_each(|stream| {
        if takes(stream) {
            matching += 1;
            counts.entry(Common::of(stream, wanted.by)).or_default().add(stream);
        }
    });
    let mut counts: Vec<_> = counts.into_iter().collect();
    let left_off = counts.len().saturating_sub(wanted.limit);
    let rank = |(common, count): &(Common, Count)| (Reverse((count.connections, count.received + count.sent)), common.name());
    counts.sort_by_cached_key(rank);
    counts.truncate(wanted.limit);
    let groups = counts.iter().map(|(common, count)| count.told(common, now_ms)).collect();
    Ok(Groups { clients: edge.connections(), total: edge.registry().len(), matching, groups, left_off })
}

/// Whether a stream is among those of `filter`, at `now_ms`.
///
/// # Errors
/// As [`listed`].
pub(super) fn looked_for(edge: &Edge, filter: &Filter, now_ms: i64) -> Result<impl Fn(&LiveStream) -> bool, String> {
    if let Some(id) = &filter.key {
        is_known(edge, id)?;
    }
    let snapshot = edge.gate().snapshot();
    let keys = snapshot.keys.clone().filter(|_| filter.earlier_secret);
    let opened_until_ms = filter.older_than.map(|age| now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)));
    Ok(move |stream: &LiveStream| {
        let key = key_of(stream);
        filter.id.is_none_or(|id| stream.id == id)
            && filter.transport.is_none_or(|transport| stream.transport == transport)
            && opened_until_ms.is_none_or(|moment| stream.opened_ms <= moment)
            && filter.key.as_ref().is_none_or(|id| key.is_some_and(|key| *key.id == **id))
            && filter.app.as_ref().is_none_or(|app| key.is_some_and(|key| *key.app == **app))
            && filter.takes_peer(stream.peer)
            && keys.as_deref().is_none_or(|keys| is_on_earlier(stream, keys))
    })
}

/// Whether a stream was opened with another secret than its key has among `keys`.
fn is_on_earlier(stream: &LiveStream, keys: &KeySet) -> bool {
    let key = key_of(stream).and_then(|key| keys.by_id(&key.id));
    key.is_some_and(|key| is_on_another(stream, &key.digest.digest))
}

/// Whether a stream was opened with a good secret whose digest is not `present`.
pub(super) fn is_on_another(stream: &LiveStream, present: &KeyDigest) -> bool {
    stream.standing.as_ref().is_some_and(|standing| standing.good && standing.digest != *present)
}

fn key_of(stream: &LiveStream) -> Option<&Arc<KeyRecord>> {
    stream.standing.as_ref().map(|standing| &standing.key)
}

fn view(stream: &LiveStream, edge: &Edge, now_ms: i64) -> Connection {
    let key = key_of(stream);
    let of_streams = |count: u64| stream.transport.is_stream().then_some(count);
    let of_sockets = |count: u64| (stream.transport == Transport::WebSocket).then_some(count);
    Connection {
        id: stream.id,
        key_id: key.map(|key| key.id.to_string()),
        app: key.map(|key| key.app.to_string()),
        transport: stream.transport.name().to_owned(),
        earlier_secret: edge.gate().snapshot().keys.as_deref().is_some_and(|keys| is_on_earlier(stream, keys)),
        route: stream.asking().map(|asking| asking.route().to_owned()),
        peer: stream.peer.to_string(),
        age_seconds: seconds(stream.opened_ms, now_ms),
        idle_seconds: stream.idle_ms(now_ms).map(|idle_ms| idle_ms / 1000),
        received_bytes: of_streams(stream.received.load(Relaxed)),
        sent_bytes: of_streams(stream.sent.load(Relaxed)),
        received_messages: of_sockets(stream.received_messages.load(Relaxed)),
        sent_messages: of_sockets(stream.sent_messages.load(Relaxed)),
    }
}

fn seconds(since_ms: i64, now_ms: i64) -> i64 {
    now_ms.saturating_sub(since_ms).max(0) / 1000
}

/// What the connections of a group have in common.
#[derive(PartialEq, Eq, Hash)]
enum Common {
    /// They have no key.
    Nothing,
    Name(Box<str>),
    Peer(PeerAddress),
}

impl Common {
    fn of(stream: &LiveStream, by: By) -> Self {
        let name = |name: &str| Self::Name(name.into());
        match by {
            By::Key => key_of(stream).map_or(Self::Nothing, |key| name(&key.id)),
            By::App => key_of(stream).map_or(Self::Nothing, |key| name(&key.app)),
            By::Peer => Self::Peer(stream.peer),
        }
    }

    fn name(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Name(name) => Some(name.to_string()),
            Self::Peer(address) => Some(address.to_string()),
        }
    }
}

/// A group as it is counted.
struct Count {
    connections: usize,
    received: u64,
    sent: u64,
    first_ms: i64,
}

impl Default for Count {
    fn default() -> Self {
        Self { connections: 0, received: 0, sent: 0, first_ms: i64::MAX }
    }
}

impl Count {
    fn add(&mut self, stream: &LiveStream) {
        self.connections += 1;
        self.received += stream.received.load(Relaxed);
        self.sent += stream.sent.load(Relaxed);
        self.first_ms = self.first_ms.min(stream.opened_ms);
    }

    fn told(&self, common: &Common, now_ms: i64) -> Group {
        Group {
            name: common.name(),
            connections: self.connections,
            received_bytes: self.received,
            sent_bytes: self.sent,
            oldest_seconds: seconds(self.first_ms, now_ms),
        }
    }
}
