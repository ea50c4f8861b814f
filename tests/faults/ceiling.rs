//! The ceiling: as many live WebSockets with a key as this machine holds, up to 60,000, over as many gates as that takes, for a process
//! has only so many descriptors; clients and backends in processes of their own for the same reason. Tells what set the ceiling, and
//! what a socket costs there. Reads /proc, as Linux has it.

mod hand;
mod machine;

use std::time::Instant;

use self::{
    hand::{Hand, Opened},
    machine::{available_kib, descriptors, gates_kib, sockstat},
};
use super::{
    load::{UNLIMITED, alone},
    support::{Gate, Setup, is_long},
};

/// Sockets of the long run, unless something else ends it before.
const MOST: usize = 60_000;
/// What is left to everything else on the machine.
const LEFT_KIB: u64 = 4 << 20;
/// Sockets of one gate, each of which takes a descriptor on either side.
const OF_A_GATE: usize = 9_000;
/// Gates that share a process of clients and one of backends.
const GATES_OF_A_HAND: usize = 2;
/// Sockets between two looks at the memory.
const STEP: usize = 500;
/// Descriptors of a process that are for something else.
const SPARE: usize = 500;

/// Everything that holds sockets.
struct Site {
    clients: Hand,
    backend: Hand,
    opened: usize,
}

/// Why no more were opened.
enum Ceiling {
    Wanted,
    Memory,
    Refused(String),
}

/// Opens so many through a gate, a few at a time.
async fn fill(site: &mut Site, gate: &Gate, wanted: usize) -> (usize, Option<Ceiling>) {
    let mut opened = 0;
    while opened < wanted {
        if available_kib() < LEFT_KIB {
            return (opened, Some(Ceiling::Memory));
        }
        let Opened { count, stopped } = site.clients.open(STEP.min(wanted - opened), gate.address()).await;
        opened += count;
        site.opened += count;
        if let Some(why) = stopped {
            return (opened, Some(Ceiling::Refused(why)));
        }
    }
    (opened, None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_sockets_live_at_once() {
    let _alone = alone().await;
    let of_a_gate = if is_long() { OF_A_GATE.min((descriptors() - SPARE) / 2) } else { 150 };
    let most = if is_long() { MOST } else { 2 * of_a_gate };
    let (available, sockets) = (available_kib(), sockstat());
    let (mut sites, mut gates, mut begun_kib, mut all) = (Vec::<Site>::new(), Vec::<Gate>::new(), 0, 0);
    let begun = Instant::now();
    let ceiling = loop {
        if all >= most {
            break Ceiling::Wanted;
        }
        let place = u8::try_from(gates.len()).expect("fewer gates");
        if gates.len().is_multiple_of(GATES_OF_A_HAND) {
            let backend = Hand::backend([127, 0, 1, 1 + place]).await;
            sites.push(Site { clients: Hand::clients().await, backend, opened: 0 });
        }
        let site = sites.last_mut().expect("a site");
        let listeners = format!("[{{ address: '127.0.0.{}:0' }}]", 2 + place);
        let (limits, log) = (UNLIMITED.to_owned(), "{ access: off }".to_owned());
        let gate = Gate::start(Setup { listeners, limits, log, ..Setup::before(site.backend.address()) }).await;
        begun_kib += gates_kib(std::slice::from_ref(&gate)).0;
        let (opened, ceiling) = fill(site, &gate, of_a_gate.min(most - all)).await;
        all += opened;
        gates.push(gate);
        if let Some(ceiling) = ceiling {
            break ceiling;
        }
    };
    println!(
        "{all} WebSockets over {} gates, open after {:.0?}; {}",
        gates.len(),
        begun.elapsed(),
        match ceiling {
            Ceiling::Wanted => "as many as were wanted".to_owned(),
            Ceiling::Memory => format!("stopped where {} MiB were left", LEFT_KIB >> 10),
            Ceiling::Refused(why) => format!("the next one failed: {why}"),
        }
    );

    let (at_ceiling, kernel) = (available_kib(), sockstat());
    let (anonymous, whole) = gates_kib(&gates);
    let each = |kib: u64| kib as f64 / all as f64;
    println!(
        "  the gates: {:.2} KiB a socket (anonymous Pss, {} MiB in all; Pss {} MiB)",
        each(anonymous - begun_kib),
        anonymous >> 10,
        whole >> 10
    );
    println!(
        "  the machine with clients and backends: {:.2} KiB a socket (MemAvailable)",
        each(available.saturating_sub(at_ceiling))
    );
    println!("  before: {sockets}\n  then:   {kernel}");

    let mut living = 0;
    for site in &mut sites {
        let alive = site.clients.alive().await;
        assert_eq!(alive, site.opened, "all of them still carry a message");
        living += alive;
    }
    println!("  0 of {living} silent, after {:.0?}", begun.elapsed());
    for gate in &gates {
        let open = gate.metrics().await.value(r#"keygate_connections{transport="websocket"}"#);
        println!("  {}: {} open", gate.address(), open.unwrap_or_default());
    }
    assert!(is_long() || all == most, "{all} of {most}");
    drop(sites);
    for gate in &gates {
        gate.series_is("keygate_client_connections", 0.0).await;
    }
}
