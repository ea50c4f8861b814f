//! What comes of a request whose channel stands in its body, besides whether it passes.

use std::sync::Arc;

use keygate::gate::{
    Admitted, Gate, NeedBody,
    capability::Operation,
    channel::{ChannelSource, Pointer},
    denial::Denial,
    keys::{KeyLimits, KeyRecord},
    policy::{Demand, Policy, Route},
    testing,
};

use crate::world::{Ask, LISTED, NOW, UNLISTED, at_once, gate};

const PATIENCE: u32 = 3;

/// A gate that bears a few refusals of an address, and a key that may publish to `a`, twice.
fn posting() -> Gate {
    let json = ChannelSource::Json(Pointer::parse("/channel").expect("a pointer"));
    let route = Route { channel: json, ..testing::route("post", "/post", Demand::Operation(Operation::Publish)) };
    let limits = KeyLimits { rate: Some(at_once(2)), ..KeyLimits::default() };
    let key = KeyRecord {
        capabilities: testing::capable(&[("a", &["publish"])]),
        limits: Arc::new(limits),
        ..testing::secret("key", "text")
    };
    let page = testing::publishable("page", "pk", &[LISTED]);
    gate(Policy { peer_refusals: Some(at_once(PATIENCE)), ..testing::policy([route]) }, [key, page])
}

fn post(body: &str) -> Ask {
    Ask::new("POST", "/post").key("text").header("Content-Type", "application/json").body(body)
}

fn need(gate: &Gate) -> NeedBody {
    match post("").with_head(|head| gate.admit(head, NOW)) {
        Ok(Admitted::NeedBody(need)) => need,
        other => panic!("no body is asked for: {other:?}"),
    }
}

#[test]
fn a_body_that_is_refused_is_charged_to_its_sender() {
    for (body, denial) in [
        (r#"{"channel":"b"}"#, Denial::NotCapable),
        ("{}", Denial::ChannelMissing),
        (r#"{"channel":"a","Channel":"a"}"#, Denial::ChannelAmbiguous),
        ("", Denial::BodyUnreadable),
    ] {
        let gate = posting();
        let refused: Vec<_> = (0..=PATIENCE).map(|_| post(body).outcome(&gate)).collect();
        let (last, before) = refused.split_last().expect("refusals");
        assert_eq!(before, vec![Err(denial); before.len()]);
        assert_eq!(*last, Err(Denial::PeerLimited), "{body}");
    }
}

#[test]
fn so_is_one_that_cannot_be_had() {
    let gate = posting();
    for _ in 0..PATIENCE {
        let refusal = gate.give_up(need(&gate), Denial::BodyTooLarge, NOW).expect_err("a refusal");
        assert_eq!(refusal.denial, Denial::BodyTooLarge);
    }
    assert_eq!(post("").outcome(&gate), Err(Denial::PeerLimited));
}

#[test]
fn a_body_that_comes_too_often_is_charged_to_nobody() {
    let gate = posting();
    let good = post(r#"{"channel":"a"}"#);
    let outcomes: Vec<_> = (0..10).map(|_| good.outcome(&gate)).collect();
    assert_eq!(outcomes[..2], [Ok(()), Ok(())]);
    assert_eq!(outcomes[2..], [Err(Denial::RateLimited); 8]);
}

#[test]
fn its_refusal_tells_as_much_as_that_of_a_head() {
    let gate = posting();
    for (origin, listed) in [(LISTED, true), (UNLISTED, false)] {
        let refusal = post("{}").origin(origin).at(&gate, NOW).expect_err("a refusal");
        assert_eq!(refusal.denial, Denial::ChannelMissing);
        assert_eq!(refusal.key.map(|key| key.id.to_string()).as_deref(), Some("key"));
        assert_eq!(refusal.route.map(|route| route.name.to_string()).as_deref(), Some("post"));
        assert_eq!((refusal.charges.iter().count(), refusal.origin_listed), (0, listed));
    }
    let spent = (0..3).map(|_| post(r#"{"channel":"a"}"#).at(&gate, NOW)).find_map(Result::err).expect("a refusal by the rate");
    assert_eq!(spent.charges.violated().map(|charge| charge.limit.name()).collect::<Vec<_>>(), ["rate"]);
}

/// Nothing was published meanwhile, and no stream is open that could be cut: it is the time that is over.
#[test]
fn a_body_does_not_outlive_the_key_that_it_came_with() {
    let outcome = |expires_at_ms: i64, fresh_until: u64, later_ms: u64| {
        let (json, text) = (ChannelSource::Json(Pointer::parse("/channel").expect("a pointer")), r#"{"channel":"a"}"#);
        let route = Route { channel: json, ..testing::route("post", "/post", Demand::Operation(Operation::Publish)) };
        let gate = gate(testing::policy([route]), [KeyRecord { expires_at_ms, ..testing::secret("key", "text") }]);
        gate.keys_are_fresh_until(fresh_until);
        let then = NOW.after_ns(later_ms * 1_000_000);
        let read = gate.finish(need(&gate), text.as_bytes(), then).map(drop).map_err(|refusal| refusal.denial);
        let lost = gate.give_up(need(&gate), Denial::ChannelMissing, then).map(drop).map_err(|refusal| refusal.denial);
        (read, lost)
    };
    let (soon_ms, soon_ns) = (NOW.unix_ms + 10, NOW.ticks_ns + 10_000_000);
    assert_eq!(outcome(soon_ms, u64::MAX, 9), (Ok(()), Err(Denial::ChannelMissing)));
    assert_eq!(outcome(soon_ms, u64::MAX, 10), (Err(Denial::KeyExpired), Err(Denial::KeyExpired)));
    assert_eq!(outcome(i64::MAX, soon_ns, 9), (Ok(()), Err(Denial::ChannelMissing)));
    assert_eq!(outcome(i64::MAX, soon_ns, 10), (Err(Denial::KeysStale), Err(Denial::KeysStale)));
}
