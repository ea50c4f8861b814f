//! What became of requests under changes, and what of it must not be.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{super::support::Answer, files::is_bad};

/// A number that many tasks count up.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// So many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What became of the requests.
#[derive(Default)]
pub struct Counts {
    pub asked: Count,
    pub dropped: Count,
    pub mixed: Count,
    /// Decided by a version that is bad.
    pub bad: Count,
    /// No route of this turn.
    pub out_of_turn: Count,
    /// A body that came while versions passed.
    pub slow: Count,
}

/// The versions of the keys and of the configuration that an answer tells of.
pub fn versions(answer: &Answer) -> Option<(u64, u64)> {
    let mut words = answer.text().split(' ');
    let app = words.next()?.strip_prefix("app=a")?.parse().ok()?;
    Some((app, words.next()?.strip_prefix("version=")?.parse().ok()?))
}

impl Counts {
    /// Counts an answer, or none. `is_slow`: the body took its time. Such a request goes where the configuration says that let it in, and
    /// stands on its key as it is once the body is there, so that nothing outlives its key; the key may be newer, and never older.
    pub fn note(&self, answer: std::io::Result<Answer>, is_slow: bool) -> bool {
        self.asked.add();
        let answer = match answer {
            Ok(answer) if answer.status < 500 => answer,
            Ok(answer) => {
                println!("  dropped: {} {}", answer.status, answer.text());
                self.dropped.add();
                return false;
            }
            Err(error) => {
                println!("  dropped: {error}");
                self.dropped.add();
                return false;
            }
        };
        let found = versions(&answer).filter(|_| answer.status == 200);
        let agree = found.is_some_and(|(keys, config)| keys == config || is_slow && keys > config);
        if !agree {
            println!("  {}: {}", answer.status, answer.text());
            self.mixed.add();
        }
        if found.is_some_and(|(keys, config)| is_bad(keys) || is_bad(config)) {
            self.bad.add();
        }
        true
    }

    /// Counts an answer to a request that has its turn in every other version.
    pub fn note_turn(&self, answer: &std::io::Result<Answer>) -> bool {
        self.asked.add();
        match answer.as_ref().map(|answer| (answer.status, versions(answer))) {
            Ok((200, Some((keys, config)))) if keys == config => true,
            Ok((404, _)) => {
                self.out_of_turn.add();
                true
            }
            Ok((status, found)) => {
                println!("  out of turn: {status} {found:?}");
                if status >= 500 {
                    self.dropped.add()
                } else {
                    self.mixed.add()
                }
                true
            }
            // Its key was taken away while it was on its way.
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::{
            load::{Asker, Upstream},
            support::relay,
        },
        Counts,
    };

    /// The count, tried where there is something to count: a relay passes on whatever a client says of itself, and a dead port answers nobody.
    #[tokio::test]
    async fn a_mixed_answer_and_a_dropped_request_are_counted() {
        let upstream = Upstream::start(0);
        let to = relay(upstream.address).await;
        let counts = Counts::default();
        for (app, version) in [("a4", "4"), ("a4", "5"), ("a9", "9"), ("b", "")] {
            let mut asker = Asker::to(to).await.expect("a connection");
            let said = format!("GET / HTTP/1.1\r\nHost: gate\r\nX-Keygate-App: {app}\r\nX-Version: {version}\r\n\r\n");
            counts.note(asker.ask(said).await, false);
        }
        counts.note(Err(std::io::ErrorKind::ConnectionReset.into()), false);
        assert_eq!((counts.asked.get(), counts.mixed.get(), counts.bad.get(), counts.dropped.get()), (5, 2, 1, 1));
    }
}
