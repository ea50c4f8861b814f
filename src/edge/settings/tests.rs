use std::net::Ipv4Addr;

use super::*;
use crate::{
    gate::{
        Admitted, Gate,
        keys::KeySetBuilder,
        policy::Demand,
        request::{Header, RequestHead},
        testing,
        time::Timestamp,
    },
    upstream::{Backend, Balance, UpstreamTimeouts},
};

const SECOND: Duration = Duration::from_secs(1);

fn to(port: u16) -> Arc<UpstreamSpec> {
    Arc::new(UpstreamSpec {
        name: "upstream".into(),
        addresses: vec![Backend::Tcp { host: "127.0.0.1".to_owned(), port, tls: false }],
        balance: Balance::RoundRobin,
        health: None,
        timeouts: UpstreamTimeouts { connect: SECOND, head: SECOND, idle: SECOND },
    })
}

fn forward(port: u16) -> ForwardSpec {
    ForwardSpec { live: Some(to(port)), test: None, rewrite: None, headers: Vec::new() }
}

fn settings(policy: &Arc<Policy>, ports: &[u16], before: Option<&Settings>) -> Settings {
    let forwards: Vec<_> = ports.iter().map(|port| forward(*port)).collect();
    let timeouts = Timeouts { head: SECOND, idle: SECOND, body: None };
    let caps = ConnectionCaps { total: 1, per_peer: None };
    Settings::new(Arc::clone(policy), &forwards, timeouts, caps, before).unwrap()
}

fn policy() -> Arc<Policy> {
    Arc::new(testing::policy([testing::route("one", "/one", Demand::Any), testing::route("two", "/two", Demand::Any)]))
}

/// A permit for `path` by `policy`.
fn permit(policy: &Arc<Policy>, path: &str) -> Permit {
    let mut keys = KeySetBuilder::default();
    keys.add(testing::secret("server", "k1"));
    let gate = Gate::new((**policy).clone());
    gate.publish(Arc::clone(policy), Arc::new(keys.build().unwrap()));
    let headers = [Header { name: "x-api-key", value: b"k1" }];
    let head = RequestHead::new("GET", path, &headers, Ipv4Addr::LOCALHOST.into(), true).unwrap();
    let Ok(Admitted::Permit(permit)) = gate.admit(&head, Timestamp { unix_ms: 1, ticks_ns: 1 }) else { panic!("no permit") };
    permit
}

fn port_of(settings: &Settings, permit: &Permit) -> Option<u16> {
    let forward = settings.for_permit(permit)?;
    let upstream = forward.upstreams().next().unwrap();
    match &upstream.spec().addresses[0] {
        Backend::Tcp { port, .. } => Some(*port),
        Backend::Unix(_) => None,
    }
}

#[test]
fn a_permit_goes_where_its_own_policy_says() {
    let (first, second) = (policy(), policy());
    let one = settings(&first, &[1, 2], None);
    let two = settings(&second, &[3, 4], Some(&one));
    let of_first = permit(&first, "/two");
    assert_eq!((port_of(&one, &of_first), port_of(&two, &of_first)), (Some(2), Some(2)), "under its own, and the next");
    let mut later = settings(&policy(), &[5, 6], Some(&two));
    for _ in 2..REMEMBERED {
        later = settings(&policy(), &[5, 6], Some(&later));
    }
    assert_eq!(port_of(&later, &of_first), Some(2), "as the oldest that is known");
    assert_eq!(port_of(&settings(&policy(), &[5, 6], Some(&later)), &of_first), None, "and then no more");
    assert_eq!(port_of(&two, &permit(&second, "/one")), Some(3));
    assert_eq!(port_of(&one, &permit(&second, "/one")), None, "nor does a policy go by settings that are older");
}

#[test]
fn an_upstream_that_is_left_alone_is_the_same_one() {
    let (first, second) = (policy(), policy());
    let one = settings(&first, &[1, 2], None);
    let two = settings(&second, &[2, 3], Some(&one));
    assert!(Arc::ptr_eq(&one.upstreams[1], &two.upstreams[0]));
    assert!(two.upstreams.iter().all(|upstream| !Arc::ptr_eq(upstream, &one.upstreams[0])));
    let same = settings(&first, &[1, 1], None);
    assert_eq!(same.upstreams.len(), 1, "routes that say the same share it");
}

#[test]
fn settings_of_other_routes_are_refused() {
    let forwards = vec![forward(1)];
    let caps = ConnectionCaps { total: 1, per_peer: None };
    assert!(Settings::new(policy(), &forwards, Timeouts { head: SECOND, idle: SECOND, body: None }, caps, None).is_err());
}
