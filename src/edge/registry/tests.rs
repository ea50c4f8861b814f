use std::{net::Ipv4Addr, pin::pin};

use super::*;
use crate::gate::{Standing, capability::Need, request::Transport, testing};

fn stream(id: &str) -> LiveStream {
    let key = Arc::new(testing::secret(id, id));
    let standing = Standing { reported: false, good: true, digest: key.digest.digest, key, needed: Need::NOTHING };
    LiveStream::new(Some(standing), Transport::WebSocket, Ipv4Addr::LOCALHOST.into(), i64::MAX, 0)
}

const NOW: Timestamp = Timestamp { unix_ms: 0, ticks_ns: 5 };

#[tokio::test]
async fn a_waiting_stream_is_told_and_keeps_the_first_reason() {
    let registry = Arc::new(Registry::default());
    let entered = registry.enter(stream("a"));
    let other = registry.enter(stream("b"));
    let work = pin!(std::future::pending::<()>());
    let waiting = until_cut(&entered, work);
    let cutting = async {
        let only_a = |stream: &LiveStream| {
            stream.standing.as_ref().is_some_and(|standing| &*standing.key.id == "a").then_some(CutReason::Revoked)
        };
        assert_eq!(registry.cut_where(NOW, only_a).len(), 1);
        assert_eq!(registry.cut_where(NOW, |_| Some(CutReason::Drain)).len(), 1, "only the other is asked now");
    };
    let (told, ()) = tokio::join!(waiting, cutting);
    assert_eq!(told, Err(CutReason::Revoked));
    assert_eq!(other.cut_reason(), Some(CutReason::Drain));
    assert_eq!(entered.cut_at_ns(), 5);
}

#[tokio::test]
async fn what_was_cut_before_it_began_does_not_begin() {
    let entered = Arc::new(Registry::default()).enter(stream("a"));
    assert!(entered.cut(CutReason::KeyBlocked, NOW));
    let mut begun = false;
    assert_eq!(until_cut(&entered, pin!(async { begun = true })).await, Err(CutReason::KeyBlocked));
    assert!(!begun);
}

#[test]
fn the_oldest_of_a_key_go_first_and_nobody_elses() {
    let registry = Arc::new(Registry::default());
    let key = Arc::new(testing::secret("a", "a"));
    let of_key = |transport| {
        let standing =
            Standing { reported: false, good: true, digest: key.digest.digest, key: Arc::clone(&key), needed: Need::NOTHING };
        registry.enter(LiveStream::new(Some(standing), transport, Ipv4Addr::LOCALHOST.into(), i64::MAX, 0))
    };
    let other = registry.enter(stream("b"));
    let plain = of_key(Transport::Http);
    let mut streams: Vec<_> = (0..5).map(|_| of_key(Transport::WebSocket)).collect();
    let cut = |streams: &[Entered]| streams.iter().map(|stream| stream.cut_reason().is_some()).collect::<Vec<_>>();
    registry.evict_beyond(&streams[4], 5, NOW);
    assert_eq!(cut(&streams), [false; 5]);
    registry.evict_beyond(&streams[4], 3, NOW);
    assert_eq!(cut(&streams), [true, true, false, false, false]);
    // Those that were asked to go, and those that have gone, are not counted again.
    drop(streams.remove(3));
    streams.push(of_key(Transport::EventStream));
    registry.evict_beyond(&streams[4], 3, NOW);
    assert_eq!(cut(&streams), [true, true, false, false, false]);
    streams.push(of_key(Transport::WebSocket));
    registry.evict_beyond(&streams[5], 3, NOW);
    assert_eq!(cut(&streams), [true, true, true, false, false, false]);
    assert_eq!(streams[2].cut_reason(), Some(CutReason::Evicted));
    assert_eq!((other.cut_reason(), plain.cut_reason()), (None, None));
    drop((streams, other, plain));
    assert!(registry.is_empty() && registry.by_key.is_empty());
}

#[test]
fn a_change_of_a_key_asks_its_streams_and_no_others() {
    let registry = Arc::new(Registry::default());
    // A key that was taken out and made again has the same id.
    let streams = ["a", "b", "c", "a"].map(|id| registry.enter(stream(id)));
    let of_nobody = registry.enter(LiveStream::new(None, Transport::EventStream, Ipv4Addr::LOCALHOST.into(), i64::MAX, 0));
    let mut plain = stream("b");
    plain.transport = Transport::Http;
    let exchange = registry.enter(plain);
    let mut asked = Vec::new();
    let only_streams = |stream: &LiveStream| {
        asked.push(stream.id);
        stream.transport.is_stream().then_some(CutReason::Revoked)
    };
    assert_eq!(registry.cut_of_keys(["a", "nobody"], NOW, only_streams).len(), 2);
    asked.sort_unstable();
    assert_eq!(asked, [streams[0].id, streams[3].id, exchange.id]);
    assert_eq!(registry.cut_of_keys(["a", "c"], NOW, |_| Some(CutReason::Removed)).len(), 2, "the exchange, and what is of `c`");
    assert_eq!(streams.each_ref().map(|stream| stream.cut_reason().is_some()), [true, false, true, true]);
    assert_eq!(of_nobody.cut_reason(), None);
    assert_eq!(registry.len(), 6);
}

#[test]
fn a_stream_that_is_gone_is_forgotten() {
    let registry = Arc::new(Registry::default());
    let entered: Vec<_> = (0..100).map(|_| registry.enter(stream("a"))).collect();
    assert_eq!(registry.len(), 100);
    drop(entered);
    assert!(registry.is_empty());
}
