//! The one thread that writes: it takes all changes that wait into one transaction, so that many of them cost one sync of the disk.
//!
//! Each has a savepoint, so that one that is refused takes nothing with it; and where the transaction fails, each is tried alone, so that
//! an import that is too large for the disk does not take a revocation with it. Nobody is answered before the commit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::JoinHandle,
};

use rusqlite::Connection;

use super::{
    head::{Head, HeadFile},
    meta::Meta,
    place::Place,
};
use crate::keystore::StoreError;

/// Changes that wait at most; whoever comes then waits for a place.
const WAITING: usize = 1024;
/// Changes in one transaction at most.
const TOGETHER: usize = 256;
/// Rows in one transaction after which the pages that it touched are let go of: what follows seldom needs them.
const LARGE: u64 = 10_000;

/// The way to the thread that writes. Dropped, it waits until what was asked for is written and the file is closed.
pub(super) struct Writer {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    transactions: Arc<AtomicU64>,
}

impl Writer {
    pub fn start(conn: Connection, place: Arc<Place>, head: HeadFile) -> Result<Self, StoreError> {
        let (sender, jobs) = mpsc::sync_channel(WAITING);
        let transactions = Arc::<AtomicU64>::default();
        let thread = Thread { conn, place, head, transactions: Arc::clone(&transactions) };
        let thread = std::thread::Builder::new().name("keystore".into()).spawn(move || thread.run(&jobs));
        let thread = thread.map_err(|error| StoreError::Io(format!("no thread for its writer: {error}")))?;
        Ok(Self { jobs: Some(sender), thread: Some(thread), transactions })
    }

    /// What `work` makes, once it is on the disk. It may be done more than once, the last time alone; all but that is rolled back.
    pub fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let ended = || StoreError::Io("the thread that writes it has ended; restart".into());
        let (answer, told) = mpsc::sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(Box::new(Asked { work, result: None, answer })).map_err(|_| ended())?;
        told.recv().map_err(|_| ended())?
    }

    /// Transactions that were committed.
    pub fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Something to write, for which somebody waits.
trait Job: Send {
    /// Does it; whether there is something to commit. An error is one of the disk or the file, not a refusal.
    fn run(&mut self, conn: &Connection) -> Result<bool, StoreError>;
    /// It was not done.
    fn fail(&mut self, why: StoreError);
    fn answer(self: Box<Self>);
}

struct Asked<T, W> {
    work: W,
    result: Option<Result<T, StoreError>>,
    answer: SyncSender<Result<T, StoreError>>,
}

impl<T: Send, W: Fn(&Connection) -> Result<T, StoreError> + Send> Job for Asked<T, W> {
    fn run(&mut self, conn: &Connection) -> Result<bool, StoreError> {
        match (self.work)(conn) {
            Err(fault @ (StoreError::Full | StoreError::Corrupt(_) | StoreError::Io(_))) => Err(fault),
            said => {
                let done = said.is_ok();
                self.result = Some(said);
                Ok(done)
            }
        }
    }

    fn fail(&mut self, why: StoreError) {
        self.result = Some(Err(why));
    }

    fn answer(self: Box<Self>) {
        if let Some(result) = self.result {
            // Whoever asked may have gone.
            let _ = self.answer.send(result);
        }
    }
}

struct Thread {
    conn: Connection,
    place: Arc<Place>,
    head: HeadFile,
    transactions: Arc<AtomicU64>,
}

impl Thread {
    fn run(mut self, waiting: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = waiting.recv() {
            let mut jobs: Vec<_> = std::iter::once(first).chain(waiting.try_iter().take(TOGETHER - 1)).collect();
            if jobs.len() == 1 || self.commit(&mut jobs).is_err() {
                for job in &mut jobs {
                    if let Err(why) = self.commit(std::slice::from_mut(job)) {
                        job.fail(why);
                    }
                }
            }
            jobs.into_iter().for_each(Job::answer);
        }
        self.head.sync();
    }

    /// Does all of `jobs` in one transaction, or none.
    fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let begun = self.place.is_still_there().and_then(|()| Ok(self.conn.execute_batch("BEGIN IMMEDIATE")?));
        if let Err(why) = begun {
            // Each alone would only wait as long again.
            jobs.iter_mut().for_each(|job| job.fail(why.clone()));
            return Ok(());
        }
        let before = self.conn.total_changes();
        let head = self.perform(jobs);
        if self.conn.is_autocommit() {
            // SQLite has rolled it back itself, as it does for some errors.
            return head.map(drop);
        }
        let done = head.and_then(|head| {
            self.conn.execute_batch(if head.is_some() { "COMMIT" } else { "ROLLBACK" })?;
            Ok(head)
        });
        match done {
            Ok(head) => {
                if let Some(head) = head {
                    self.transactions.fetch_add(1, Ordering::Relaxed);
                    self.head.keep(head);
                }
                if self.conn.total_changes() - before > LARGE {
                    // It is committed, whatever comes of this.
                    let _ = self.conn.execute_batch("PRAGMA shrink_memory");
                }
                Ok(())
            }
            Err(why) => {
                if !self.conn.is_autocommit() {
                    self.conn.execute_batch("ROLLBACK")?;
                }
                Err(why)
            }
        }
    }

    /// Does `jobs`, and says where that leads; `None` where all were refused.
    fn perform(&self, jobs: &mut [Box<dyn Job>]) -> Result<Option<Head>, StoreError> {
        let mut any = false;
        for job in jobs {
            self.conn.execute_batch("SAVEPOINT deed")?;
            let done = job.run(&self.conn)?;
            self.conn.execute_batch(if done { "RELEASE deed" } else { "ROLLBACK TO deed; RELEASE deed" })?;
            any |= done;
        }
        any.then(|| Meta::load(&self.conn).map(|meta| Head::from(&meta))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::schema, *};
    use parking_lot::Mutex;
    use rusqlite::params;

    fn writer() -> (tempfile::TempDir, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keygate.db");
        let mut conn = Connection::open(&path).unwrap();
        schema::migrate(&mut conn).unwrap();
        Meta::new(1).save(&conn).unwrap();
        conn.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
        let place = Arc::new(Place::find(&path).unwrap());
        let head = HeadFile::find(&path).unwrap().or_made(&path).unwrap();
        (folder, Writer::start(conn, place, head).unwrap())
    }

    fn note(conn: &Connection, text: &str) -> Result<(), StoreError> {
        conn.execute("INSERT INTO notes VALUES (?1)", params![text])?;
        Ok(())
    }

    fn notes(writer: &Writer) -> String {
        writer.write(|conn| Ok(conn.query_row("SELECT GROUP_CONCAT(text, ' ') FROM notes", [], |row| row.get(0))?)).unwrap()
    }

    type Done = Result<(), StoreError>;

    /// What `works` come to if all of them wait while the thread is at something else, and the transactions that they took besides its own.
    fn together(writer: &Writer, works: Vec<fn(&Connection) -> Done>) -> (Vec<Done>, u64) {
        let ((began, begun), (go, wait)) = (mpsc::channel(), mpsc::channel());
        let wait = Mutex::new(wait);
        let ask = |work: Box<dyn Fn(&Connection) -> Done + Send>| {
            let (answer, told) = mpsc::sync_channel(1);
            writer.jobs.as_ref().unwrap().send(Box::new(Asked { work, result: None, answer })).unwrap();
            told
        };
        let first = ask(Box::new(move |_| {
            began.send(()).unwrap();
            wait.lock().recv().unwrap();
            Ok(())
        }));
        begun.recv().unwrap();
        let asked: Vec<_> = works.into_iter().map(|work| ask(Box::new(work))).collect();
        go.send(()).unwrap();
        first.recv().unwrap().unwrap();
        (asked.into_iter().map(|told| told.recv().unwrap()).collect(), writer.transactions() - 1)
    }

    #[test]
    fn what_waits_together_is_written_together() {
        let (_folder, writer) = writer();
        let (said, transactions) =
            together(&writer, vec![|conn| note(conn, "a"), |conn| note(conn, "b"), |conn| note(conn, "c")]);
        assert_eq!((said, transactions), (vec![Ok(()); 3], 1));
        assert_eq!(notes(&writer), "a b c");
    }

    #[test]
    fn what_is_refused_takes_nothing_with_it() {
        let (_folder, writer) = writer();
        let refused = |conn: &Connection| note(conn, "b").and(Err(StoreError::Reused));
        let (said, transactions) = together(&writer, vec![|conn| note(conn, "a"), refused, |conn| note(conn, "c")]);
        assert_eq!((said, transactions), (vec![Ok(()), Err(StoreError::Reused), Ok(())], 1));
        assert_eq!(notes(&writer), "a c");
    }

    #[test]
    fn what_fails_fails_alone() {
        let (_folder, writer) = writer();
        let full = |conn: &Connection| note(conn, "b").and(Err(StoreError::Full));
        let gone = |conn: &Connection| {
            // As SQLite does by itself for some errors.
            conn.execute_batch("ROLLBACK")?;
            Err(StoreError::Io("gone".into()))
        };
        let (said, transactions) =
            together(&writer, vec![|conn| note(conn, "a"), full, |conn| note(conn, "c"), gone, |conn| note(conn, "d")]);
        assert_eq!(said, [Ok(()), Err(StoreError::Full), Ok(()), Err(StoreError::Io("gone".into())), Ok(())]);
        assert_eq!(transactions, 3);
        assert_eq!(notes(&writer), "a c d");
    }

    #[test]
    fn who_is_dropped_has_written_what_was_asked() {
        let (folder, writer) = writer();
        writer.write(|conn| note(conn, "a")).unwrap();
        drop(writer);
        let conn = Connection::open(folder.path().join("keygate.db")).unwrap();
        assert_eq!(conn.query_row("SELECT text FROM notes", [], |row| row.get::<_, String>(0)).unwrap(), "a");
    }
}
