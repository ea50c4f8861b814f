//! What good files mean: defaults, what a key takes over from them, and what lives on over a reload.

use std::{path::Path, sync::Arc, time::Duration};

use keygate::{
    config::{self, Config, KeyPlace, LogFormat, restart_only_changes, warnings},
    downstream::{LimitHeaders, ListenAddress, Logged},
    gate::{
        capability::Capabilities,
        credential::{Digester, Environment, Kind, Pepper, compose},
        keys::{BrowserRule, KeyLimits, KeyRecord, KeySet, OverConnections, State},
        limit::{OverRate, Quota, Quotas, StreamLimits, StreamRate, StreamRates},
        peer::{Networks, PeerAddress},
        policy::Mode,
    },
    upstream::{Backend, Balance, UpstreamSpec},
};

use super::{NO_LIMITS, keys, parse, root};

const MINIMAL: &str = "
listeners: [{ address: 127.0.0.1:8080 }]
upstream: 127.0.0.1:8000
environments: [live]
keys: { file: keys.yaml }
routes: [{ name: all, match: { path: /** }, operation: any }]
";

fn config(more: &str) -> Config {
    parse(&format!("{MINIMAL}{more}")).unwrap_or_else(|problems| panic!("{problems}"))
}

fn set(text: &str) -> KeySet {
    keys(Path::new("keys.yaml"), text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn only(set: &KeySet) -> Arc<KeyRecord> {
    Arc::clone(set.records().next().expect("a key"))
}

fn secret(id: &str, more: &str) -> String {
    format!("  - {{ id: {id}, app: demo, kind: secret, environment: live, digest: '{}'{more} }}\n", Digester::Sha256.stored(id))
}

fn one(more: &str) -> Arc<KeyRecord> {
    only(&set(&format!("keys:\n{}", secret("one", more))))
}

#[test]
fn what_holds_where_nothing_is_said() {
    let config = config("");
    assert_eq!(*config.key_limits, KeyLimits { rate: Quota::new(1000, 1, 2000).ok(), connections: Some(10_000), ..NO_LIMITS });
    assert_eq!(config.policy.locations.header.as_deref(), Some("x-api-key"));
    assert!(config.policy.locations.websocket_protocol && !config.policy.locations.bearer);
    assert!(config.policy.locations.query.is_empty() && !config.policy.locations.secrets_in_query);
    assert_eq!((config.limits.connections, config.limits.per_peer, config.policy.peer_refusals), (None, None, None));
    let timeouts = config.timeouts;
    let seconds =
        [timeouts.head, timeouts.idle, timeouts.upstream.connect, timeouts.upstream.head, timeouts.upstream.idle, timeouts.drain]
            .map(|span| span.as_secs());
    assert_eq!(seconds, [10, 60, 5, 60, 60, 25]);
    assert_eq!(timeouts.body, Some(Duration::from_secs(60)));
    assert_eq!((config.log.access, config.log.format), (Logged::Refused, LogFormat::Json));
    assert!(config.status.is_none() && config.control.is_none() && config.state.is_none());
    assert!(config.keys.pepper.is_none());
    assert_eq!(config.keys.place, KeyPlace::File("/etc/keygate/keys.yaml".into()));
    let [forward] = &*config.forwards else { panic!("one for each route") };
    let upstream = UpstreamSpec {
        name: "upstream".into(),
        addresses: vec![Backend::Tcp { host: "127.0.0.1".into(), port: 8000, tls: false }],
        balance: Balance::RoundRobin,
        health: None,
        timeouts: timeouts.upstream,
    };
    assert_eq!((forward.live.as_deref(), forward.test.as_deref()), (Some(&upstream), None));
    assert!(forward.rewrite.is_none() && forward.headers.is_empty());
}

#[test]
fn what_may_be_said_though_it_holds_anyway() {
    config("mode: enforce\ntrusted_proxies: []\nmetrics: { per_key: off }\ncredentials: {}\nlimits:\ntimeouts: ~\n");
}

#[test]
fn an_ampersand_in_a_text_is_no_anchor() {
    config("# R&D: *all* &of it\nlog: { access: 'all' } # &x *x\n");
    let named = |name: &str| one(&format!(", name: {name}"));
    named("R&D");
    named("'&a *b'");
    named("\"& *\"");
    assert_eq!(set(&format!("keys:\n{}    # &a\n", secret("one", ""))).len(), 1);
}

#[test]
fn a_rate_brings_its_own_burst() {
    let limits = |text: &str| *config(&format!("limits: {{ key: {text} }}")).key_limits;
    let rate = |requests, window_s, burst| Quota::new(requests, window_s, burst).ok();
    assert_eq!(limits("{ rate: 50/s }").rate, rate(50, 1, 50));
    assert_eq!(limits("{ rate: 50/m }").rate, rate(50, 60, 1));
    assert_eq!(limits("{ rate: 7200/h }").rate, rate(7200, 3600, 2));
    assert_eq!(limits("{ burst: 5 }").rate, rate(1000, 1, 5));
    assert_eq!(limits("{ rate: 50/s, burst: 5 }"), KeyLimits { rate: rate(50, 1, 5), connections: Some(10_000), ..NO_LIMITS });
    assert_eq!(limits("{ rate: off, connections: off }"), NO_LIMITS);
    let config = config("limits: { connections: 7, ip: { rate: 20/s, connections: 9 } }");
    assert_eq!(config.policy.peer_refusals, rate(20, 1, 20));
    assert_eq!((config.limits.connections, config.limits.per_peer), (Some(7), Some(9)));
}

#[test]
fn a_key_overrides_the_defaults_field_by_field() {
    let defaults = Arc::new(KeyLimits { rate: Quota::new(100, 1, 300).ok(), connections: Some(10), ..NO_LIMITS });
    let text = format!(
        "keys:\n{}{}{}",
        secret("a", ""),
        secret("b", ", limits: { connections: off }"),
        secret("c", ", limits: { rate: 5/s }")
    );
    let set = config::parse_keys(Path::new("keys.yaml"), &text, &defaults, None, None).unwrap();
    let limits = |id| *set.by_id(id).unwrap().limits;
    assert!(Arc::ptr_eq(&set.by_id("a").unwrap().limits, &defaults));
    assert_eq!(limits("b"), KeyLimits { connections: None, ..*defaults });
    assert_eq!(limits("c"), KeyLimits { rate: Quota::new(5, 1, 5).ok(), ..*defaults });
}

#[test]
fn quotas_are_of_a_day_and_a_month_each() {
    let quotas = |day, month| Quotas { day, month };
    let of = |text: &str| config(&format!("limits: {{ key: {{ quota: {text} }} }}")).key_limits.quotas;
    assert_eq!(of("{ day: 100000, month: 2000000 }"), quotas(Some(100_000), Some(2_000_000)));
    assert_eq!(of("{ month: 5 }"), quotas(None, Some(5)));
    assert_eq!(of("{ day: off, month: 5 }"), quotas(None, Some(5)));
    assert_eq!(of("off"), Quotas::default());

    let defaults = Arc::new(KeyLimits { quotas: quotas(Some(10), Some(20)), ..NO_LIMITS });
    let own = |more: &str| {
        let text = format!("keys:\n{}", secret("a", more));
        let set = config::parse_keys(Path::new("keys.yaml"), &text, &defaults, None, None).unwrap();
        set.by_id("a").unwrap().limits.quotas
    };
    assert_eq!(own(""), defaults.quotas);
    assert_eq!(own(", limits: { rate: 5/s }"), defaults.quotas);
    assert_eq!(own(", limits: { quota: { day: 7 } }"), quotas(Some(7), Some(20)));
    assert_eq!(own(", limits: { quota: { month: off } }"), quotas(Some(10), None));
    assert_eq!(own(", limits: { quota: off }"), Quotas::default());
}

#[test]
fn what_clients_send_is_limited_for_a_key_and_for_a_connection() {
    let rate = |amount, window_s| StreamRate::new(amount, window_s).ok();
    let plain = config("limits: {}");
    assert_eq!((plain.key_limits.stream, plain.policy.streams), (StreamRates::default(), StreamLimits::default()));
    assert_eq!(plain.key_limits.over_connections, OverConnections::Reject);
    let all = config(
        "limits: { key: { messages: 600/m, over_rate: close, over_connections: evict_oldest },
        connection: { messages: 5/s, bytes: 64KiB/s, message_size: 1MiB } }",
    );
    assert_eq!(all.key_limits.stream, StreamRates { messages: rate(600, 60), bytes: None, over: OverRate::Close });
    assert_eq!(all.key_limits.over_connections, OverConnections::EvictOldest);
    let rates = StreamRates { messages: rate(5, 1), bytes: rate(64 << 10, 1), over: OverRate::Throttle };
    assert_eq!(all.policy.streams, StreamLimits { rates, message_size: Some(1 << 20) });

    let own = |more: &str| {
        let text = format!("keys:\n{}", secret("a", more));
        *config::parse_keys(Path::new("keys.yaml"), &text, &all.key_limits, None, None).unwrap().by_id("a").unwrap().limits
    };
    assert_eq!(own(", limits: { rate: 5/s }").stream, all.key_limits.stream);
    let bytes = own(", limits: { messages: off, bytes: 1000/s, over_rate: throttle, over_connections: reject }");
    assert_eq!(bytes.stream, StreamRates { messages: None, bytes: rate(1000, 1), over: OverRate::Throttle });
    assert_eq!(bytes.over_connections, OverConnections::Reject);
}

#[test]
fn who_is_told_of_limits() {
    let of = |text: &str| config(&format!("limits: {text}")).limit_headers;
    let told = |on_permitted, x_ratelimit| LimitHeaders { on_permitted, x_ratelimit };
    assert_eq!((of("{}"), of("{ headers: refused }")), (told(false, false), told(false, false)));
    assert_eq!(of("{ headers: all, x_ratelimit: true }"), told(true, true));
}

#[test]
fn what_few_keys_say() {
    let key = one("");
    assert_eq!((key.ips(), key.mode(), key.prefix(), key.previous()), (None, None, None, &[][..]));
    let key = one(", ips: ['10.0.0.0/8', '::ffff:192.0.2.7'], mode: report, prefix: acme");
    assert_eq!((key.mode(), key.prefix()), (Some(Mode::Report), Some("acme")));
    let ips = key.ips().unwrap();
    assert!(ips.contains([192, 0, 2, 7]) && ips.contains([10, 9, 9, 9]) && !ips.contains([11, 0, 0, 1]));
}

#[test]
fn a_prefix_need_not_be_said_of_a_text_that_is_known() {
    let text = compose(Some("acme"), Kind::Publishable, Environment::Live, 0..=255).unwrap();
    let of = |more: &str| {
        let key = "id: a, app: demo, kind: publishable, environment: live, missing_origin: allow";
        only(&set(&format!("keys: [{{ {key}, key: {text}{more} }}]")))
    };
    assert_eq!((of("").prefix(), of(", prefix: acme").prefix()), (Some("acme"), Some("acme")));
}

#[test]
fn keys_have_the_rights_of_their_kind_unless_told_otherwise() {
    let key = one("");
    assert_eq!((key.state, key.browser()), (State::Active, BrowserRule::Refuse));
    assert_eq!(*key.capabilities, Capabilities::everything());
    assert_eq!((key.expires_at_ms, key.missing_origin), (i64::MAX, false));
    assert_eq!(one(", expires_at: 2027-01-01T01:00:00+01:00").expires_at_ms, 1_798_761_600_000);
    let text = "keys: [{ id: web, app: demo, kind: publishable, environment: test, key: pk_abc, missing_origin: allow }]";
    let key = only(&set(text));
    assert!(key.missing_origin);
    assert_eq!(key.capabilities.canonical(), r#"{"*":["subscribe"]}"#);
}

#[test]
fn capabilities_are_taken_as_written() {
    for (typed, canonical) in [
        ("{ '*': ['*'] }", r#"{"*":["*"]}"#),
        ("{ '*': ['*', admin] }", r#"{"*":["*","admin"]}"#),
        ("{ '[*]*': [subscribe, admin] }", r#"{"[*]*":["admin","subscribe"]}"#),
        ("{ '*': [publish] }", r#"{"*":["publish"]}"#),
        ("{ '*': ['admin:clients', 'admin:acl'] }", r#"{"*":["admin:acl","admin:clients"]}"#),
        ("{ '*': [admin], '[*]*': ['*'] }", r#"{"[*]*":["*","admin"]}"#),
        ("{ 'chat:*': [subscribe, publish], news: [history] }", r#"{"chat:*":["publish","subscribe"],"news":["history"]}"#),
        (
            "{ 'chat:*:typing': ['*', subscribe], '[queue]*': [subscribe], '[meta]*': [subscribe] }",
            r#"{"[meta]*":["subscribe"],"[queue]*":["subscribe"],"chat:*:typing":["*"]}"#,
        ),
        ("{ grüße: [subscribe] }", r#"{"gr\u00fc\u00dfe":["subscribe"]}"#),
    ] {
        assert_eq!(one(&format!(", capabilities: {typed}")).capabilities.canonical(), canonical);
    }
}

#[test]
fn keys_with_the_same_capabilities_share_them() {
    let same = [", capabilities: { a: [publish, subscribe] }", ", capabilities: { a: [subscribe, publish] }"];
    let text: String = same.into_iter().chain(["", ""]).zip(["a", "b", "c", "d"]).map(|(more, id)| secret(id, more)).collect();
    let set = set(&format!("keys:\n{text}"));
    let held = |id| &set.by_id(id).unwrap().capabilities;
    assert!(Arc::ptr_eq(held("a"), held("b")) && Arc::ptr_eq(held("c"), held("d")));
    assert_ne!(held("a"), held("c"));
}

#[test]
fn an_empty_set_is_said() {
    assert!(set("keys: []").is_empty());
}

#[test]
fn the_text_of_a_secret_may_stand_elsewhere() {
    let file = root().join("tests/config/files/keys.yaml");
    let key = "app: demo, kind: secret, environment: live";
    let text = format!(
        "keys:\n  - {{ id: a, {key}, secret: {{ env: CARGO_PKG_NAME }} }}\n  - {{ id: b, {key}, secret: {{ file: secret.key }} }}\n"
    );
    let pepper = Arc::new(Pepper::new(&[7; 32]).unwrap());
    for pepper in [None, Some(&pepper)] {
        let set = config::parse_keys(&file, &text, &Arc::new(NO_LIMITS), pepper, None).unwrap();
        for (text, id) in [("keygate", "a"), ("sk_imported_from_elsewhere", "b")] {
            assert_eq!(&*set.authenticate(text, 0).unwrap().0.id, id);
        }
    }
}

#[test]
fn a_pepper_is_read_from_its_file() {
    let text = MINIMAL.replace("keys.yaml", "keys.yaml, pepper: { file: pepper }");
    let config = config::parse_config(&root().join("tests/config/files/keygate.yaml"), &text).unwrap();
    let expected = Pepper::new(b"0123456789abcdef0123456789abcdef").unwrap();
    assert_eq!(config.keys.pepper.as_ref().map(|pepper| pepper.id()), Some(expected.id()));
    let digest = Digester::Hmac(&expected).stored("sk_x");
    let keys = format!("keys: [{{ id: a, app: demo, kind: secret, environment: live, digest: '{digest}' }}]");
    let set = config::parse_keys(Path::new("keys.yaml"), &keys, &config.key_limits, config.keys.pepper.as_ref(), None).unwrap();
    assert!(set.authenticate("sk_x", 0).is_ok());
}

#[test]
fn usage_lives_on_under_the_same_id() {
    let before = set(&format!("keys:\n{}{}", secret("a", ""), secret("b", "")));
    let text = format!("keys:\n{}{}", secret("a", ", state: disabled"), secret("c", ""));
    let after = config::parse_keys(Path::new("keys.yaml"), &text, &Arc::new(NO_LIMITS), None, Some(&before)).unwrap();
    assert!(Arc::ptr_eq(&before.by_id("a").unwrap().usage, &after.by_id("a").unwrap().usage));
    assert!(before.records().all(|key| !Arc::ptr_eq(&key.usage, &after.by_id("c").unwrap().usage)));
}

#[test]
fn what_streams_of_a_key_have_sent_lives_on_under_the_same_id() {
    let text = |more: &str| format!("keys:\n{}", secret("a", more));
    let meter = |set: &KeySet| set.by_id("a").unwrap().rare.stream().cloned();
    let before = set(&text(", limits: { messages: 5/s }"));
    let after =
        |more: &str| config::parse_keys(Path::new("keys.yaml"), &text(more), &Arc::new(NO_LIMITS), None, Some(&before)).unwrap();
    let same = |set: &KeySet| meter(set).zip(meter(&before)).is_some_and(|(one, other)| Arc::ptr_eq(&one, &other));
    assert!(same(&after(", limits: { bytes: 1KiB/s }")) && same(&after(", limits: { messages: 9/s }, mode: report")));
    assert!(meter(&after("")).is_none() && meter(&set(&text(""))).is_none(), "who has no such limit carries no meter");
}

#[test]
fn what_keys_have_in_common_is_kept_once() {
    let more = ", origins: [a.example.com], limits: { rate: 5/s }";
    let set = set(&format!("keys:\n{}{}", secret("a", more), secret("b", more)));
    let [a, b] = ["a", "b"].map(|id| set.by_id(id).unwrap());
    assert!(a.app.is_shared_with(&b.app) && a.origins.is_shared_with(&b.origins) && Arc::ptr_eq(&a.limits, &b.limits));
}

#[test]
fn some_changes_need_a_restart() {
    let running = config("");
    let names = |more: &str| restart_only_changes(&running, &config(more));
    assert!(names("limits: { connections: 5 }\ntimeouts: { idle: 1s }\nlog: { access: all }").is_empty());
    assert_eq!(names("status: { address: 127.0.0.1:9180 }\ncontrol: { socket: c.sock }"), ["status", "control"]);
    assert_eq!(names("state: { file: state.json }"), ["state"]);
    assert_eq!(config("state: { file: state.json }").state.as_deref(), Some(Path::new("/etc/keygate/state.json")));
    let moved = parse(&MINIMAL.replace("8080", "8081")).unwrap();
    assert_eq!(restart_only_changes(&running, &moved), ["listeners"]);
    let proxied = |trusted: &str| {
        parse(&MINIMAL.replace("8080 }", &format!("8080, proxy_protocol: {{ trusted: [{trusted}] }} }}"))).unwrap()
    };
    assert_eq!(restart_only_changes(&running, &proxied("10.0.0.1")), ["listeners"]);
    assert_eq!(restart_only_changes(&proxied("10.0.0.1"), &proxied("10.0.0.2")), ["listeners"]);
    assert!(restart_only_changes(&proxied("10.0.0.1"), &proxied("10.0.0.1/32")).is_empty());
    assert!(names("trusted_proxies: [10.0.0.0/8]").is_empty());
    assert_eq!(config("timeouts: { idle: 500ms }").timeouts.idle, Duration::from_millis(500));
    assert_eq!(config("timeouts: { body: 5m }").timeouts.body, Some(Duration::from_secs(300)));
    assert_eq!(config("timeouts: { body: off }").timeouts.body, None);
}

#[test]
fn proxies_are_trusted_by_network() {
    let trusts = |config: &Config, address: &str| config.policy.trusted_proxies.contains(address.parse::<PeerAddress>().unwrap());
    assert!(config("").policy.trusted_proxies == Networks::default());
    let config = config("trusted_proxies: [10.0.0.0/8, '::1', 192.0.2.7, 10.1.0.0/16]");
    for (address, expected) in
        [("10.200.0.1", true), ("::1", true), ("192.0.2.7", true), ("192.0.2.8", false), ("11.0.0.1", false)]
    {
        assert_eq!(trusts(&config, address), expected, "{address}");
    }
    assert!(config.listeners[0].proxy_protocol.is_none());
    assert!(!config.policy.trusted_proxies.contains(PeerAddress::Unix));
}

#[test]
fn a_listener_is_a_file() {
    let told =
        |listener: &str, more: &str| parse(&format!("{}{more}", MINIMAL.replace("address: 127.0.0.1:8080", listener))).unwrap();
    let listener = |text: &str| told(text, "").listeners.remove(0);
    let plain = listener("address: 'unix:/run/gate.sock'");
    assert_eq!((plain.address, plain.mode), (ListenAddress::Unix("/run/gate.sock".into()), 0o660));
    let beside = listener("address: 'unix:gate.sock', mode: '620', proxy_protocol: { trusted: [unix] }");
    assert_eq!((beside.address, beside.mode), (ListenAddress::Unix("/etc/keygate/gate.sock".into()), 0o620));
    assert_eq!(beside.proxy_protocol, Some(Networks::default().and_unix()));
    let running = told("address: 'unix:/run/gate.sock'", "");
    assert_eq!(restart_only_changes(&running, &told("address: 'unix:/run/gate.sock', mode: '0666'", "")), ["listeners"]);
    assert!(
        restart_only_changes(&running, &told("address: 'unix:/run/gate.sock', mode: '0660'", "trusted_proxies: [unix]"))
            .is_empty()
    );

    let keys = set(&format!("keys:\n{}", secret("a", "")));
    let warned = |listener: &str, more: &str| warnings(&told(listener, more), &keys);
    let (file, limit, trust) =
        ("address: 'unix:/run/gate.sock'", "limits: { ip: { connections: 1 } }\n", "trusted_proxies: [unix]\n");
    assert_eq!(warned(file, ""), [""; 0]);
    assert_eq!(
        warned(file, limit),
        [
            "all that comes through unix:/run/gate.sock is one client to `limits.ip`; where a proxy connects there, name `unix` in \
             `trusted_proxies`, or let it speak the PROXY protocol"
        ]
    );
    assert_eq!(warned(file, &format!("{limit}{trust}")), [""; 0]);
    let everybody = format!("{file}, mode: '0666'");
    assert_eq!(warned(&everybody, ""), [""; 0]);
    assert_eq!(
        warned(&everybody, trust),
        [
            "whoever connects to unix:/run/gate.sock is believed to say who its client is, and its mode lets every user of this machine \
             connect"
        ]
    );
}

#[test]
fn warnings_tell_of_what_is_seldom_meant() {
    let keys = set("keys:
  - { id: web, app: a, kind: publishable, environment: live, key: pk_a, missing_origin: allow, capabilities: { '*': [publish] } }
");
    assert_eq!(
        warnings(&parse(&MINIMAL.replace("127.0.0.1:8080", "0.0.0.0:8080")).unwrap(), &keys),
        [
            "listener 0.0.0.0:8080 takes keys in the clear from other machines; give it `tls`, or encrypt in front of it",
            "publishable keys are known to everybody, and these may do more than subscribe, on every channel: web",
            "these keys may not do everything on every channel, so they open no WebSocket: no route says `enforce_inside: backend` or `client_messages: deny`: web",
        ]
    );
    let around =
        MINIMAL.replace("[{ name: all,", "[{ name: publish, match: { path: /realtime }, operation: publish }, { name: all,");
    let told = warnings(&parse(&around).unwrap(), &set("keys: []"));
    assert!(matches!(told.as_slice(), [told] if told.contains("`/realtime/` goes to route `all`")), "{told:?}");
    let watched = set(&format!("keys:\n{}", secret("a", ", mode: report")));
    let told = warnings(&config("mode: report"), &watched);
    assert!(told[0].starts_with("`mode: report` lets through") && told[1].ends_with("`mode: report`: a"), "{told:?}");
    let starred = set(&format!("keys:\n{}", secret("a", ", capabilities: { 'chat*': [publish], '*': ['*'] }")));
    assert_eq!(
        warnings(&config(""), &starred),
        [
            "a `*` stands for whole segments between colons and is a plain character anywhere else: `chat*` is one channel, `chat:*` \
             are all below `chat`; look at the capabilities of: a"
        ]
    );
    let test_only = parse(&MINIMAL.replace("[live]", "[test]")).unwrap();
    assert_eq!(warnings(&test_only, &keys), ["no key can be let in: all keys are of the other environment"]);
    assert!(warnings(&config(""), &set(&format!("keys:\n{}", secret("a", "")))).is_empty());
}
