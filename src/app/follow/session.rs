//! One asking: the stream of changes from the version of the copy on, until it breaks off or says that it cannot lead on from there.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header::ACCEPT};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Response, body::Incoming};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::warn;

use super::{Follow, word};
use crate::{
    app::{lead::beat, load::LoadError, machine, stored::NotInForce},
    config::SNAPSHOT_PATH,
    gate::credential::hex,
    keystore::{
        Checkpoint, EventStream, Heading, MAX_CHANGES_BYTES, NoAnswer, NoEvent, Says, StoreError, Version, Way, open_parcel,
        verify_parcel,
    },
};

/// How long the manager may take to begin an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
const NO_ANSWER: &str = "the manager does not answer";
/// The beginning of an error that is read, in bytes.
const MAX_ERROR: usize = 16 * 1024;
/// `data: ` before each line, and names: what an event is longer than its parcel at most.
const AROUND: usize = 4;

/// What was asked, and when.
struct Asking {
    nonce: String,
    /// On the ticks of the gate's clock.
    begun_ns: u64,
    /// The manager's uptime in the first parcel, which was made after `begun_ns`.
    first_ms: Option<u64>,
    /// What the gate has come to by what was answered.
    at: Checkpoint,
}

impl Asking {
    /// The heading of a parcel, if that was made for this asking.
    ///
    /// # Errors
    /// If it was not.
    fn own(&self, heading: Heading) -> Result<Heading, String> {
        if heading.nonce == self.nonce {
            return Ok(heading);
        }
        Err("the changes were made for somebody else, or before they were asked for".to_owned())
    }

    /// When the manager had, at the least, what it says in a parcel that it made after so much uptime: what its clock says has passed since
    /// the first parcel, and no more than has passed here until `now_ns`.
    ///
    /// # Errors
    /// If no clock comes so far.
    fn known_ns(&mut self, uptime_ms: u64, now_ns: u64) -> Result<u64, String> {
        let first_ms = *self.first_ms.get_or_insert(uptime_ms);
        let passed_ns = uptime_ms.saturating_sub(first_ms).checked_mul(1_000_000);
        let known_ns = passed_ns.and_then(|passed_ns| self.begun_ns.checked_add(passed_ns));
        known_ns.map(|known_ns| known_ns.min(now_ns)).ok_or_else(|| "the manager counts its time as nobody can".to_owned())
    }
}

impl Follow {
    /// Follows on one connection. Ends well where there is to be asked from somewhere else: the copy was read anew, or another process of
    /// this gate has brought it on.
    ///
    /// # Errors
    /// Why it ended otherwise.
    pub(super) async fn session(&mut self) -> Result<(), String> {
        let connection = timeout(PATIENCE, self.client.connect()).await.map_err(|_| NO_ANSWER.to_owned())?;
        let connection = connection.map_err(|error| error.to_string())?;
        // From here on: how long it took to connect says nothing of how old an answer is.
        let begun_ns = self.freshness.now_ns();
        let mut asking = Asking { nonce: word(&self.random)?, begun_ns, first_ms: None, at: self.checkpoint().await? };
        let Checkpoint { version: Version { epoch, sequence }, hash } = asking.at;
        let target = format!(
            "{SNAPSHOT_PATH}/events?nonce={}&instance={}&name={}&epoch={epoch}&after={sequence}&hash={}&max_stale_ms={}",
            asking.nonce,
            self.outbox.instance(),
            self.name(),
            hex::text(&hash),
            self.manager.max_stale.as_millis(),
        );
        let answer = good(connection.send(get(&target, "text/event-stream")?)).await?;
        // The manager knows this gate now, and not yet how far it has come.
        self.outbox.joined();
        let mut events = EventStream::new(answer.into_body(), MAX_CHANGES_BYTES * AROUND);
        let silence = beat(self.manager.max_stale) * 3 + Duration::from_secs(1);
        let mut heard = Instant::now();
        loop {
            // Only what the manager signed is a sign of life: anybody between can send the rest for ever.
            let event = match timeout_at(heard + silence, events.next()).await {
                Ok(Ok(event)) => event,
                // As a manager ends that stops; and the next attempt says what is wrong, if anything is.
                Ok(Err(NoEvent::Ended)) => return Err("the manager ended the stream of changes".to_owned()),
                Ok(Err(why)) => return Err(why.to_string()),
                Err(_) => return Err(format!("the manager was not heard for {} ms", silence.as_millis())),
            };
            match event.name.as_str() {
                "changes" => {
                    let Some(known_ns) = self.take_changes(event.data, &mut asking).await? else { return Ok(()) };
                    heard = Instant::now();
                    // Where the first word was long in coming, all that follow seem as old: to ask anew is better.
                    if Duration::from_nanos(self.freshness.now_ns().saturating_sub(known_ns)) > self.manager.max_stale / 4 {
                        return Ok(());
                    }
                }
                "end" => return self.take_end(&event.data, &asking).await,
                // Of a later version.
                _ => {}
            }
        }
    }

    /// Takes in what changed. When it is known to have been so, on the ticks of the gate's clock; `None` where the copy is elsewhere by now.
    async fn take_changes(&mut self, parcel: String, asking: &mut Asking) -> Result<Option<u64>, String> {
        let (heading, Way { from, to }) =
            verify_parcel(parcel.as_bytes(), &self.manager.verify).map_err(|error| error.to_string())?;
        let Heading { says, after, uptime_ms, .. } = asking.own(heading)?;
        let at = asking.at;
        if says != Says::Changes
            || after != Some(at.version.sequence)
            || from != Some(at.hash)
            || to.version.epoch != at.version.epoch
            || to.version < at.version
        {
            return Err(format!(
                "the changes lead from {after:?} to {}.{}, and not on from the {}.{} of this gate",
                to.version.epoch, to.version.sequence, at.version.epoch, at.version.sequence
            ));
        }
        if to != at {
            let mut opened = open_parcel(parcel.as_bytes()).map_err(|error| error.to_string())?;
            let mut keys = Vec::new();
            while let Some(key) = opened.next_key().map_err(|error| error.to_string())? {
                keys.push(key);
            }
            let (replica, keys) = (Arc::clone(&self.replica), Arc::<[_]>::from(keys));
            let written = Arc::clone(&keys);
            let applied = tokio::task::spawn_blocking(move || replica.apply(at, to, written)).await;
            match applied.map_err(|error| error.to_string())? {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                // Change by change they cannot be taken in: so all at once, which needs nothing of what is damaged.
                Err(error @ (StoreError::SameText(_) | StoreError::Corrupt(_))) => {
                    warn!(%error, "the changes do not go with the copy: all keys are asked for anew");
                    return self.take_snapshot().await.map(|()| None);
                }
                Err(error) => {
                    // What has ended is not let in for want of room; nor does the gate say that it obeys, for a restart would not know of it.
                    self.stored.obey(&keys).await;
                    return Err(error.to_string());
                }
            }
            asking.at = to;
        }
        if *self.stored.versions().borrow() != to.version {
            match self.bring_into_force().await {
                Err(LoadError::Damaged(error)) => {
                    warn!(error, "the copy cannot be read: all keys are asked for anew");
                    return self.take_snapshot().await.map(|()| None);
                }
                brought => brought.map_err(|error| error.to_string())?,
            }
        }
        // While another process takes this one's place, both keep the copy: what this one hears of an older state says nothing of a later one.
        if *self.stored.versions().borrow() != to.version {
            return Ok(None);
        }
        let known_ns = asking.known_ns(uptime_ms, self.freshness.now_ns())?;
        self.freshness.heard(known_ns).await;
        let _ = self.first.set(());
        Ok(Some(known_ns))
    }

    /// Takes in that no changes lead on from what the gate has come to, and why.
    async fn take_end(&mut self, parcel: &str, asking: &Asking) -> Result<(), String> {
        let (heading, way) = verify_parcel(parcel.as_bytes(), &self.manager.verify).map_err(|error| error.to_string())?;
        match asking.own(heading)?.says {
            Says::Behind => self.take_snapshot().await,
            Says::Diverged => {
                let (replica, at) = (Arc::clone(&self.replica), asking.at);
                let noted = tokio::task::spawn_blocking(move || replica.note_diverged(at)).await;
                if let Ok(Err(error)) = noted {
                    warn!(%error, "that the manager went another way could not be written down");
                }
                Err(diverged(way.to.version, at.version))
            }
            Says::All | Says::Changes => Err("the manager ends its changes without a reason".to_owned()),
        }
    }

    /// Brings into force what the copy has; the outbox tells the manager.
    async fn bring_into_force(&self) -> Result<(), LoadError> {
        match self.stored.catch_up().await {
            Ok(()) => Ok(()),
            Err(NotInForce::Store(error)) => Err(error.into()),
            Err(NotInForce::AnotherEpoch | NotInForce::TooFarBack | NotInForce::Clash) => self.stored.begin_anew().await,
        }
    }

    fn name(&self) -> String {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let own = || machine::name().chars().filter(plain).take(64).collect::<String>();
        let name = self.manager.name.as_deref().map_or_else(own, str::to_owned);
        if name.is_empty() { "gate".to_owned() } else { name }
    }
}

/// That the manager has other keys, of version `theirs`, than those of this gate ever were.
pub(super) fn diverged(theirs: Version, ours: Version) -> String {
    format!(
        "the manager has keys of version {}.{}, which do not lead on from those of this gate, {}.{}: its store was put back by hand, without \
         being told (`keygate keys restore`). Such keys are not taken: what was revoked since would be good again",
        theirs.epoch, theirs.sequence, ours.epoch, ours.sequence
    )
}

/// A `GET` of what has this form.
pub(super) fn get(target: &str, accept: &'static str) -> Result<Request<Full<Bytes>>, String> {
    Request::get(target).header(ACCEPT, accept).body(Full::default()).map_err(|error| error.to_string())
}

/// The answer that is on its way, if it comes and is a good one.
pub(super) async fn good(
    answer: impl Future<Output = Result<Response<Incoming>, NoAnswer>>,
) -> Result<Response<Incoming>, String> {
    let answer = timeout(PATIENCE, answer).await.map_err(|_| NO_ANSWER.to_owned())?;
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.status() {
        StatusCode::OK => Ok(answer),
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Err(format!(
            "the manager refuses the token of this gate ({status}); make one with `keygate admin-token create --role gate`"
        )),
        status => {
            let told = timeout(PATIENCE, Limited::new(answer.into_body(), MAX_ERROR).collect()).await;
            let told = told.ok().and_then(Result::ok).map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
            let detail = told
                .and_then(|told| serde_json::from_str::<serde_json::Value>(&told).ok()?["detail"].as_str().map(str::to_owned));
            Err(format!("the manager answers {status}: {}", detail.unwrap_or_else(|| "nothing that a manager says".to_owned())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_as_old_as_both_clocks_say() {
        let mut asking = Asking { nonce: String::new(), begun_ns: 5, first_ms: None, at: Checkpoint::default() };
        assert_eq!(asking.known_ns(700, 1_000_000_000), Ok(5), "however long it took to come");
        assert_eq!(asking.known_ns(703, 1_000_000_000), Ok(3_000_005));
        assert_eq!(asking.known_ns(703, 9), Ok(9), "of a manager whose clock runs fast");
        assert_eq!(asking.known_ns(0, 1_000_000_000), Ok(5), "of one whose clock runs back");
    }

    #[test]
    fn a_manager_that_signs_an_uptime_beyond_all_time_is_not_believed() {
        for uptime_ms in [u64::MAX, u64::MAX / 1_000_000] {
            let mut asking =
                Asking { nonce: String::new(), begun_ns: u64::MAX / 2, first_ms: Some(0), at: Checkpoint::default() };
            assert_eq!(asking.known_ns(uptime_ms, u64::MAX), Err("the manager counts its time as nobody can".to_owned()));
        }
        let mut asking = Asking { nonce: String::new(), begun_ns: 5, first_ms: None, at: Checkpoint::default() };
        assert_eq!(asking.known_ns(u64::MAX, u64::MAX), Ok(5), "of itself it says nothing");
    }
}
