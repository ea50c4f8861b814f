//! A change of the configuration under traffic: every request goes where the policy that let it in says.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::process::Signal;
use serde_json::Value;

use super::{KEY, get, named};
use crate::support::{Client, Gate, Setup, handshake};

/// Two configurations whose routes stand in another order, so that the number of a route in one is that of another in the other.
fn setups(a: &str, b: &str, neither: &str) -> [Setup; 2] {
    let route = |name: &str, upstream: &str| {
        format!(
            "\n  - {{ name: {name}, match: {{ path: /g/** }}, operation: any, enforce_inside: backend, upstream: {upstream} }}"
        )
    };
    let trap = format!("\n  - {{ name: trap, match: {{ path: /trap/** }}, operation: any, upstream: {neither} }}");
    let setup = |routes: String| Setup { routes, ..Setup::before(neither) };
    [setup(route("a", a) + &trap), setup(trap.clone() + &route("b", b))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_goes_where_its_own_policy_says() {
    let (a, b, neither) = (named("a").await, named("b").await, named("neither").await);
    let setups = setups(&a.address.to_string(), &b.address.to_string(), &neither.address.to_string());
    let mut gate = Gate::start(setups[0].clone()).await;
    let (done, address) = (Arc::new(AtomicBool::new(false)), gate.address());
    let asking: Vec<_> = (0..4)
        .map(|number| {
            let done = Arc::clone(&done);
            tokio::spawn(async move {
                let mut answers = Vec::new();
                let mut client = Client::to(address).await;
                while !done.load(Ordering::Relaxed) {
                    let answer = if number == 0 {
                        let mut client = Client::to(address).await;
                        client.ask(handshake("/g/a", KEY)).await
                    } else {
                        client.ask(get("/g/a", KEY)).await
                    };
                    assert!(matches!(answer.status, 200 | 101), "{answer:?}");
                    let of = |name| answer.header(name).unwrap().to_owned();
                    answers.push((of("x-request-id"), of("x-backend")));
                }
                answers
            })
        })
        .collect();
    for turn in 1..=30 {
        gate.replace("keygate.yaml", &setups[turn % 2].text());
        let (code, _, error) = gate.command(&["reload"]).await;
        assert_eq!(code, Some(0), "{error}");
    }
    done.store(true, Ordering::Relaxed);
    let mut answers = HashMap::new();
    for asking in asking {
        answers.extend(asking.await.unwrap());
    }
    gate.program.signal(Signal::TERM);
    gate.program.exit().await;
    let log = gate.program.stdout.whole().await;
    let mut routes = HashMap::new();
    for line in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        routes.insert(
            line["request_id"].as_str().unwrap_or_default().to_owned(),
            line["route"].as_str().unwrap_or_default().to_owned(),
        );
    }
    let mut seen = [0, 0];
    for (id, backend) in &answers {
        // The line is left out where the log cannot be written fast enough, and nothing can be said then.
        let Some(route) = routes.get(id) else { continue };
        assert_eq!(route, backend, "the policy's route and the backend that answered");
        seen[usize::from(route == "b")] += 1;
    }
    assert!(seen[0] > 10 && seen[1] > 10, "both were in force under traffic: {seen:?} of {}", answers.len());
    assert!(neither.requests().is_empty(), "no request took a number of one policy to the other's routes");
}
