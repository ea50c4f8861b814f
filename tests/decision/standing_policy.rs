//! What an open stream goes on standing on in the policy: its route, what that demands, its page's origin, and the mode.

use std::sync::Arc;

use keygate::gate::{
    Asking, Gate,
    capability::Operation,
    channel::ChannelSource,
    denial::Denial,
    keys::{BrowserRule, KeyRecord},
    permit::Permit,
    policy::{Demand, Mode, PathPattern, Policy, Route},
    testing,
};

use crate::world::{Ask, NOW, PEER, gate, set};

const PAGE: &str = "https://app.example.com";

fn route(demand: Demand) -> Route {
    testing::route("events", "/events", demand)
}

fn subscribe() -> Route {
    route(Demand::Operation(Operation::Subscribe))
}

fn secret() -> KeyRecord {
    testing::secret("key", "text")
}

/// A stream that was let in, and the gate.
struct Stream {
    gate: Gate,
    permit: Permit,
    asking: Asking,
}

impl Stream {
    fn open(ask: &Ask, policy: Policy, record: KeyRecord) -> Self {
        let gate = gate(policy, [record]);
        let permit = ask.at(&gate, NOW).expect("a permit");
        let asking = ask.with_head(|head| Asking::of(head, &permit));
        let stream = Self { gate, permit, asking };
        assert_eq!(stream.stands(), Ok(()), "before the change");
        stream
    }

    fn stands(&self) -> Result<(), Denial> {
        self.gate.still_stands(self.permit.standing(), Some(&self.asking), PEER.into(), NOW).map(drop)
    }

    #[track_caller]
    fn after(&self, policy: Policy, record: KeyRecord, expected: Result<(), Denial>) {
        self.gate.publish(Arc::new(policy), Arc::new(set([record])));
        assert_eq!(self.stands(), expected);
    }
}

fn ask() -> Ask {
    Ask::get("/events").key("text").event_stream()
}

#[test]
fn it_falls_with_its_route() {
    let stream = Stream::open(&ask(), testing::policy([subscribe()]), secret());
    stream.after(testing::policy([Route { name: "renamed".into(), ..subscribe() }]), secret(), Ok(()));
    stream.after(testing::policy([Route { methods: ["GET".into(), "POST".into()].into(), ..subscribe() }]), secret(), Ok(()));
    stream.after(testing::policy([Route { methods: ["POST".into()].into(), ..subscribe() }]), secret(), Err(Denial::NoRoute));
    let elsewhere = Route { path: PathPattern::parse("/other").unwrap(), ..subscribe() };
    stream.after(testing::policy([elsewhere]), secret(), Err(Denial::NoRoute));
    stream.after(testing::policy([subscribe()]), secret(), Ok(()));
}

#[test]
fn it_is_asked_by_the_route_that_it_takes_now() {
    let publish_only = || KeyRecord { capabilities: testing::capable(&[("*", &["publish"])]), ..secret() };
    let publish = || Demand::Operation(Operation::Publish);
    let stream = Stream::open(&ask(), testing::policy([route(publish())]), publish_only());
    stream.after(testing::policy([subscribe()]), publish_only(), Err(Denial::NotCapable));
    // The first that matches counts, as for requests.
    stream.after(
        testing::policy([Route { name: "before".into(), ..subscribe() }, route(publish())]),
        publish_only(),
        Err(Denial::NotCapable),
    );
    stream.after(testing::policy([route(Demand::Public)]), publish_only(), Ok(()));
}

#[test]
fn what_was_open_to_all_falls_when_it_is_not() {
    let stream = Stream::open(&Ask::get("/events").event_stream(), testing::policy([route(Demand::Public)]), secret());
    stream.after(testing::policy([subscribe()]), secret(), Err(Denial::MissingKey));
    stream.after(testing::policy([]), secret(), Err(Denial::NoRoute));
    stream.after(Policy { mode: Mode::Report, ..testing::policy([subscribe()]) }, secret(), Ok(()));
}

#[test]
fn what_was_only_reported_falls_when_it_is_refused() {
    let watching = |mode| Policy { mode, ..testing::policy([subscribe()]) };
    let unable = || KeyRecord { capabilities: testing::capable(&[("*", &["publish"])]), ..secret() };
    let stream = Stream::open(&ask(), watching(Mode::Report), unable());
    stream.after(watching(Mode::Enforce), unable(), Err(Denial::NotCapable));
    stream.after(watching(Mode::Enforce), secret(), Ok(()));
    stream.after(watching(Mode::Report), unable(), Ok(()));

    let nobody = Stream::open(&Ask::get("/events").event_stream(), watching(Mode::Report), secret());
    nobody.after(watching(Mode::Enforce), secret(), Err(Denial::MissingKey));
}

#[test]
fn it_falls_with_its_origin() {
    let listing = |origins: &[&str]| testing::publishable("key", "text", origins);
    let policy = || testing::policy([Route { enforced_inside: true, ..subscribe() }]);
    let stream = Stream::open(&ask().origin(PAGE), policy(), listing(&[PAGE]));
    stream.after(policy(), listing(&[PAGE, "https://other.example.com"]), Ok(()));
    stream.after(policy(), listing(&["https://*.example.com"]), Ok(()));
    stream.after(policy(), listing(&["https://other.example.com"]), Err(Denial::OriginRefused));

    let native = |missing_origin| KeyRecord { missing_origin, ..listing(&[PAGE]) };
    let app = Stream::open(&ask(), policy(), native(true));
    app.after(policy(), native(false), Err(Denial::OriginMissing));

    let reporting = |browser| KeyRecord { rare: testing::in_browsers(browser), ..secret() };
    let page = ask().origin(PAGE).header("Sec-Fetch-Site", "cross-site");
    let leaked = Stream::open(&page, policy(), reporting(BrowserRule::Report));
    leaked.after(policy(), reporting(BrowserRule::Refuse), Err(Denial::SecretInBrowser));
}

#[test]
fn a_channel_that_nobody_looked_for_is_not_taken_for_held() {
    let chat = || KeyRecord { capabilities: testing::capable(&[("chat:*", &["subscribe"])]), ..secret() };
    let inside = || Route { enforced_inside: true, ..subscribe() };
    let fixed = |name: &str| Route { channel: ChannelSource::Fixed(name.into()), ..subscribe() };
    let stream = Stream::open(&ask(), testing::policy([inside()]), chat());
    stream.after(testing::policy([fixed("chat:1")]), chat(), Err(Denial::ChannelMissing));
    stream.after(testing::policy([inside()]), chat(), Ok(()));
    stream.after(testing::policy([Route { name: "renamed".into(), ..inside() }]), chat(), Ok(()));

    let named = Stream::open(&ask(), testing::policy([fixed("chat:1")]), chat());
    named.after(testing::policy([Route { one_way: true, ..fixed("chat:1") }]), chat(), Ok(()));
    named.after(testing::policy([fixed("chat:2")]), chat(), Err(Denial::ChannelMissing));
    named.after(
        testing::policy([fixed("chat:1")]),
        KeyRecord { capabilities: testing::capable(&[("news", &["subscribe"])]), ..secret() },
        Err(Denial::NotCapable),
    );
}
