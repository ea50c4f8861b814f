//! Many at once: nothing is lost, and readers see one moment.

use std::sync::{
    Barrier,
    atomic::{AtomicBool, Ordering},
};

use keygate::{
    gate::keys::Step,
    keystore::{Change, Deed, KeyStore as _, Once},
};

use crate::support::{Own, all, change, key, step};

const THREADS: usize = 8;
const EACH: usize = 40;

#[test]
fn changes_of_many_threads_all_happen_and_some_together() {
    let own = Own::with(&[]);
    let before = own.store.transactions();
    let (start, done) = (Barrier::new(THREADS + 1), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (own, start) = (&own, &start);
                scope.spawn(move || {
                    start.wait();
                    for n in 0..EACH {
                        let id = format!("{thread}-{n}");
                        own.commit(Deed::Create(vec![key(&id), key(&format!("{id}b"))])).unwrap();
                        own.commit(step(&id, Step::Revoke)).unwrap();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            start.wait();
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let (version, keys) = all(&own.store).unwrap();
                assert!(keys.len().is_multiple_of(2) && version.sequence >= seen, "two that are made together are seen together");
                seen = version.sequence;
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
    });
    let transactions = own.store.transactions() - before;
    println!("{} changes in {transactions} transactions", THREADS * EACH * 2);
    assert!(transactions <= (THREADS * EACH * 2) as u64);
    let own = own.reopened();
    assert_eq!(own.all().len(), THREADS * EACH * 2);
    assert_eq!(own.store.verify_audit().unwrap().sequence as usize, 1 + THREADS * EACH * 3);
}

#[test]
fn of_one_request_sent_by_many_one_is_done() {
    let own = Own::with(&[]);
    let start = Barrier::new(THREADS);
    let repeated = std::thread::scope(|scope| {
        let ask = |_| {
            scope.spawn(|| {
                start.wait();
                let once = Some(Once { key: "r1".into(), request: [1; 32] });
                own.store.commit(Change { once, ..change(Deed::Create(vec![key("a")])) }).unwrap().repeated
            })
        };
        let asked: Vec<_> = (0..THREADS).map(ask).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).filter(|repeated| *repeated).count()
    });
    assert_eq!((repeated, own.all().len()), (THREADS - 1, 1));
}
