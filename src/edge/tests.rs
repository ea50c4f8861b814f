use std::net::Ipv4Addr;

use super::*;
use crate::{
    downstream::Logged,
    gate::{
        Standing,
        capability::Need,
        keys::{KeyRecord, KeySet, KeySetBuilder, State},
        request::Transport,
        testing,
    },
    telemetry::{AccessFormat, AccessLog},
};

const IDS: [&str; 3] = ["a", "b", "c"];

/// An edge whose gate has a key for each of [`IDS`], and a stream of each.
fn edge() -> (Arc<Edge>, Arc<KeySet>, [registry::Entered; 3]) {
    let policy = Arc::new(testing::policy([]));
    let (second, caps) = (Duration::from_secs(1), ConnectionCaps { total: 1, per_peer: None });
    let timeouts = Timeouts { head: second, idle: second, body: None };
    let settings = Settings::new(Arc::clone(&policy), &[], timeouts, caps, None).unwrap();
    let log = AccessLog::new(Logged::Off, AccessFormat::Json, std::io::sink());
    let gate = Arc::new(Gate::new((*policy).clone()));
    let edge = Edge::new(Arc::clone(&gate), Arc::new(Telemetry::new(log).unwrap()), Clock::start(), settings).unwrap();
    let mut keys = KeySetBuilder::default();
    IDS.iter().for_each(|id| keys.add(testing::secret(id, id)));
    let keys = Arc::new(keys.build().unwrap());
    gate.publish(policy, Arc::clone(&keys));
    let streams = IDS.map(|id| edge.registry.enter(stream(keys.by_id(id).unwrap())));
    (edge, keys, streams)
}

fn stream(key: &Arc<KeyRecord>) -> LiveStream {
    let standing =
        Standing { reported: false, good: true, digest: key.digest.digest, key: Arc::clone(key), needed: Need::NOTHING };
    LiveStream::new(Some(standing), Transport::WebSocket, Ipv4Addr::LOCALHOST.into(), i64::MAX, 0)
}

fn reasons(streams: &[registry::Entered; 3]) -> [Option<CutReason>; 3] {
    streams.each_ref().map(|stream| stream.cut_reason())
}

#[tokio::test]
async fn a_change_of_keys_is_in_force_and_ends_what_stood_on_them() {
    let (edge, keys, streams) = edge();
    let changed = vec![KeyRecord { state: State::Revoked, ..testing::secret("a", "a") }];
    let next = Arc::new(keys.with(changed, &["c"]).unwrap());
    let before = edge.gate.snapshot().generation;
    let (generation, cut) = edge.change_keys(&["a", "c"], |gate| gate.publish_keys(&next));
    assert_eq!((generation, cut.len()), (before + 1, 2));
    assert_eq!(reasons(&streams), [Some(CutReason::Revoked), None, Some(CutReason::Removed)]);
    let snapshot = edge.gate.snapshot();
    assert!(snapshot.generation == generation && snapshot.keys.as_ref().is_some_and(|keys| Arc::ptr_eq(keys, &next)));
}

#[tokio::test]
async fn a_change_of_keys_moves_the_end_of_what_stands_on_them() {
    let (edge, keys, streams) = edge();
    let changed = vec![KeyRecord { expires_at_ms: 4_000_000_000_000, ..testing::secret("b", "b") }];
    let next = Arc::new(keys.with(changed, &[]).unwrap());
    assert_eq!(edge.change_keys(&["b"], |gate| gate.publish_keys(&next)).1.len(), 0);
    assert_eq!(streams.each_ref().map(|stream| stream.until_ms()), [i64::MAX, 4_000_000_000_000, i64::MAX]);
}

/// Streams on other keys are not looked at, however they stand: that is what [`Edge::change`] is for.
#[tokio::test]
async fn a_change_of_keys_asks_nobody_else() {
    let (edge, keys, streams) = edge();
    let none = Arc::new(keys.with(Vec::new(), &IDS).unwrap());
    assert_eq!(edge.change_keys(&["a"], |gate| gate.publish_keys(&none)).1.len(), 1);
    assert_eq!(reasons(&streams), [Some(CutReason::Removed), None, None]);
    assert_eq!(edge.change(|_| ()).1.len(), 2);
    assert_eq!(reasons(&streams), [Some(CutReason::Removed); 3]);
}
