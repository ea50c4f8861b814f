//! Every way in which a stream that opens and a change that would not let it in can fall together, tried by loom. The order of the
//! steps is the gate's own (`src/edge/registry/order.rs`); what they do is a model: a generation, and a registry behind a lock.

#![cfg(test)]

#[path = "../../../src/edge/registry/order.rs"]
mod order;

use loom::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// The generation in which the key is revoked.
const REVOKED_IN: usize = 1;

/// Relaxed throughout: the order of the steps and the registry's lock have to be enough.
#[derive(Default)]
struct Gate {
    generation: AtomicUsize,
    registry: Mutex<Vec<Arc<Stream>>>,
}

#[derive(Default)]
struct Stream {
    cut: AtomicBool,
}

impl Gate {
    fn register(&self) -> Arc<Stream> {
        let stream = Arc::new(Stream::default());
        self.registry.lock().unwrap().push(Arc::clone(&stream));
        stream
    }

    /// Opens a stream, if its key is good when it is decided; in this order, or in that of the control.
    fn open(&self, order: Order) -> Option<Arc<Stream>> {
        let decided_by = self.generation.load(Relaxed);
        if decided_by >= REVOKED_IN {
            return None;
        }
        let is_in_force = || self.generation.load(Relaxed) == decided_by;
        let look_again = |stream: &Arc<Stream>| stream.cut.store(self.generation.load(Relaxed) >= REVOKED_IN, Relaxed);
        Some(match order {
            Order::Own => order::open(|| self.register(), is_in_force, look_again),
            Order::LookedFirst => {
                let was_in_force = is_in_force();
                let stream = self.register();
                if !was_in_force {
                    look_again(&stream);
                }
                stream
            }
            Order::WalkedFirst => order::open(|| self.register(), is_in_force, look_again),
        })
    }

    fn revoke(&self, order: Order) {
        let publish = || self.generation.store(REVOKED_IN, Relaxed);
        let walk = || self.registry.lock().unwrap().iter().for_each(|stream| stream.cut.store(true, Relaxed));
        match order {
            Order::Own | Order::LookedFirst => drop(order::change(publish, walk)),
            Order::WalkedFirst => {
                walk();
                publish();
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Order {
    /// As the gate does it.
    Own,
    /// A control: the stream looks whether it is in force before it is registered.
    LookedFirst,
    /// A control: registered streams are told before those to come are refused.
    WalkedFirst,
}

fn no_stream_outlives_its_key(order: Order) {
    loom::model(move || {
        let gate = Arc::new(Gate::default());
        let opening = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.open(order))
        };
        gate.revoke(order);
        if let Some(stream) = opening.join().unwrap() {
            assert!(stream.cut.load(Relaxed), "a stream lives on a key that is revoked");
        }
    });
}

#[test]
fn a_stream_that_opens_while_its_key_goes_is_cut() {
    no_stream_outlives_its_key(Order::Own);
}

#[test]
#[should_panic(expected = "a stream lives on a key that is revoked")]
fn a_stream_that_looks_before_it_registers_lives_on() {
    no_stream_outlives_its_key(Order::LookedFirst);
}

#[test]
#[should_panic(expected = "a stream lives on a key that is revoked")]
fn a_change_that_walks_before_it_publishes_misses_one() {
    no_stream_outlives_its_key(Order::WalkedFirst);
}
