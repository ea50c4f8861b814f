//! Managing the keys of a store, as the management API asks for it: what is said is read by the rules of the configuration, kept by the
//! store, and in force in this gate before it is answered.

mod caller;
mod change;
mod create;
mod explain;
mod operators;
mod page;
mod receipt;
mod retention;
mod trail;
mod view;
mod warnings;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use ring::rand::SystemRandom;
use serde_json::{Map, Value};
use tokio::sync::{broadcast, watch};

use self::explain::Source;
use super::{
    lead::{Gates, Lead, recalled},
    operators::Operators,
    stored::StoredKeys,
};
use crate::{
    admin::{
        AppView, Asked, Caller, Created, CreatedOperator, Described, FieldProblem, KeyView, KeysWanted, KnownRecord, Leading,
        Managing, NewApp, NewOperator, Page, Stepped, Stepping, Trouble, UsageView,
    },
    config::Problems,
    edge::{Clock, Edge},
    keystore::{AuditFilter, AuditFrom, AuditHead, AuditRecord, Change, Committed, Deed, Once, Operator, StoreError},
};

/// Manages the keys of one store.
pub struct Manage {
    stored: Arc<StoredKeys>,
    /// The gates that follow; `None` where no gate runs.
    lead: Option<Arc<Lead>>,
    /// Those that follow, or did when a gate ran here last.
    gates: Arc<Gates>,
    /// The gate that they are in force in; `None` where a command works on the store by itself.
    edge: Option<Arc<Edge>>,
    clock: Clock,
    random: SystemRandom,
    operators: Arc<Operators>,
    /// How far the audit trail goes back; `None` is for ever.
    trail_keep: watch::Sender<Option<Duration>>,
    /// Where the rules of the gate stand.
    source: ArcSwapOption<Source>,
}

impl Manage {
    /// Manages the keys that were read from a store and are in force in the gate of `edge`, if there is one.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn new(stored: Arc<StoredKeys>, edge: Option<Arc<Edge>>) -> Result<Self, StoreError> {
        let operators = Arc::new(Operators::of(&stored).await?);
        let lead = match &edge {
            Some(edge) => Some(Lead::new(Arc::clone(&stored), Arc::clone(edge), Arc::clone(&operators)).await?),
            None => None,
        };
        let gates = match &lead {
            Some(lead) => Arc::clone(Lead::gates(lead)),
            None => Arc::new(recalled(&stored).await?),
        };
        let (clock, random) = (Clock::start(), SystemRandom::new());
        let (trail_keep, source) = (watch::Sender::new(None), ArcSwapOption::empty());
        Ok(Self { stored, lead, gates, edge, clock, random, operators, trail_keep, source })
    }

    /// Reads again who manages keys: another process may have changed it.
    ///
    /// # Errors
    /// If the store cannot be read; then those go on that are known.
    pub async fn look_at_operators(&self) -> Result<(), StoreError> {
        self.operators.look(&self.stored).await
    }

    /// Forgets gates that decide nothing any more, until the process ends.
    ///
    /// # Errors
    /// None: an end that others of the gate's parts report as well.
    pub async fn forget_gates(self: Arc<Self>) -> std::io::Result<()> {
        match &self.lead {
            Some(lead) => Arc::clone(lead).forget_gates().await,
            None => std::future::pending().await,
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().unix_ms
    }

    /// The gates that follow are to ask whoever took over.
    pub fn send_gates_away(&self) {
        if let Some(lead) = &self.lead {
            lead.end();
        }
    }

    /// Has the store make a change.
    async fn keep(&self, deed: Deed, asked: &Asked, once: Option<Once>) -> Result<Committed, StoreError> {
        let change = Change { deed, actor: asked.by.actor.clone(), at_ms: self.now_ms(), once };
        self.stored.ask(move |store| store.commit(change)).await
    }

    /// Brings into force what the store has.
    ///
    /// # Errors
    /// Why not: then it is kept, and in force as soon as it can be.
    async fn bring_into_force(&self) -> Result<(), Trouble> {
        let done = self.stored.catch_up().await;
        done.map_err(|why| Trouble::Broken(format!("it is kept, and not in force here yet: {why}")))
    }
}

/// A text of this program's own making has the form that it was made in.
fn broken(what: &str) -> Trouble {
    Trouble::Broken(format!("{what}: the system gave no randomness"))
}

fn invalid(problems: &Problems) -> Trouble {
    let found = problems.found.iter();
    Trouble::Invalid(found.map(|problem| FieldProblem { path: problem.path.clone(), message: problem.message.clone() }).collect())
}

fn wrong(path: &str, message: impl Into<String>) -> Trouble {
    Trouble::Invalid(vec![FieldProblem { path: path.to_owned(), message: message.into() }])
}

#[async_trait]
impl Managing for Manage {
    async fn caller(&self, token: &str) -> Result<Option<Caller>, Trouble> {
        Ok(self.caller_of(token))
    }

    async fn keys(&self, wanted: KeysWanted, by: &Caller) -> Result<Page<KeyView>, Trouble> {
        self.page_of_keys(wanted, by).await
    }

    async fn key(&self, id: &str, by: &Caller) -> Result<KeyView, Trouble> {
        Ok(self.view(&self.key_for(id, by).await?).await)
    }

    async fn create_key(&self, fields: Map<String, Value>, asked: &Asked) -> Result<Created, Trouble> {
        self.create(fields, asked).await
    }

    async fn update_key(&self, id: &str, fields: Map<String, Value>, asked: &Asked) -> Result<KeyView, Trouble> {
        self.update(id, &fields, asked).await
    }

    async fn step(&self, id: &str, step: Stepping, asked: &Asked) -> Result<Stepped, Trouble> {
        self.take_step(id, step, asked).await
    }

    async fn apps(&self, _by: &Caller) -> Result<Vec<AppView>, Trouble> {
        self.list_of_apps().await
    }

    async fn create_app(&self, wanted: NewApp, asked: &Asked) -> Result<(AppView, Vec<Created>), Trouble> {
        self.begin_app(wanted, asked).await
    }

    async fn audit(&self, wanted: AuditFilter, from: AuditFrom, limit: usize, _by: &Caller) -> Result<Vec<AuditRecord>, Trouble> {
        Ok(self.stored.ask(move |store| store.audit(&wanted, from, limit)).await?)
    }

    async fn verify_audit(&self, known: Option<KnownRecord>, _by: &Caller) -> Result<AuditHead, Trouble> {
        self.whole_trail(known).await
    }

    async fn note_refused(&self, action: &str, target: &str, why: &str, by: &Caller) -> Result<(), Trouble> {
        self.note(&format!("{action}.refused"), target, serde_json::json!({ "why": why }), by).await
    }

    async fn note(&self, action: &str, target: &str, detail: Value, by: &Caller) -> Result<(), Trouble> {
        let deed = Deed::Note { action: action.into(), target: target.into(), detail: detail.to_string().into() };
        let asked = Asked { by: by.clone(), if_version: None, once: None };
        self.keep(deed, &asked, None).await?;
        Ok(())
    }

    async fn operators(&self, _by: &Caller) -> Result<Vec<Operator>, Trouble> {
        Ok(self.stored.ask(|store| store.operators()).await?)
    }

    async fn create_operator(&self, wanted: NewOperator, asked: &Asked) -> Result<CreatedOperator, Trouble> {
        self.add_operator(wanted, asked).await
    }

    async fn revoke_operator(&self, id: &str, asked: &Asked) -> Result<(), Trouble> {
        self.end_operator(id, asked).await
    }

    async fn key_usage(&self, id: &str, by: &Caller) -> Result<UsageView, Trouble> {
        let key = self.key_for(id, by).await?;
        self.usage_of(&key.id).await
    }

    async fn usage(&self, wanted: KeysWanted, by: &Caller) -> Result<Page<UsageView>, Trouble> {
        self.page_of_usage(wanted, by).await
    }

    async fn explain(&self, request: Described, by: &Caller) -> Result<Value, Trouble> {
        self.explanation(request, by).await
    }

    fn leading(&self) -> Option<&dyn Leading> {
        self.lead.as_ref().map(|lead| lead as &dyn Leading)
    }

    fn decisions(&self) -> broadcast::Receiver<Arc<str>> {
        match &self.edge {
            Some(edge) => edge.telemetry().decisions(),
            // Ends at once: nothing is decided here.
            None => broadcast::Sender::new(1).subscribe(),
        }
    }
}
