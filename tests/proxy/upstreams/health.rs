//! Health checks: who fails them is passed over until it passes again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::{KEY, get, named, nobody, ok, who_answers};
use crate::support::{Backend, Gate, Setup, secret_key, until};

/// A backend that says whether it is well when it is asked for `/healthz`.
struct Patient {
    backend: Backend,
    well: Arc<AtomicBool>,
    checks: Arc<AtomicUsize>,
}

async fn patient(name: &'static str) -> Patient {
    let (well, checks) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let state = (Arc::clone(&well), Arc::clone(&checks));
    let backend = Backend::start(move |mut talk| {
        let (well, checks) = state.clone();
        async move {
            while let Some(request) = talk.request().await {
                let answer = match request.target.as_str() {
                    "/healthz" => {
                        checks.fetch_add(1, Ordering::Relaxed);
                        assert!(request.header("x-keygate-key-id").is_none() && request.header("host").is_some());
                        let status = if well.load(Ordering::Relaxed) { "204 No Content" } else { "503 Not Well" };
                        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
                    }
                    _ => ok(name),
                };
                talk.send(answer).await;
            }
        }
    });
    Patient { backend: backend.await, well, checks }
}

fn upstream(addresses: &[std::net::SocketAddr], health: &str) -> String {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    format!("{{ addresses: [{}], health: {health} }}", addresses.join(", "))
}

fn series(address: std::net::SocketAddr) -> String {
    format!(r#"keygate_upstream_healthy{{address="{address}",upstream="upstream"}}"#)
}

const OFTEN: &str = "{ path: /healthz, interval: 100ms, timeout: 5s }";

async fn answering(gate: &Gate) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..12 {
        names.push(who_answers(gate, &get("/any/", KEY)).await);
    }
    names.sort_unstable();
    names.dedup();
    names
}

#[tokio::test]
async fn who_fails_is_passed_over_until_it_passes() {
    let (one, other) = (patient("one").await, patient("other").await);
    let gate = Gate::start(Setup::before(upstream(&[one.backend.address, other.backend.address], OFTEN))).await;
    gate.series_is(&series(one.backend.address), 1.0).await;
    assert_eq!(answering(&gate).await, ["one", "other"]);

    one.well.store(false, Ordering::Relaxed);
    gate.series_is(&series(one.backend.address), 0.0).await;
    assert_eq!(answering(&gate).await, ["other"]);
    let told = gate.told(&format!("{} of upstream becomes unhealthy", one.backend.address), 1).await;
    assert!(told["message"].as_str().is_some_and(|text| text.contains("no 2xx")), "{told}");

    one.well.store(true, Ordering::Relaxed);
    gate.series_is(&series(one.backend.address), 1.0).await;
    assert_eq!(answering(&gate).await, ["one", "other"]);
    assert_eq!(gate.metrics().await.complaints(), [""; 0]);
}

#[tokio::test]
async fn one_failure_is_no_illness() {
    let one = patient("one").await;
    let gate = Gate::start(Setup::before(upstream(&[one.backend.address, nobody().await], OFTEN))).await;
    one.well.store(false, Ordering::Relaxed);
    let seen = one.checks.load(Ordering::Relaxed);
    until("a check that fails", || async {
        tokio::task::yield_now().await;
        (one.checks.load(Ordering::Relaxed) > seen).then_some(())
    })
    .await;
    one.well.store(true, Ordering::Relaxed);
    let seen = one.checks.load(Ordering::Relaxed);
    gate.metric("more checks", |_| (one.checks.load(Ordering::Relaxed) > seen + 3).then_some(())).await;
    assert!(!gate.program.stderr.text().contains(&format!("{} of upstream becomes unhealthy", one.backend.address)));
}

#[tokio::test]
async fn where_all_fail_all_are_tried() {
    let (one, other) = (patient("one").await, patient("other").await);
    one.well.store(false, Ordering::Relaxed);
    other.well.store(false, Ordering::Relaxed);
    let gate = Gate::start(Setup::before(upstream(&[one.backend.address, other.backend.address], OFTEN))).await;
    gate.series_is(&series(one.backend.address), 0.0).await;
    gate.series_is(&series(other.backend.address), 0.0).await;
    assert_eq!(answering(&gate).await, ["one", "other"]);
}

#[tokio::test]
async fn a_connection_is_health_where_nothing_else_is_said() {
    let (one, down) = (named("one").await, nobody().await);
    let gate = Gate::start(Setup::before(upstream(&[one.address, down], "{ interval: 100ms }"))).await;
    gate.series_is(&series(down), 0.0).await;
    gate.series_is(&series(one.address), 1.0).await;
    let errors = |metrics: &crate::support::Metrics| metrics.sum("keygate_upstream_errors_total");
    let before = errors(&gate.metrics().await);
    assert_eq!(answering(&gate).await, ["one"]);
    assert_eq!(errors(&gate.metrics().await), before, "nobody tries who is known to be down");
}

#[tokio::test]
async fn what_is_known_lives_over_a_reload_and_ends_with_the_upstream() {
    let (one, other, next) = (patient("one").await, patient("other").await, patient("next").await);
    one.well.store(false, Ordering::Relaxed);
    // So many must pass that it stays out for the whole test.
    let health = "{ path: /healthz, interval: 100ms, healthy: 100000 }";
    let setup = Setup::before(upstream(&[one.backend.address, other.backend.address], health));
    let gate = Gate::start(setup.clone()).await;
    gate.series_is(&series(one.backend.address), 0.0).await;
    one.well.store(true, Ordering::Relaxed);
    gate.replace_keys(&[secret_key("server", "sk_live_server", ""), secret_key("more", "sk_live_more", "")]);
    gate.reloaded(1).await;
    assert_eq!(gate.metrics().await.value(&series(one.backend.address)), Some(0.0));
    assert_eq!(answering(&gate).await, ["other"]);

    gate.replace("keygate.yaml", &Setup { upstream: upstream(&[next.backend.address], health), ..setup }.text());
    gate.reloaded(2).await;
    assert_eq!(answering(&gate).await, ["next"]);
    let metrics = gate.metrics().await;
    assert_eq!(metrics.value(&series(next.backend.address)), Some(1.0));
    assert!(metrics.value(&series(one.backend.address)).is_none() && metrics.value(&series(other.backend.address)).is_none());
    // A check may have been on its way. While the new one is checked again and again, the old ones are not.
    let before = one.checks.load(Ordering::Relaxed);
    gate.metric("checks of the new upstream", |_| (next.checks.load(Ordering::Relaxed) > 5).then_some(())).await;
    assert!(one.checks.load(Ordering::Relaxed) <= before + 1, "the old upstream is checked no more");
}
