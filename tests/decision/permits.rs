//! What a permit tells of the request that it lets in.

use std::sync::Arc;

use keygate::gate::{
    credential::{Location, Locations},
    keys::KeyRecord,
    policy::{Demand, Policy},
    request::Transport,
    testing,
};

use crate::world::{Ask, NOW, gate, key_of, places, set};

fn policy() -> Policy {
    let routes = [testing::route("open", "/open", Demand::Public), testing::route("any", "/any", Demand::Any)];
    let of_tests = testing::policy(routes);
    Policy { locations: Locations { secrets_in_query: true, ..of_tests.locations.clone() }, ..of_tests }
}

fn key() -> KeyRecord {
    KeyRecord { expires_at_ms: NOW.unix_ms + 7, ..testing::secret("key", "text") }
}

#[test]
fn it_tells_who_was_let_in_where_and_until_when() {
    let gate = gate(policy(), [key()]);
    for (ask, location, transport) in [
        (Ask::get("/any").key("text"), Location::Header, Transport::Http),
        (Ask::get("/any?key=text").event_stream(), Location::Query, Transport::EventStream),
        (Ask::get("/any").header("Authorization", "Bearer text").websocket(), Location::Bearer, Transport::WebSocket),
    ] {
        let permit = ask.at(&gate, NOW).expect("a permit");
        assert_eq!(permit.key().map(|key| &*key.id), Some("key"));
        assert_eq!((permit.location(), permit.transport()), (Some(location), transport));
        assert_eq!((&*permit.route().name, permit.until_ms()), ("any", NOW.unix_ms + 7));
        assert!(!permit.browser_report() && permit.reported().is_none());
    }
    let public = Ask::get("/open").key("text").at(&gate, NOW).expect("a permit");
    assert!(public.key().is_none() && public.location().is_none() && public.standing().is_none());
    assert_eq!((&*public.route().name, public.until_ms()), ("open", i64::MAX));
}

#[test]
fn it_belongs_to_the_snapshot_that_made_it() {
    let gate = gate(policy(), [key()]);
    let ask = Ask::get("/any").key("text");
    let before = ask.at(&gate, NOW).expect("a permit");
    let next = Arc::new(Policy { locations: Locations { cookie: Some("key".into()), ..policy().locations }, ..policy() });
    let keys = || Arc::new(set([key()]));
    let generations = [gate.publish(Arc::clone(&next), keys()), gate.publish_keys(&keys()), gate.publish_blocks(&Arc::default())];
    let after = ask.at(&gate, NOW).expect("a permit");
    assert_eq!((before.generation(), generations, after.generation()), (1, [2, 3, 4], 4));
    assert_eq!(gate.snapshot().generation, 4);
    assert!(Arc::ptr_eq(after.policy().0, &next) && !Arc::ptr_eq(before.policy().0, &next));
    assert_eq!((before.policy().1, after.policy().1), (1, 1), "the second route");
    assert_eq!((before.locations(), after.locations()), (&policy().locations, &next.locations));
}

#[test]
fn its_place_outlives_it_where_that_is_asked_for() {
    let gate = gate(policy(), [key()]);
    let record = key_of(&gate);
    let permit = Ask::get("/any").key("text").websocket().at(&gate, NOW).expect("a permit");
    let lease = permit.into_lease();
    assert!(lease.is_some());
    assert_eq!(places(&record), 1);
    drop(lease);
    assert_eq!(places(&record), 0);
    let plain = Ask::get("/any").key("text").at(&gate, NOW).expect("a permit");
    assert!(plain.into_lease().is_none());
}
