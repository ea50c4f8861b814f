//! `keygate explain`: each step, the rule that it went by, and where that stands.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use expect_test::{Expect, expect};
use serde_json::Value;
use tempfile::TempDir;

const CONFIG: &str = "# The first line is a comment.
listeners: [{ address: 127.0.0.1:8080 }]
upstream: 127.0.0.1:8000
environments: [live]
keys: { file: keys.yaml }
credentials:
  header: x-api-key
  query: [key]
routes:
  - name: health
    match: { path: /health, methods: [GET] }
    access: public
  - name: publish
    match: { path: /realtime, methods: [POST] }
    operation: publish
  - name: inside
    match: { host: in.example, path: /in/** }
    operation: any
limits:
  key: { rate: 10/s }
  ip:
    rate: 5/s
state: { file: state.json }
";

const KEYS: &str = "keys:
  - id: web
    app: demo
    kind: publishable
    environment: live
    key: pk_live_web
    origins: [https://app.example]

  - id: server
    app: demo
    kind: secret
    environment: live
    digest: sha256$d5ba9d96b6d3d6dd0b2a3a7a2ec0c2f2a4eb8ba4ed4dcb7b1d4a7ae5d35c0b1e
";

fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let digest = super::support::digest_of("sk_live_server");
    std::fs::write(folder.path().join("keygate.yaml"), config).unwrap();
    let keys: Vec<_> =
        KEYS.lines().map(|line| if line.contains("digest") { format!("    digest: {digest}") } else { line.into() }).collect();
    std::fs::write(folder.path().join("keys.yaml"), keys.join("\n")).unwrap();
    folder
}

/// The exit code and what was printed, to standard output and to standard error.
fn run(folder: &Path, arguments: &[&str], key: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keygate"));
    command.arg("explain").args(arguments).current_dir(folder).env_remove("KEYGATE_CONFIG");
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(key.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[track_caller]
fn check(arguments: &[&str], key: &str, code: i32, expected: &Expect) {
    let (exit, out, error) = run(folder(CONFIG).path(), arguments, key);
    expected.assert_eq(&out);
    assert_eq!((exit, error.as_str()), (code, ""));
}

#[test]
fn what_passes_tells_each_rule() {
    check(
        &["POST", "/realtime"],
        "sk_live_server",
        0,
        &expect![[r#"
          ✔ peer         127.0.0.1 has refusals to spare  keygate.yaml:22 limits.ip.rate
          ✔ route        `publish` (/realtime)  keygate.yaml:13 routes[1]
          ✔ credential   found in header  keygate.yaml:7 credentials.header
          ✔ key          `server` of app `demo`: secret live  keys.yaml:9 keys[1]
          ✔ environment  live keys are let in  keygate.yaml:4 environments
          ✔ browser      not a browser  keys.yaml:11 keys[1].kind
          ✔ origin       none needed  keys.yaml:11 keys[1].kind
          ✔ operation    publish on every channel is among {"[*]*":["*","admin"]}  keygate.yaml:15 routes[1].operation
          ✔ limits       rate: 9 of 10 left, connections: 10000 of 10000 left  keygate.yaml:20 limits.key
        allowed as key `server` on route `publish`
    "#]],
    );
    check(
        &["GET", "/health"],
        "",
        0,
        &expect![[r#"
          ✔ peer         127.0.0.1 has refusals to spare  keygate.yaml:22 limits.ip.rate
          ✔ route        `health` (/health)  keygate.yaml:10 routes[0]
          ✔ credential   none needed: the route is public  keygate.yaml:12 routes[0].access
        allowed without a key on route `health`
    "#]],
    );
}

#[test]
fn what_is_refused_tells_the_rule_that_refused() {
    check(
        &["POST", "/realtime"],
        "",
        1,
        &expect![[r#"
          ✔ peer         127.0.0.1 has refusals to spare  keygate.yaml:22 limits.ip.rate
          ✔ route        `publish` (/realtime)  keygate.yaml:13 routes[1]
          ✘ credential   missing_key  keygate.yaml:6 credentials
        refused with 401 missing_key
        None of the places named in `credentials` held a key.
    "#]],
    );
    check(
        &["POST", "/realtime"],
        "nobody's",
        1,
        &expect![[r#"
              ✔ peer         127.0.0.1 has refusals to spare  keygate.yaml:22 limits.ip.rate
              ✔ route        `publish` (/realtime)  keygate.yaml:13 routes[1]
              ✔ credential   found in header  keygate.yaml:7 credentials.header
              ✘ key          unknown_key  keys.yaml:1 keys
            refused with 401 invalid_token
            No key of the set has this text. Check that the right key file is mounted and was reloaded.
        "#]],
    );
    check(
        &["POST", "/realtime", "--origin", "https://evil.example"],
        "pk_live_web",
        1,
        &expect![[r#"
          ✔ peer         127.0.0.1 has refusals to spare  keygate.yaml:22 limits.ip.rate
          ✔ route        `publish` (/realtime)  keygate.yaml:13 routes[1]
          ✔ credential   found in header  keygate.yaml:7 credentials.header
          ✔ key          `web` of app `demo`: publishable live  keys.yaml:2 keys[0]
          ✔ environment  live keys are let in  keygate.yaml:4 environments
          ✘ origin       origin_refused  keys.yaml:7 keys[0].origins
        refused with 403 origin_refused
        The Origin is not in the key's `origins`. The log line holds what was sent.
    "#]],
    );
    check(
        &["POST", "/realtime", "--origin", "https://app.example"],
        "pk_live_web",
        1,
        &expect![[r#"
          ✔ peer         127.0.0.1 has refusals to spare  keygate.yaml:22 limits.ip.rate
          ✔ route        `publish` (/realtime)  keygate.yaml:13 routes[1]
          ✔ credential   found in header  keygate.yaml:7 credentials.header
          ✔ key          `web` of app `demo`: publishable live  keys.yaml:2 keys[0]
          ✔ environment  live keys are let in  keygate.yaml:4 environments
          ✔ origin       listed  keys.yaml:7 keys[0].origins
          ✘ operation    not_capable  keys.yaml:2 keys[0]
        refused with 403 not_capable
        The key's `capabilities` do not hold the route's `operation` on the channel that the request names; where it names none, on every channel (with `enforce_inside`, on any). A WebSocket whose messages nobody reads needs every operation.
    "#]],
    );
    check(
        &["GET", "/a//b"],
        "",
        1,
        &expect![[r#"
          ✘ head         bad_request: an empty segment in the path
        refused with 400 bad_request
        The head or the framing of the body breaks HTTP or leaves room for a second reading: duplicate Host or length, folded lines, encoded slashes, a half WebSocket handshake. The log line names the rule of a head; `docs/strictness.md` lists them all.
    "#]],
    );
}

#[test]
fn where_no_route_takes_it_each_is_told() {
    check(
        &["GET", "/in/a"],
        "sk_live_server",
        1,
        &expect![[r#"
              ✔ peer         127.0.0.1 has refusals to spare  keygate.yaml:22 limits.ip.rate
              ✘ route        no_route  keygate.yaml:9 routes
                  not `health`: another path  keygate.yaml:10 routes[0]
                  not `publish`: another method  keygate.yaml:13 routes[1]
                  not `inside`: another host  keygate.yaml:16 routes[2]
            refused with 404 no_route
            No entry of `routes` matches host, path and method. `keygate explain` shows which were tried.
        "#]],
    );
}

#[test]
fn what_is_only_reported_has_an_exit_code_of_its_own() {
    let folder = folder(&format!("{CONFIG}mode: report\n"));
    for (arguments, key, code) in
        [(["POST", "/realtime"], "sk_live_server", 0), (["POST", "/realtime"], "nobody's", 3), (["GET", "/nowhere"], "", 3)]
    {
        let (exit, out, _) = run(folder.path(), &arguments, key);
        assert_eq!(exit, code, "{arguments:?}: {out}");
    }
    let (_, out, _) = run(folder.path(), &["GET", "/nowhere"], "");
    expect![[r#"
          ✔ peer         127.0.0.1 has refusals to spare  keygate.yaml:22 limits.ip.rate
          ✘ route        no_route  keygate.yaml:9 routes
              not `health`: another path  keygate.yaml:10 routes[0]
              not `publish`: another method  keygate.yaml:13 routes[1]
              not `inside`: another path  keygate.yaml:16 routes[2]
        reported, and let through without a key on route `unrouted`
        No entry of `routes` matches host, path and method. `keygate explain` shows which were tried.
    "#]]
    .assert_eq(&out);
}

#[test]
fn programs_are_told_the_same() {
    let folder = folder(CONFIG);
    let explained = |arguments: &[&str], key: &str| -> Value {
        serde_json::from_str(&run(folder.path(), &[arguments, &["-o", "json"]].concat(), key).1).unwrap()
    };
    let passed = explained(&["POST", "/realtime"], "sk_live_server");
    assert_eq!((&passed["allowed"], &passed["key_id"], &passed["route"]), (&true.into(), &"server".into(), &"publish".into()));
    let step = |of: &Value, name: &str| {
        let steps = of["steps"].as_array().unwrap();
        steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name} in {of}")).clone()
    };
    let rule = |file: &str, line: u32, path: &str| serde_json::json!({ "file": file, "line": line, "path": path });
    assert_eq!(step(&passed, "route")["rule"], rule("keygate.yaml", 13, "routes[1]"));
    assert_eq!(step(&passed, "key")["rule"], rule("keys.yaml", 9, "keys[1]"));
    assert_eq!(step(&passed, "limits")["rule"], rule("keygate.yaml", 20, "limits.key"));
    assert!(passed["steps"].as_array().unwrap().iter().all(|step| step["passed"] == true));

    let refused = explained(&["POST", "/realtime", "--origin", "https://evil.example"], "pk_live_web");
    let last = refused["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["step"], &last["passed"], &last["detail"]), (&"origin".into(), &false.into(), &"origin_refused".into()));
    assert_eq!(last["rule"], rule("keys.yaml", 7, "keys[0].origins"));
    assert_eq!(
        (&refused["allowed"], &refused["reason"], &refused["tried"]),
        (&false.into(), &"origin_refused".into(), &Value::Null)
    );

    let nowhere = explained(&["GET", "/nowhere"], "");
    let tried = nowhere["tried"].as_array().unwrap();
    assert_eq!(tried.len(), 3);
    assert_eq!((&tried[1]["route"], &tried[1]["why"]), (&"publish".into(), &"method".into()));
    assert_eq!(tried[2]["rule"], rule("keygate.yaml", 16, "routes[2]"));
}

/// Blocks are those that a gate with this configuration would start with.
#[test]
fn blocks_of_the_state_file_count() {
    let folder = folder(CONFIG);
    let state = folder.path().join("state.json");
    let blocks = r#"{ "version": 1, "blocks": [
  { "key": "server", "since": "2027-01-01T00:00:00Z" },
  { "ip": "10.0.0.0/8", "since": "2027-01-01T00:00:00Z" } ] }"#;
    std::fs::write(&state, blocks).unwrap();
    let (exit, out, error) = run(folder.path(), &["POST", "/realtime"], "sk_live_server");
    assert_eq!((exit, error.as_str()), (1, ""));
    assert!(out.contains("✘ key          key_blocked  state.json:2 blocks[0]"), "{out}");
    let (_, out, _) = run(folder.path(), &["POST", "/realtime", "--peer", "10.1.2.3"], "sk_live_server");
    assert!(out.contains("✘ peer         peer_blocked  state.json:3 blocks[1]"), "{out}");
    // What cannot be read is said, and the rest is explained.
    std::fs::write(&state, "{").unwrap();
    let (exit, _, error) = run(folder.path(), &["POST", "/realtime"], "sk_live_server");
    assert_eq!(exit, 0);
    assert!(error.contains("no block is considered") && error.contains("state.json:1:"), "{error}");
}

#[test]
fn the_codes_are_in_the_help() {
    let (_, out, _) = run(Path::new("."), &["--help"], "");
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Exit codes: 0 it passes, 1 it is refused") && words.contains("3 it passes although"), "{out}");
}
