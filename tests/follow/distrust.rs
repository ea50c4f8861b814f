//! Whom a gate does not follow, and what it does not take.

use rustix::process::Signal;

use serde_json::json;

use super::{
    support::until,
    wire::State,
    world::{Follower, World},
};

/// A manager of whose store an old copy was put back by hand, while the gate that follows it is cut off.
struct RolledBack {
    world: World,
    gate: Follower,
    /// A key that is good at both.
    good: String,
    /// A key that was revoked since the copy was made.
    revoked: String,
    /// The copy.
    old: String,
}

impl RolledBack {
    async fn new() -> Self {
        let mut world = World::start().await;
        let old = world.manager.path("old.db").display().to_string();
        let (id, revoked) = world.new_key().await;
        let (_, good) = world.new_key().await;
        world.does_offline(&["keys", "backup", &old, "-c", "keygate.yaml"]).await;
        let gate = world.follower("1h").await;
        assert_eq!(world.revoke(&id, "10s").await.0, Some(0));
        assert_eq!(gate.asks(&revoked).await, 401);
        world
            .restart_manager(|folder| {
                for end in ["-wal", "-shm", "-head"] {
                    let _ = std::fs::remove_file(folder.join(format!("keygate.db{end}")));
                }
                std::fs::copy(&old, folder.join("keygate.db")).expect("a copy");
            })
            .await;
        Self { world, gate, good, revoked, old }
    }

    async fn goes_on(&self) {
        assert_eq!((self.gate.asks(&self.good).await, self.gate.asks(&self.revoked).await), (200, 401));
    }
}

/// An old copy of the store, put back without a word: its keys are not taken, for a key that was revoked since would be good again.
#[tokio::test]
async fn a_manager_that_was_rolled_back_is_not_followed() {
    let rolled_back = RolledBack::new().await;
    rolled_back.world.mend().await;
    let told = rolled_back.gate.gate.told("the manager has keys of version", 1).await;
    assert!(told["message"].as_str().is_some_and(|text| text.contains("keygate keys restore")), "{told}");
    rolled_back.goes_on().await;
    let gate = rolled_back.gate.restart(Signal::KILL).await;
    gate.gate.told("the manager has keys of version", 1).await;
    RolledBack { gate, ..rolled_back }.goes_on().await;
}

/// The same manager, changed until it has come further than its gates: its numbers lead on from theirs, and its keys do not.
#[tokio::test]
async fn a_manager_that_was_rolled_back_and_overtook_its_gates_is_not_followed() {
    let rolled_back = RolledBack::new().await;
    // As many changes as were lost, and more.
    let (other, _) = rolled_back.world.new_key().await;
    rolled_back.world.new_key().await;
    rolled_back.world.mend().await;
    rolled_back.gate.gate.told("the manager has keys of version", 1).await;
    rolled_back.goes_on().await;
    // Nor does the manager take it for a gate that obeys.
    let world = &rolled_back.world;
    let gates = until("a gate that has diverged", || async {
        let gates = world.api("/v1/gates").await;
        (gates["items"][0]["diverged"] == true).then_some(gates)
    })
    .await;
    assert_eq!(gates["items"][0]["version"]["sequence"], 0, "{gates}");
    let (code, said) = world.revoke(&other, "300ms").await;
    assert_eq!((code, &said["receipt"]["complete"]), (Some(3), &false.into()), "{said}");
    // The way out: to put the same copy back so that everybody knows.
    let RolledBack { mut world, gate, good, revoked, old } = rolled_back;
    world.restart_manager_after(&["keys", "restore", "--from", &old, "--yes", "-c", "keygate.yaml"]).await;
    world.mend().await;
    gate.gate.told("the manager's keys are in force", 2).await;
    assert_eq!((gate.asks(&good).await, gate.asks(&revoked).await), (200, 200), "it is what the manager has");
}

/// Another manager at the same address, with keys and a signature of its own.
#[tokio::test]
async fn another_manager_is_not_followed() {
    let (world, other) = (World::start().await, World::start().await);
    let gate = world.follower("1h").await;
    let (_, good) = world.new_key_at(&[&gate]).await;
    let (_, foreign) = other.new_key().await;
    other.mend().await;
    world.wire.set(other.wire_state().await);
    // Its token is not known there.
    gate.gate.told("the manager refuses the token of this gate", 1).await;
    assert_eq!((gate.asks(&good).await, gate.asks(&foreign).await), (200, 401));
}

/// What a manager said to another asking, or long ago, says nothing to this one.
#[tokio::test]
async fn what_was_recorded_is_not_taken() {
    let world = World::start().await;
    let gate = world.follower("1h").await;
    let (_, good) = world.new_key_at(&[&gate]).await;
    let recorded = world.recorded_changes().await;
    world.wire.set(State::Says(recorded.into()));
    gate.gate.told("the changes were made for somebody else", 1).await;
    assert_eq!(gate.asks(&good).await, 200);
}

/// A copy in which bits have turned is asked for anew, and not used.
#[tokio::test]
async fn a_damaged_copy_is_put_aside() {
    let world = World::start().await;
    let gate = world.follower("1h").await;
    let (_, good) = world.new_key_at(&[&gate]).await;
    let mut program = gate.gate.program;
    program.signal(Signal::TERM);
    program.exit().await;
    let cache = gate.gate.folder.path().join("cache.db");
    let mut bytes = std::fs::read(&cache).expect("a copy");
    let middle = bytes.len() / 2;
    bytes[middle..].iter_mut().for_each(|byte| *byte ^= 0x55);
    std::fs::write(&cache, bytes).expect("a file");
    let gate = super::world::Follower::start(gate.gate.folder, world.follower_setup("1h")).await;
    gate.comes_to(&good, 200).await;
    assert!(gate.gate.path("cache.db.damaged").exists());
}

/// The pages hang together, and what is kept in one of them is not what was written.
#[tokio::test]
async fn a_copy_with_a_damaged_row_is_put_aside() {
    let world = World::start().await;
    for damage in ["UPDATE keys SET name = 'x'", "UPDATE keepsakes SET value = x'00' WHERE name = 'fresh_at'"] {
        let gate = world.follower("1h").await;
        let (_, good) = world.new_key_at(&[&gate]).await;
        let cache = gate.gate.path("cache.db");
        let gate = gate.restart_after(Signal::TERM, async { edit(&cache, damage) }).await;
        gate.comes_to(&good, 200).await;
        assert!(gate.gate.path("cache.db.damaged").exists(), "{damage}");
    }
}

/// What a change runs into while the gate runs: the key itself, or what the copy says of itself.
#[tokio::test]
async fn a_copy_that_is_damaged_while_it_is_followed_is_replaced() {
    let world = World::start().await;
    let gate = world.follower("1h").await;
    for (damage, told) in [
        ("UPDATE keys SET name = 'x'", "the changes do not go with the copy"),
        ("UPDATE keepsakes SET checksum = x'00' WHERE name = 'whole_at'", "the copy cannot be read"),
    ] {
        let (id, key) = world.new_key_at(&[&gate]).await;
        edit(&gate.gate.path("cache.db"), damage);
        world.does(&["keys", "disable", &id]).await;
        gate.comes_to(&key, 401).await;
        gate.gate.told(told, 1).await;
        world.new_key_at(&[&gate]).await;
    }
}

/// Does this to what is in the store at `path`, of which no checksum knows.
fn edit(path: &std::path::Path, damage: &str) {
    let edited = rusqlite::Connection::open(path).and_then(|conn| conn.execute(damage, []));
    assert!(edited.is_ok_and(|rows| rows > 0), "{damage}");
}

/// A gate that has lost its keys, but not how far they had come, follows no manager that has gone back; and rather lets nobody in.
#[tokio::test]
async fn a_copy_that_is_put_aside_leaves_its_memory() {
    let RolledBack { mut world, gate, good, revoked, old } = RolledBack::new().await;
    let cache = gate.gate.path("cache.db");
    let gate = gate.restart_after(Signal::KILL, async { edit(&cache, "UPDATE keys SET name = 'x'") }).await;
    assert!(gate.gate.path("cache.db.damaged").exists());
    world.mend().await;
    gate.gate.told("the manager has keys of version", 1).await;
    assert_eq!((gate.asks(&good).await, gate.asks(&revoked).await), (503, 503));
    // As many changes as were lost, and more; and the gate knows it after a restart too.
    world.new_key().await;
    world.new_key().await;
    let gate = gate.restart(Signal::KILL).await;
    gate.gate.told("the manager has keys of version", 1).await;
    assert_eq!((gate.asks(&good).await, gate.asks(&revoked).await), (503, 503));
    // Nor will the manager be believed once it has forgotten which way it went.
    edit(&gate.gate.path("cache.db"), "UPDATE keepsakes SET name = name WHERE name = 'diverged'");
    world.restart_manager_after(&["keys", "restore", "--from", &old, "--yes", "-c", "keygate.yaml"]).await;
    world.mend().await;
    gate.comes_to(&good, 200).await;
}

/// A second gate with another `verify`, which could not even listen, leaves the first its keys.
#[tokio::test]
async fn a_gate_that_does_not_start_takes_no_copy_from_one_that_runs() {
    let (world, other) = (World::start().await, World::start().await);
    let gate = world.follower("1h").await;
    let (_, good) = world.new_key_at(&[&gate]).await;
    let setup = other.follower_setup("1h");
    std::fs::write(gate.gate.path("other.yaml"), setup.text()).expect("a file");
    let serve = ["serve", "-c", "other.yaml"];
    let mut program = super::support::Program::start(&serve, gate.gate.folder.path(), &setup.environment);
    assert_ne!(program.exit().await, Some(0));
    let told = program.stderr.whole().await;
    assert!(told.contains("cache.db: ") && told.contains("name another file as `cache`"), "{told}");
    world.new_key_at(&[&gate]).await;
    assert_eq!(gate.asks(&good).await, 200);
    let gate = gate.restart(Signal::KILL).await;
    assert_eq!(gate.asks(&good).await, 200);
}

/// A store in which keys are managed is no place for a copy, and a copy no place to manage keys in.
#[tokio::test]
async fn a_store_is_not_overwritten_by_a_copy() {
    let world = World::start().await;
    let setup = world.follower_setup("1h");
    let folder = tempfile::Builder::new().prefix("keygate-test-").tempdir().expect("a folder");
    let store = world.manager.path("kept.db");
    let config = world.manager.path("keygate.yaml").display().to_string();
    world.does_offline(&["keys", "backup", store.to_str().expect("text"), "-c", &config]).await;
    std::fs::copy(&store, folder.path().join("cache.db")).expect("a copy");
    std::fs::write(folder.path().join("keygate.yaml"), setup.text()).expect("a file");
    let mut program = super::support::Program::start(&["serve", "-c", "keygate.yaml"], folder.path(), &setup.environment);
    assert_ne!(program.exit().await, Some(0));
    let told = program.stderr.whole().await;
    assert!(told.contains("no copy of one"), "{told}");
    // And all of it is still there.
    let place = "{ sqlite: cache.db }".to_owned();
    let managing = super::support::Setup { place, ..super::support::Setup::before(world.backend.address) };
    std::fs::write(folder.path().join("managing.yaml"), managing.text()).expect("a file");
    let mut program = super::support::Program::start(&["keys", "list", "-c", "managing.yaml"], folder.path(), &[]);
    assert_eq!(program.exit().await, Some(0), "{}", program.stderr.whole().await);
    assert!(program.stdout.whole().await.contains("demo"));
}

/// A token that is revoked ends what was opened with it, at once.
#[tokio::test]
async fn a_gate_whose_token_is_revoked_is_told_nothing_more() {
    let world = World::start().await;
    let gate = world.follower("1h").await;
    let (_, before) = world.new_key().await;
    gate.comes_to(&before, 200).await;
    let gates = world.api("/v1/gates").await;
    let id = gates["items"][0]["actor"].as_str().and_then(|actor| actor.strip_prefix("operator:")).expect("a token").to_owned();
    world.does(&["admin-token", "revoke", &id]).await;
    world.manager.told("a gate follows no more", 1).await;
    gate.gate.told("the manager refuses the token of this gate", 1).await;
    let (_, after) = world.new_key().await;
    assert_eq!((gate.asks(&before).await, gate.asks(&after).await), (200, 401));
}

/// Streams that end because all keys were read anew are counted as others are.
#[tokio::test]
async fn what_ends_by_keys_that_were_read_anew_is_in_the_receipt() {
    let mut world = World::start().await;
    let copy = world.manager.path("copy.db").display().to_string();
    let (id, key) = world.new_key().await;
    world.does_offline(&["keys", "backup", &copy, "-c", "keygate.yaml"]).await;
    let gate = world.follower("1h").await;
    gate.comes_to(&key, 200).await;
    let mut socket = gate.socket(&key).await;
    world.wire.set(State::Hangs);
    assert_eq!(world.revoke(&id, "0s").await.0, Some(3), "revoked, and not seen at the gate");
    world.restart_manager_after(&["keys", "restore", "--from", &copy, "--yes", "-c", "keygate.yaml"]).await;
    world.mend().await;
    socket.is_closed_with(1008).await;
    let (code, said) = world.revoke(&id, "10s").await;
    assert_eq!(code, Some(0), "{said}");
    let gates = said["receipt"]["gates"].as_array().expect("gates");
    let theirs = gates.iter().find(|gate| gate["gate"] == "edge").expect("the gate that follows");
    assert_eq!((&theirs["acknowledged"], &theirs["cut"]), (&true.into(), &1.into()), "{said}");
}

/// What a gate counts is its own affair; the manager goes on, and tells it as far as it can be told.
#[tokio::test]
async fn a_gate_that_counts_beyond_all_measure_breaks_nothing() {
    // The largest whole number that the API takes.
    const MOST: u64 = (1 << 53) - 1;
    let world = World::start().await;
    let _gate = world.follower("1h").await;
    let (id, _) = world.new_key().await;
    let mut joined = Vec::new();
    for liar in ["one", "other"] {
        let mut client = world.joined(liar).await;
        assert_eq!(client.head().await.status, 200);
        joined.push(client);
        let all = json!({ "last_used_ms": MOST, "requests": MOST, "refusals": { "secret_in_query": MOST } });
        for batch in [1, MOST] {
            world.tells("usage", json!({ "instance": liar, "batch": batch, "keys": { &*id: &all } })).await;
        }
        let version = json!({ "epoch": MOST, "sequence": MOST });
        let ended = json!({ &*id: { "cut": MOST, "remaining": 0 } });
        world
            .tells(
                "reports",
                json!({ "instance": liar, "version": version, "hash": "0".repeat(64), "number": 1, "ended": ended }),
            )
            .await;
    }
    let usage = world.api(&format!("/v1/keys/{id}/usage")).await;
    assert_eq!((&usage["requests"], &usage["refusals"]["secret_in_query"]), (&(4 * MOST).into(), &(4 * MOST).into()), "{usage}");
    let last_used = usage["last_used_at"].as_str().expect("a moment");
    assert!(("2000".."3000").contains(&last_used), "{last_used}: nobody has used it in the future");
    // And what it says that it obeys is not believed of what there never was.
    let (code, said) = world.revoke(&id, "300ms").await;
    assert_eq!((code, &said["receipt"]["complete"]), (Some(3), &false.into()), "{said}");
    let liars = said["receipt"]["gates"].as_array().expect("gates").iter().filter(|gate| gate["acknowledged"] == false);
    assert_eq!(liars.count(), 2, "{said}");
}
