//! What an open stream goes on standing on: everything that could be taken from its key.

use std::sync::Arc;

use keygate::gate::{
    Gate, Standing,
    capability::{AdminRight, Capabilities, Operation},
    credential::Environment,
    denial::Denial,
    keys::{KeyRecord, PreviousDigest, RareFields, State},
    peer::Networks,
    policy::{Demand, Policy, Route},
    testing,
};

use crate::world::{Ask, NOW, PEER, gate, set};

fn policy() -> Policy {
    testing::policy([testing::route("events", "/events", Demand::Operation(Operation::Subscribe))])
}

fn key() -> KeyRecord {
    testing::secret("key", "text")
}

/// A gate, and what a stream stands on that came in with `text` under `record`.
fn stream(record: KeyRecord, text: &str) -> (Gate, Standing) {
    let gate = gate(policy(), [record]);
    let permit = Ask::get("/events").key(text).event_stream().at(&gate, NOW).expect("a permit");
    let standing = permit.standing().expect("a key").clone();
    (gate, standing)
}

#[track_caller]
fn after_reload(records: impl IntoIterator<Item = KeyRecord>, expected: Result<(), Denial>) {
    let (gate, standing) = stream(key(), "text");
    assert!(gate.still_stands(Some(&standing), None, PEER.into(), NOW).is_ok(), "before the reload");
    gate.publish(Arc::new(policy()), Arc::new(set(records)));
    assert_eq!(gate.still_stands(Some(&standing), None, PEER.into(), NOW).map(drop), expected);
}

fn may(names: &[&str]) -> Arc<Capabilities> {
    testing::capable(&[("*", names)])
}

#[test]
fn a_reload_that_takes_nothing_away_leaves_it_standing() {
    after_reload([key()], Ok(()));
    after_reload([key(), testing::secret("other", "other")], Ok(()));
    after_reload([KeyRecord { capabilities: may(&["subscribe"]), ..key() }], Ok(()));
    after_reload([KeyRecord { expires_at_ms: NOW.unix_ms + 1, ..key() }], Ok(()));
}

#[test]
fn it_falls_with_its_key() {
    after_reload([], Err(Denial::UnknownKey));
    after_reload([testing::secret("renamed", "text")], Err(Denial::UnknownKey));
    after_reload([KeyRecord { state: State::Disabled, ..key() }], Err(Denial::KeyDisabled));
    after_reload([KeyRecord { state: State::Revoked, ..key() }], Err(Denial::KeyRevoked));
    after_reload([KeyRecord { expires_at_ms: NOW.unix_ms, ..key() }], Err(Denial::KeyExpired));
    after_reload([KeyRecord { environment: Environment::Test, ..key() }], Err(Denial::WrongEnvironment));
}

#[test]
fn it_falls_with_the_operation_it_needs() {
    after_reload([KeyRecord { capabilities: may(&["publish"]), ..key() }], Err(Denial::NotCapable));
    let narrower = testing::capable(&[("chat:*", &["subscribe"])]);
    after_reload([KeyRecord { capabilities: narrower, ..key() }], Err(Denial::NotCapable));
}

#[test]
fn where_the_backend_looks_at_the_channel_it_stands_while_the_operation_is_held_anywhere() {
    let inside = Route { enforced_inside: true, ..testing::route("events", "/events", Demand::Operation(Operation::Subscribe)) };
    let policy = || testing::policy([inside.clone()]);
    let gate = gate(policy(), [key()]);
    let permit = Ask::get("/events").key("text").websocket().at(&gate, NOW).expect("a permit");
    for (held, expected) in [
        (testing::capable(&[("chat:*", &["subscribe"])]), Ok(())),
        (testing::capable(&[("chat:*", &["publish"])]), Err(Denial::NotCapable)),
    ] {
        gate.publish(Arc::new(policy()), Arc::new(set([KeyRecord { capabilities: held, ..key() }])));
        assert_eq!(gate.still_stands(permit.standing(), None, PEER.into(), NOW).map(drop), expected);
    }
}

#[test]
fn it_falls_with_the_right_to_management_it_needs() {
    let policy =
        || testing::policy([testing::route("api", "/api", Demand::Admin(AdminRight::parse("admin:acl").expect("a right")))]);
    let gate = gate(policy(), [key()]);
    let permit = Ask::get("/api").key("text").at(&gate, NOW).expect("a permit");
    for (names, expected) in [
        (["admin"].as_slice(), Ok(())),
        (&["admin:acl"], Ok(())),
        (&["*"], Err(Denial::NotCapable)),
        (&["admin:clients"], Err(Denial::NotCapable)),
    ] {
        gate.publish(Arc::new(policy()), Arc::new(set([KeyRecord { capabilities: may(names), ..key() }])));
        assert_eq!(gate.still_stands(permit.standing(), None, PEER.into(), NOW).map(drop), expected, "{names:?}");
    }
}

#[test]
fn a_websocket_that_nobody_reads_falls_with_any_operation() {
    let gate = gate(policy(), [key()]);
    let permit = Ask::get("/events").key("text").websocket().at(&gate, NOW).expect("a permit");
    let less = KeyRecord { capabilities: may(&["subscribe", "publish"]), ..key() };
    gate.publish(Arc::new(policy()), Arc::new(set([less])));
    assert_eq!(gate.still_stands(permit.standing(), None, PEER.into(), NOW), Err(Denial::NotCapable));
}

#[test]
fn it_falls_where_its_key_may_no_longer_be_used_from_there() {
    let from = |network: &str| {
        let ips = Networks::new([Networks::parse(network).expect("a network")]).ok();
        KeyRecord { rare: RareFields { ips, ..RareFields::default() }.into(), ..key() }
    };
    after_reload([from("192.0.2.0/24")], Ok(()));
    after_reload([from("198.51.100.0/24")], Err(Denial::AddressRefused));
}

#[test]
fn it_falls_with_the_secret_it_came_in_with() {
    after_reload([testing::secret("key", "rotated")], Err(Denial::UnknownKey));
    let in_grace = |until_ms| KeyRecord {
        rare: testing::rotated([PreviousDigest { digest: testing::digest("text"), until_ms }]),
        ..testing::secret("key", "rotated")
    };
    after_reload([in_grace(NOW.unix_ms + 1)], Ok(()));
    after_reload([in_grace(NOW.unix_ms)], Err(Denial::KeyExpired));
}

#[test]
fn it_falls_when_its_time_comes_without_any_reload() {
    let (gate, standing) = stream(KeyRecord { expires_at_ms: NOW.unix_ms + 1000, ..key() }, "text");
    assert!(gate.still_stands(Some(&standing), None, PEER.into(), NOW.after_ns(999_000_000)).is_ok());
    assert_eq!(gate.still_stands(Some(&standing), None, PEER.into(), NOW.after_ns(1_000_000_000)), Err(Denial::KeyExpired));
}

#[test]
fn a_permit_says_when_that_will_be() {
    let ends = KeyRecord { expires_at_ms: NOW.unix_ms + 1000, ..key() };
    for (record, until_ms) in [(key(), i64::MAX), (ends, NOW.unix_ms + 1000)] {
        let gate = gate(policy(), [record]);
        assert_eq!(Ask::get("/events").key("text").at(&gate, NOW).expect("a permit").until_ms(), until_ms);
    }
}

#[test]
fn it_falls_with_the_environment_of_its_gate() {
    let (gate, standing) = stream(key(), "text");
    let only_test = Policy { environments: vec![Environment::Test], ..policy() };
    gate.publish(Arc::new(only_test), Arc::new(set([key()])));
    assert_eq!(gate.still_stands(Some(&standing), None, PEER.into(), NOW), Err(Denial::WrongEnvironment));
}
