//! What is true of any keys and any requests.

use std::sync::Arc;

use keygate::gate::{
    Gate,
    capability::{AdminRights, Capabilities, Need, Operation, Operations, Pattern},
    credential::{Digester, Environment, Kind, Location, Pepper, StoredDigest},
    denial::Denial,
    keys::{BrowserRule, KeyRecord, KeySetBuilder, State},
    origin::OriginPattern,
    policy::{Demand, Policy, Route},
    testing,
};
use proptest::prelude::*;

use crate::world::{Ask, LISTED, NOW, UNLISTED, at_once, gate};

proptest! {
    #[test]
    fn adding_a_key_changes_no_other_keys_verdict(
        own in records("own"),
        others in proptest::collection::vec(records("other"), 0..4),
        added in records("added"),
        pepper in any::<bool>(),
        ask in asks("own"),
    ) {
        let others = numbered(others);
        let before: Vec<_> = std::iter::once(&own).chain(&others).map(copy).collect();
        let after = before.iter().map(copy).chain([peppered(copy(&added), "added", pepper)]);
        let (before, after) = (gate_of(before.iter().map(copy)), gate_of(after));
        prop_assert_eq!(verdict(&before, &ask), verdict(&after, &ask));
    }

    #[test]
    fn equal_questions_get_equal_answers(
        own in records("own"),
        asked in proptest::collection::vec(asks("own"), 1..20),
    ) {
        let one = gate_of([copy(&own)]);
        let other = gate_of([own]);
        let first: Vec<_> = asked.iter().map(|ask| verdict(&one, ask)).collect();
        let again: Vec<_> = asked.iter().rev().map(|ask| verdict(&one, ask)).rev().collect();
        let elsewhere: Vec<_> = asked.iter().map(|ask| verdict(&other, ask)).collect();
        prop_assert_eq!(&first, &again);
        prop_assert_eq!(&first, &elsewhere);
    }

    #[test]
    fn more_rights_never_let_less_in(own in records("own"), more in capabilities(), ask in asks("own")) {
        let both = own.capabilities.entries().iter().chain(more.entries()).cloned();
        let capabilities = Arc::new(Capabilities::new(both, AdminRights::None));
        let more = KeyRecord { capabilities, ..copy(&own) };
        if verdict(&gate_of([own]), &ask).is_ok() {
            prop_assert!(verdict(&gate_of([more]), &ask).is_ok());
        }
    }

    /// Only a peer that is refused is slowed down, exactly when its refusals are spent, and whatever others do.
    #[test]
    fn a_peer_is_limited_by_its_own_refusals_only(
        burst in 1u32..20,
        traffic in proptest::collection::vec((0u8..4, any::<bool>()), 0..200),
    ) {
        let gate = gate(Policy { peer_refusals: Some(at_once(burst)), ..policy() }, [testing::secret("own", "own")]);
        let mut refusals = [0; 4];
        for (peer, good) in traffic {
            let spent = &mut refusals[usize::from(peer)];
            let ask = Ask::get("/any").from([198, 51, 100, peer]);
            let outcome = ask.key(if good { "own" } else { "guess" }).outcome(&gate);
            let expected = match (*spent < burst, good) {
                (false, _) => Err(Denial::PeerLimited),
                (true, true) => Ok(()),
                (true, false) => Err(Denial::UnknownKey),
            };
            prop_assert_eq!(outcome, expected, "peer {} after {} refusals of {}", peer, spent, burst);
            *spent += u32::from(outcome == Err(Denial::UnknownKey));
        }
    }
}

/// Everything of an outcome that can be compared.
type Verdict = Result<(String, Option<Location>, Option<Need>, i64, bool, bool), (Denial, Option<String>)>;

fn verdict(gate: &Gate, ask: &Ask) -> Verdict {
    match ask.at(gate, NOW) {
        Ok(permit) => Ok((
            permit.key().map(|key| key.id.to_string()).unwrap_or_default(),
            permit.location(),
            permit.standing().map(|standing| standing.needed.clone()),
            permit.until_ms(),
            permit.origin_listed(),
            permit.browser_report(),
        )),
        Err(refusal) => Err((refusal.denial, refusal.key.map(|key| key.id.to_string()))),
    }
}

fn policy() -> Policy {
    testing::policy([
        testing::route("any", "/any", Demand::Any),
        testing::route("publish", "/publish", Demand::Operation(Operation::Publish)),
        Route { enforced_inside: true, ..testing::route("inside", "/inside", Demand::Operation(Operation::Publish)) },
    ])
}

fn gate_of(records: impl IntoIterator<Item = KeyRecord>) -> Gate {
    let gate = Gate::new(policy());
    let mut keys = KeySetBuilder::new(Some(Arc::new(pepper())));
    for record in records {
        keys.add(record);
    }
    gate.publish(Arc::new(policy()), Arc::new(keys.build().expect("a key set")));
    gate
}

fn pepper() -> Pepper {
    Pepper::new(&[7; 32]).expect("a pepper")
}

/// The key with a peppered digest of `text`, or as it was.
fn peppered(record: KeyRecord, text: &str, wanted: bool) -> KeyRecord {
    let stored = Digester::Hmac(&pepper()).stored(text);
    let digest = if wanted { StoredDigest::parse(&stored).expect("a digest") } else { record.digest.clone() };
    KeyRecord { digest, ..record }
}

/// Gives each its own id and text.
fn numbered(records: Vec<KeyRecord>) -> Vec<KeyRecord> {
    let rename = |(at, record)| {
        let name = format!("other{at}");
        KeyRecord { digest: testing::digest(&name), id: (*name).into(), ..record }
    };
    records.into_iter().enumerate().map(rename).collect()
}

/// The record without the state of its limits.
fn copy(record: &KeyRecord) -> KeyRecord {
    KeyRecord {
        id: record.id.clone(),
        app: record.app.clone(),
        origins: record.origins.clone(),
        capabilities: Arc::clone(&record.capabilities),
        limits: Arc::clone(&record.limits),
        digest: record.digest.clone(),
        rare: record.rare.clone(),
        usage: Arc::default(),
        ..*record
    }
}

fn records(id: &'static str) -> impl Strategy<Value = KeyRecord> {
    let kind = prop_oneof![Just(Kind::Publishable), Just(Kind::Secret)];
    let environment = prop_oneof![4 => Just(Environment::Live), 1 => Just(Environment::Test)];
    let state = prop_oneof![6 => Just(State::Active), 1 => Just(State::Disabled), 1 => Just(State::Revoked)];
    let expires_at_ms = prop_oneof![4 => Just(i64::MAX), 1 => NOW.unix_ms - 2..NOW.unix_ms + 2];
    let browser = prop_oneof![Just(BrowserRule::Refuse), Just(BrowserRule::Report)];
    let origins = proptest::sample::subsequence(vec![LISTED, "https://*.test", "null"], 0..=3);
    (kind, environment, state, expires_at_ms, browser, origins, any::<bool>(), capabilities()).prop_map(
        move |(kind, environment, state, expires_at_ms, browser, origins, missing_origin, rights)| KeyRecord {
            kind,
            environment,
            state,
            expires_at_ms,
            rare: testing::in_browsers(browser),
            missing_origin,
            capabilities: Arc::new(rights),
            origins: origins.iter().filter_map(|text| OriginPattern::parse(text).ok()).collect(),
            ..testing::secret(id, id)
        },
    )
}

/// Operations on patterns of which some are every channel.
fn capabilities() -> impl Strategy<Value = Capabilities> {
    let patterns = proptest::sample::subsequence(vec!["*", "[*]*", "chat:*", "news", "[queue]*"], 0..=3);
    (patterns, any::<u32>()).prop_map(|(patterns, rights)| {
        let parsed = patterns.into_iter().filter_map(|text| Pattern::parse(text).ok());
        Capabilities::new(parsed.map(|pattern| (pattern, operations(rights))), AdminRights::None)
    })
}

/// Every fourth time everything; else those operations whose bits are set.
fn operations(bits: u32) -> Operations {
    let chosen = Operation::ALL.iter().zip(0u32..).filter(|(_, at)| bits.is_multiple_of(4) || bits >> at & 1 == 1);
    chosen.fold(Operations::NONE, |all, (operation, _)| all.with(*operation))
}

/// Requests that mostly present `text`.
fn asks(text: &'static str) -> impl Strategy<Value = Ask> {
    let path = prop_oneof![4 => Just("/any"), 4 => Just("/publish"), 4 => Just("/inside"), 1 => Just("/nowhere")];
    let place = 0u8..6;
    let shape = proptest::sample::select(&[std::convert::identity::<Ask> as fn(Ask) -> Ask, Ask::websocket, Ask::event_stream]);
    let origin = prop_oneof![Just(None), Just(Some(LISTED)), Just(Some(UNLISTED)), Just(Some("null"))];
    let site = prop_oneof![3 => Just(None), 1 => Just(Some("same-origin")), 1 => Just(Some("cross-site"))];
    (path, place, shape, origin, site).prop_map(move |(path, place, shape, origin, site)| {
        let ask = shape(Ask::get(path));
        let ask = match place {
            0 => ask,
            1 => ask.query(&format!("key={text}")),
            2 => ask.header("Authorization", &format!("Bearer {text}")),
            _ => ask.key(text),
        };
        let ask = origin.into_iter().fold(ask, Ask::origin);
        site.into_iter().fold(ask, |ask, site| ask.header("Sec-Fetch-Site", site))
    })
}
