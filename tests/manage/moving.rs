//! Keys on their way: into a store, out of it, and to a copy; and commands where no gate runs.

use serde_json::{Value, json};

use super::{
    support::{Backend, Gate, Setup, secret_key},
    world::{World, folder, offline},
};

#[tokio::test]
async fn keys_go_into_a_store_and_out_again_and_work() {
    let backend = Backend::realtime().await;
    let (folder, setup) = folder(&backend).await;
    let file = folder.path().join("keys.yaml");
    std::fs::write(&file, format!("keys:\n{}", secret_key("old", "sk_live_old", "metadata: { team: web }"))).expect("a file");
    let (code, out, error) = offline(&folder, &["keys", "import", file.to_str().expect("text")]).await;
    assert_eq!((code, out.as_str()), (Some(0), "imported 1 keys\n"), "{error}");
    let (code, exported, _) = offline(&folder, &["keys", "export"]).await;
    assert_eq!(code, Some(0));
    assert!(exported.contains("id: old") && exported.contains("sha256$") && exported.contains("team: web"), "{exported}");
    let (code, _, error) = offline(&folder, &["keys", "import", file.to_str().expect("text")]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("key:old already"), "{error}");

    let gate = Gate::start_by(folder, &setup).await;
    let request = "GET /any/1 HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_old\r\nConnection: close\r\n\r\n";
    assert_eq!(gate.connect().await.ask(request.to_owned()).await.status, 200);
}

#[tokio::test]
async fn a_text_file_of_secrets_is_taken_over_without_them() {
    let backend = Backend::realtime().await;
    let (folder, _) = folder(&backend).await;
    let file = folder.path().join("keys.txt");
    std::fs::write(&file, "sk_abc123\n# a comment\nsk_abc124\n").expect("a file");
    let path = file.to_str().expect("text");
    let (code, _, error) = offline(&folder, &["keys", "import", path]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("line 1") && error.contains("--app") && !error.contains("abc123"), "{error}");
    let defaults = ["--app", "demo", "--kind", "secret", "--environment", "live"];
    let (code, out, error) = offline(&folder, &[&["keys", "import", path], &defaults[..]].concat()).await;
    assert_eq!((code, out.as_str()), (Some(0), "imported 2 keys\n"), "{error}");
}

#[tokio::test]
async fn a_change_of_another_process_is_in_force() {
    let world = World::start().await;
    let (id, key) = world.new_key(&[]).await;
    assert_eq!(world.asks(&key).await, 200);
    // As if the gate did not answer: the store itself is worked on.
    let config = std::fs::read_to_string(world.gate.path("keygate.yaml")).expect("a file");
    let other = world.gate.path("other.yaml");
    std::fs::write(&other, config.replace("control.sock", "nobody.sock")).expect("a file");
    let arguments = ["keys", "revoke", &id, "--yes", "-c", other.to_str().expect("text")];
    let mut program = super::support::Program::start(&arguments, std::path::Path::new("."), &[]);
    assert_eq!(program.exit().await, Some(0), "{}", program.stderr.whole().await);
    while world.asks(&key).await != 401 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_copy_is_a_store_and_a_gate_without_one_does_not_start() {
    let world = World::start().await;
    let (id, _) = world.new_key(&[]).await;
    let copy = world.gate.path("copy.db");
    let config = world.gate.path("keygate.yaml");
    let arguments = ["keys", "backup", copy.to_str().expect("text"), "-c", config.to_str().expect("text")];
    let mut program = super::support::Program::start(&arguments, std::path::Path::new("."), &[]);
    assert_eq!(program.exit().await, Some(0), "{}", program.stderr.whole().await);
    let text = std::fs::read_to_string(&config).expect("a file");
    for (name, expected) in [("copy.db", Some(0)), ("none.db", Some(78))] {
        let other = world.gate.path("other.yaml");
        std::fs::write(&other, text.replace("keygate.db", name)).expect("a file");
        let mut program = super::support::Program::start(
            &["check", "-c", other.to_str().expect("text"), "-o", "json"],
            std::path::Path::new("."),
            &[],
        );
        assert_eq!(program.exit().await, expected, "{name}");
        let said: Value = serde_json::from_str(&program.stdout.whole().await).expect("JSON");
        if expected == Some(0) {
            assert_eq!(said["secret_keys"], 2, "{id}, and that of the application");
        }
    }
}

#[tokio::test]
async fn a_copy_that_is_put_back_leaves_ended_what_has_ended() {
    let world = World::start().await;
    let ((_, good), (ended, bad)) = (world.new_key(&[]).await, world.new_key(&[]).await);
    let World { backend: _backend, mut gate } = world;
    let copy = gate.path("copy.db");
    let copy = copy.to_str().expect("text");
    let (code, _, error) = offline(&gate.folder, &["keys", "backup", copy]).await;
    assert_eq!(code, Some(0), "{error}");
    let (code, _, error) = gate.command(&["keys", "revoke", &ended, "--yes"]).await;
    assert_eq!(code, Some(0), "{error}");
    let restore = ["keys", "restore", "--from", copy];
    let (code, _, error) = offline(&gate.folder, &[&restore[..], &["--yes"]].concat()).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("it is in use: stop the gate"), "{error}");

    gate.program.signal(rustix::process::Signal::TERM);
    assert_eq!(gate.program.exit().await, Some(0));
    let (code, _, error) = offline(&gate.folder, &restore).await;
    assert_eq!(code, Some(2));
    assert!(error.contains("`--yes`"), "{error}");
    let (code, said, error) = offline(&gate.folder, &[&restore[..], &["--yes", "-o", "json"]].concat()).await;
    assert_eq!(code, Some(0), "{error}");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&said["kept"]["keys"], &said["kept"]["revoked"]), (&json!([ended]), &json!(1)));

    let Gate { folder, .. } = gate;
    let config = std::fs::read_to_string(folder.path().join("keygate.yaml")).expect("a file");
    assert!(config.contains("sqlite: keygate.db"));
    let gate = Gate::start_by(folder, &Setup::before("nobody")).await;
    let asks = |key: String| format!("GET /any/1 HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nConnection: close\r\n\r\n");
    assert_eq!(gate.connect().await.ask(asks(good)).await.status, 200);
    assert_eq!(gate.connect().await.ask(asks(bad)).await.status, 401);
    let (_, records, _) = gate.command(&["audit", "tail", "-o", "json", "--action", "store.restore"]).await;
    assert_eq!(records.lines().count(), 1, "{records}");
}

#[tokio::test]
async fn an_imported_text_with_a_wrong_checksum_works_before_and_after_a_restart() {
    let backend = Backend::realtime().await;
    let (folder, setup) = folder(&backend).await;
    let ours = "sk_live_00000000000000000000000000000000000000000000000000";
    std::fs::write(folder.path().join("text"), ours).expect("a file");
    let entry = "{ id: old, app: demo, kind: secret, environment: live, secret: { file: text } }";
    let file = folder.path().join("theirs.yaml");
    std::fs::write(&file, format!("keys: [{entry}]")).expect("a file");
    let another = format!("keys:\n{}", secret_key("other", "sk_live_other", ""));
    let other = folder.path().join("other.yaml");
    std::fs::write(&other, another).expect("a file");
    let import = |file: &std::path::Path| ["keys", "import", file.to_str().expect("text")].map(str::to_owned);

    let asks = |key: &str| format!("GET /any/1 HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nConnection: close\r\n\r\n");
    let refusals = |metrics: &super::support::Metrics, reason: &str| {
        let series =
            format!("keygate_auth_decisions_total{{outcome=\"deny\",reason=\"{reason}\",route=\"open\",transport=\"http\"}}");
        metrics.value(&series).unwrap_or_default()
    };
    let (code, _, error) = offline(&folder, &import(&other).each_ref().map(String::as_str)).await;
    assert_eq!(code, Some(0), "{error}");
    let mut gate = Gate::start_by(folder, &setup).await;
    // The control: nobody has it yet.
    assert_eq!(gate.connect().await.ask(asks(ours)).await.status, 401);
    assert_eq!(refusals(&gate.metrics().await, "malformed_key"), 1.0);

    let (code, _, error) = offline(&gate.folder, &import(&file).each_ref().map(String::as_str)).await;
    assert_eq!(code, Some(0), "{error}");
    while gate.connect().await.ask(asks(ours)).await.status != 200 {}
    drop(gate.upgrade().await);
    assert_eq!(gate.connect().await.ask(asks(ours)).await.status, 200, "read from the store, which keeps no text");
    assert_eq!(gate.connect().await.ask(asks(&ours.replace("00", "01"))).await.status, 401);
    assert_eq!(refusals(&gate.metrics().await, "malformed_key"), 1.0, "and another such text is told apart");

    let (code, exported, error) = offline(&gate.folder, &["keys", "export"]).await;
    assert_eq!(code, Some(0), "{error}");
    std::fs::write(gate.folder.path().join("keys.yaml"), exported).expect("a file");
    gate.program.signal(rustix::process::Signal::TERM);
    gate.program.exit().await;
    let by_file = Gate::start_in(gate.folder, Setup::before(backend.address)).await;
    assert_eq!(by_file.connect().await.ask(asks(ours)).await.status, 200, "from a file, which keeps no text either");
}
