//! What would be refused and is only told of: whose word counts, and for how long.

use std::sync::Arc;

use keygate::gate::{
    Admitted, Gate, NeedBody,
    capability::Operation,
    channel::{ChannelSource, Pointer},
    denial::Denial,
    keys::{KeyRecord, RareFields, State},
    limit::Quota,
    permit::{Permit, Refusal},
    policy::{Demand, Mode, Policy, Route},
    testing,
};

use crate::world::{Ask, NOW, PEER, gate, set};

/// Of a peer without patience left nothing else is asked, its route included; but the route's mode counts.
#[test]
fn a_peer_that_was_refused_too_often_is_only_told_of() {
    let held = Route { mode: Some(Mode::Enforce), ..testing::route("held", "/held", Demand::Any) };
    let quota = Quota::new(1, 60, 1).expect("a quota");
    let policy = Policy {
        mode: Mode::Report,
        peer_refusals: Some(quota),
        ..testing::policy([held, testing::route("any", "/any", Demand::Any)])
    };
    let gate = gate(policy, [testing::secret("key", "text")]);
    for _ in 0..3 {
        gate.refuse_unread(PEER.into(), NOW);
    }
    let told =
        |path: &str| Ask::get(path).key("text").at(&gate, NOW).map(|permit| (permit.route().name.to_string(), permit.reported()));
    assert_eq!(told("/any").map_err(|refusal| refusal.denial), Ok(("any".to_owned(), Some(Denial::PeerLimited))));
    assert_eq!(told("/held").map_err(|refusal| refusal.denial), Err(Denial::PeerLimited));
}

fn posting(mode: Option<Mode>) -> Policy {
    let json = ChannelSource::Json(Pointer::parse("/channel").expect("a pointer"));
    testing::policy([Route { channel: json, mode, ..testing::route("post", "/post", Demand::Operation(Operation::Publish)) }])
}

/// What comes of a request for the channel `a` whose key is another one by the time that its body is there.
fn after_reload(mode: Option<Mode>, first: KeyRecord, then: KeyRecord) -> Result<Permit, Refusal> {
    let gate: Gate = gate(posting(mode), [first]);
    let ask = Ask::new("POST", "/post").key("text").header("Content-Type", "application/json");
    let need: NeedBody = match ask.with_head(|head| gate.admit(head, NOW)) {
        Ok(Admitted::NeedBody(need)) => need,
        other => panic!("no body is asked for: {other:?}"),
    };
    gate.publish(Arc::new(posting(mode)), Arc::new(set([then])));
    gate.finish(need, br#"{"channel":"a"}"#, NOW)
}

#[test]
fn a_body_is_asked_of_the_key_as_it_is_when_it_is_there() {
    let may = |channel: &str| KeyRecord {
        capabilities: testing::capable(&[(channel, &["publish"])]),
        ..testing::secret("key", "text")
    };
    let outcome = |first, then| after_reload(None, first, then).map(drop).map_err(|refusal| refusal.denial);
    assert_eq!(outcome(may("a"), may("*")), Ok(()));
    assert_eq!(outcome(may("a"), may("b")), Err(Denial::NotCapable));
    let permit = after_reload(Some(Mode::Report), may("a"), may("b")).expect("a report");
    assert_eq!((permit.reported(), permit.standing().map(|standing| standing.reported)), (Some(Denial::NotCapable), Some(true)));
}

#[test]
fn a_key_that_falls_while_its_body_comes_has_no_say() {
    let key = || KeyRecord {
        rare: RareFields { mode: Some(Mode::Report), ..RareFields::default() }.into(),
        ..testing::secret("key", "text")
    };
    let revoked = || KeyRecord { state: State::Revoked, ..key() };
    let refused = after_reload(None, key(), revoked()).map(drop).map_err(|refusal| refusal.denial);
    assert_eq!(refused, Err(Denial::KeyRevoked), "by its own mode it would come back to life");
    let permit = after_reload(Some(Mode::Report), key(), revoked()).expect("a report, by the route");
    assert_eq!((permit.reported(), permit.key().is_some()), (Some(Denial::KeyRevoked), false));
}
