//! One asking: the stream of changes from the version of the copy on, until it breaks off or says that it cannot lead on from there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode, header::ACCEPT};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Response, body::Incoming};
use tokio::time::timeout;
use tracing::warn;

use super::{Follow, word};
use crate::{
    app::{lead::beat, machine, stored::NotInForce},
    gate::credential::hex,
    keystore::{
        Checkpoint, EventStream, Heading, MAX_CHANGES_BYTES, NoAnswer, NoEvent, StoreError, Version, Way, open_parcel,
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
    begun: Instant,
    /// The manager's uptime in the first parcel, which was made after `begun`.
    first_ms: Option<u64>,
    /// What the gate has come to by what was answered.
    at: Checkpoint,
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
        let (nonce, begun) = (word(&self.random)?, Instant::now());
        let mut asking = Asking { nonce, begun, first_ms: None, at: self.checkpoint().await? };
        let Checkpoint { version: Version { epoch, sequence }, hash } = asking.at;
        let target = format!(
            "{}/events?nonce={}&instance={}&name={}&epoch={epoch}&after={sequence}&hash={}&max_stale_ms={}",
            self.path(),
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
        loop {
            let event = match timeout(silence, events.next()).await {
                Ok(Ok(event)) => event,
                // As a manager ends that stops; and the next attempt says what is wrong, if anything is.
                Ok(Err(NoEvent::Ended)) => return Err("the manager ended the stream of changes".to_owned()),
                Ok(Err(why)) => return Err(why.to_string()),
                Err(_) => return Err(format!("the manager was not heard for {} ms", silence.as_millis())),
            };
            match event.name.as_str() {
                "changes" => {
                    let Some(known) = self.take_changes(event.data, &mut asking).await? else { return Ok(()) };
                    // Where the first word was long in coming, all that follow seem as old: to ask anew is better.
                    if known.elapsed() > self.manager.max_stale / 4 {
                        return Ok(());
                    }
                }
                "behind" => return self.take_snapshot().await,
                "diverged" => return Err(diverged(&event.data, asking.at.version)),
                // Of a later version.
                _ => {}
            }
        }
    }

    /// Takes in what changed. When it is known to have been so; `None` where the copy is elsewhere by now.
    async fn take_changes(&mut self, parcel: String, asking: &mut Asking) -> Result<Option<Instant>, String> {
        let (heading, Way { from, to }) =
            verify_parcel(parcel.as_bytes(), &self.manager.verify).map_err(|error| error.to_string())?;
        let Heading { after, uptime_ms, nonce, .. } = heading;
        if nonce != asking.nonce {
            return Err("the changes were made for somebody else, or before they were asked for".to_owned());
        }
        let at = asking.at;
        if after != Some(at.version.sequence)
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
            let replica = Arc::clone(&self.replica);
            let applied = tokio::task::spawn_blocking(move || replica.apply(at, to, keys)).await;
            match applied.map_err(|error| error.to_string())? {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                // Change by change they cannot be taken in: so all at once.
                Err(error @ StoreError::SameText(_)) => {
                    warn!(%error, "the changes do not go with the copy: all keys are asked for anew");
                    return self.take_snapshot().await.map(|()| None);
                }
                Err(error) => return Err(error.to_string()),
            }
            asking.at = to;
            self.bring_into_force().await?;
        }
        // While another process takes this one's place, both keep the copy: what this one hears of an older state says nothing of a later one.
        if *self.stored.versions().borrow() != to.version {
            return Ok(None);
        }
        let first_ms = *asking.first_ms.get_or_insert(uptime_ms);
        // What the manager's clock says has passed between the two parcels, and no more than has passed here.
        let known = asking.begun + Duration::from_millis(uptime_ms.saturating_sub(first_ms));
        let known = known.min(Instant::now());
        self.freshness.heard(known).await;
        let _ = self.first.set(());
        Ok(Some(known))
    }

    /// Brings into force what the copy has; the outbox tells the manager.
    async fn bring_into_force(&self) -> Result<(), String> {
        match self.stored.catch_up().await {
            Ok(()) => Ok(()),
            Err(NotInForce::Store(error)) => Err(error.to_string()),
            Err(NotInForce::AnotherEpoch | NotInForce::TooFarBack | NotInForce::Clash) => {
                self.stored.begin_anew().await.map_err(|error| error.to_string())
            }
        }
    }

    /// Where the snapshot is, at the manager.
    pub(super) fn path(&self) -> &'static str {
        "/v1/snapshot"
    }

    fn name(&self) -> String {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let own = || machine::name().chars().filter(plain).take(64).collect::<String>();
        let name = self.manager.name.as_deref().map_or_else(own, str::to_owned);
        if name.is_empty() { "gate".to_owned() } else { name }
    }
}

/// That the manager has other keys than those of this gate ever were: `said` is their version.
pub(super) fn diverged(said: &str, ours: Version) -> String {
    let theirs: Version = serde_json::from_str(said).unwrap_or_default();
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
