//! What a page may ask without a key: whether it may send the request that it has in mind.

use keygate::gate::{
    Gate,
    credential::Environment,
    denial::Denial,
    keys::KeyRecord,
    policy::{Demand, Policy, Route},
    testing,
};

use crate::world::{Ask, LISTED, NOW, UNLISTED, gate};

const TEST_PAGE: &str = "https://staging.test";

fn policy() -> Policy {
    let posted = testing::route("posted", "/posted", Demand::Any);
    testing::policy([Route { methods: ["POST".into()].into(), ..posted }])
}

fn records() -> [KeyRecord; 2] {
    let staging = testing::publishable("test", "pk_test", &[TEST_PAGE]);
    [testing::publishable("live", "pk_live", &[LISTED]), KeyRecord { environment: Environment::Test, ..staging }]
}

fn preflight(origin: &str) -> Ask {
    Ask::new("OPTIONS", "/posted").origin(origin).header("Access-Control-Request-Method", "POST")
}

#[track_caller]
fn check(ask: &Ask, expected: Option<Result<(), Denial>>) {
    let gate = gate(policy(), records());
    assert_eq!(ask.with_head(|head| gate.preflight(head, NOW)), expected);
}

#[test]
fn a_listed_page_may_send_what_a_route_takes() {
    check(&preflight(LISTED), Some(Ok(())));
}

#[test]
fn it_is_routed_by_the_method_that_it_asks_for() {
    let asking = |method| Ask::new("OPTIONS", "/posted").origin(LISTED).header("Access-Control-Request-Method", method);
    check(&asking("POST"), Some(Ok(())));
    for method in ["PUT", "OPTIONS", "post", ""] {
        check(&asking(method), Some(Err(Denial::NoRoute)));
    }
    let elsewhere = Ask::new("OPTIONS", "/elsewhere").origin(LISTED).header("Access-Control-Request-Method", "POST");
    check(&elsewhere, Some(Err(Denial::NoRoute)));
}

/// Else anything could be sent to where only `POST` is taken.
#[test]
fn what_is_no_preflight_is_routed_by_its_own_method() {
    let gate = gate(policy(), records());
    let outcome = |method, asking: &str| {
        let ask = Ask::new(method, "/posted").origin(LISTED).key("pk_live");
        ask.header("Access-Control-Request-Method", asking).outcome(&gate)
    };
    assert_eq!((outcome("GET", "POST"), outcome("DELETE", "POST")), (Err(Denial::NoRoute), Err(Denial::NoRoute)));
    assert_eq!((outcome("POST", "GET"), outcome("POST", "POST")), (Ok(()), Ok(())));
}

#[test]
fn other_pages_may_not() {
    for origin in [UNLISTED, "null", "http://app.test", "https://app.test:8443", "https://app.test.evil.test", ""] {
        check(&preflight(origin), Some(Err(Denial::OriginRefused)));
    }
}

#[test]
fn a_page_counts_only_where_its_environment_is_let_in() {
    check(&preflight(TEST_PAGE), Some(Err(Denial::OriginRefused)));
    let both = Policy { environments: vec![Environment::Live, Environment::Test], ..policy() };
    let gate = gate(both, records());
    assert_eq!(preflight(TEST_PAGE).with_head(|head| gate.preflight(head, NOW)), Some(Ok(())));
}

#[test]
fn what_lacks_a_part_is_no_preflight() {
    let method = |ask: Ask| ask.header("Access-Control-Request-Method", "POST");
    check(&Ask::new("OPTIONS", "/posted").origin(LISTED), None);
    check(&method(Ask::new("OPTIONS", "/posted")), None);
    check(&method(Ask::new("GET", "/posted").origin(LISTED)), None);
    check(&method(Ask::new("options", "/posted").origin(LISTED)), None);
}

#[test]
fn none_is_answered_before_there_are_keys() {
    let gate = Gate::new(policy());
    assert_eq!(preflight(LISTED).with_head(|head| gate.preflight(head, NOW)), Some(Err(Denial::NotReady)));
}

/// The page must be able to read why it was refused, and a stranger must not.
#[test]
fn a_refusal_tells_whether_its_page_is_listed() {
    let gate = gate(policy(), records());
    for (origin, listed) in [(LISTED, true), (UNLISTED, false), (TEST_PAGE, false)] {
        let refusal = Ask::new("POST", "/posted").origin(origin).at(&gate, NOW).expect_err("no key");
        assert_eq!(refusal.origin_listed, listed, "{origin}");
    }
}

/// It needs no key, but its answer is for a listed page to read and for no other.
#[test]
fn the_answer_of_a_public_route_is_for_listed_pages() {
    let open = testing::policy([testing::route("open", "/open", Demand::Public)]);
    let gate = gate(open, records());
    let readable = |ask: Ask| ask.at(&gate, NOW).expect("a permit").origin_listed();
    for (origin, listed) in [(LISTED, true), (UNLISTED, false), (TEST_PAGE, false), ("null", false)] {
        assert_eq!(readable(Ask::get("/open").origin(origin)), listed, "{origin}");
    }
    assert!(!readable(Ask::get("/open")));
}
