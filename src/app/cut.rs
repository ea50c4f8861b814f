//! Cutting live connections for whoever runs the gate, and waiting until they are gone.

use std::time::{Duration, Instant};

use tracing::info;

use super::{blocks::is_known, connections::looked_for};
use crate::{
    admin::{Asker, Cut, Filter, Severed},
    edge::{CutReason, Edge, LiveStream},
};

/// How often the wait for their end looks. Each look walks over all streams.
const LOOK: Duration = Duration::from_millis(20);

/// Tells the connections that `wanted` names to end, and waits for that.
///
/// # Errors
/// If they are of a key that was named by its text, or none has the id.
pub(super) async fn cut(edge: &Edge, wanted: Cut, asker: Asker) -> Result<Severed, String> {
    let (now, filter) = (edge.clock().now(), &wanted.filter);
    let known = filter.key.as_ref().map(|id| is_known(edge, id)).transpose()?;
    let takes = looked_for(edge, filter, now.unix_ms)?;
    let mut last = 0;
    let cut = edge.registry().cut_where(now, |stream| {
        takes(stream).then(|| {
            last = last.max(stream.id);
            CutReason::Operator
        })
    });
    let cut = cut.len();
    if let Some(id) = filter.id.filter(|_| last == 0) {
        return Err(format!("no live connection has the id {id}"));
    }
    info!(what = named(filter), uid = asker.uid, cut, "connections cut");
    // Also those that were to go already, and not those that came back meanwhile.
    let is_going = |stream: &LiveStream| stream.id <= last && stream.cut_reason().is_some() && takes(stream);
    let deadline = Instant::now() + wanted.wait;
    loop {
        let mut remaining = 0;
        edge.registry().for_each(|stream| remaining += usize::from(is_going(stream)));
        if remaining == 0 || Instant::now() >= deadline {
            return Ok(Severed { cut, remaining, known });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What was cut, for the log.
fn named(filter: &Filter) -> String {
    let which = match (&filter.id, &filter.key, &filter.peer) {
        (Some(id), ..) => format!("id {id}"),
        (None, Some(key), _) => format!("key `{key}`"),
        (None, None, Some(peer)) => peer.to_string(),
        (None, None, None) => "all".to_owned(),
    };
    filter.transport.map_or_else(|| which.clone(), |transport| format!("{which}, {}", transport.name()))
}
