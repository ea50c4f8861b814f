//! Putting the steps of a decision together with the rules that they went by, into what is told of it.

use std::{io, path::Path, sync::Arc};

use serde_json::{Value, json};

use super::rules::{File, Files, Rule, Rules, Subject};
use crate::{
    config::{self, KeyPlace, MAX_CONFIG_BYTES, MAX_KEYS_BYTES},
    gate::{
        Step, Witness,
        denial::Denial,
        permit::{Permit, Refusal},
        policy::{Demand, Mismatch, Policy, Route},
    },
    keystore::{read_state, read_text},
};

/// The steps that were passed, with what was found. What comes before the decision has a name and no step.
#[derive(Default)]
pub(super) struct Steps(pub Vec<(&'static str, Option<Step>, String)>);

impl Witness for Steps {
    fn passed(&mut self, step: Step, detail: impl FnOnce() -> String) {
        self.0.push((step.name(), Some(step), detail()));
    }
}

/// A decision, with what is needed to tell of it.
pub(super) struct Decision<'d> {
    pub verdict: Result<Permit, Refusal>,
    pub policy: &'d Policy,
    /// Routes that do not take the request.
    pub mismatches: Vec<(usize, Mismatch)>,
    /// The rule of HTTP that a head broke.
    pub broken: Option<&'static str>,
}

/// One line of an explanation.
pub struct Line {
    /// The step of the decision, or what comes before it.
    pub step: &'static str,
    /// Whether it was passed.
    pub passed: bool,
    /// What was found; holds no text of a key.
    pub detail: String,
    /// `None` where a default held.
    pub rule: Option<Rule>,
}

/// A route that does not take the request.
pub struct Tried {
    /// Its name.
    pub route: String,
    /// What of its `match` is another.
    pub why: &'static str,
    /// Where it stands.
    pub rule: Option<Rule>,
}

/// What is told of a decision.
pub struct Explanation {
    /// How it came about.
    pub lines: Vec<Line>,
    /// Where no route takes the request, all of them.
    pub tried: Vec<Tried>,
    /// What it came to.
    pub verdict: Result<Permit, Refusal>,
}

/// The texts of the files that hold rules, for their lines.
///
/// # Errors
/// If one cannot be read.
pub fn files(path: &Path, config: &config::Config) -> io::Result<Files> {
    let file = |path: &Path, max| read_text(path, max).map(|text| File { path: path.to_owned(), text });
    // What is wrong with the state file is told where its blocks are read.
    let state = config.state.as_ref().and_then(|path| Some(File { path: path.clone(), text: read_state(path).ok()?? }));
    let keys = match &config.keys.place {
        KeyPlace::File(path) => file(path, MAX_KEYS_BYTES)?,
        // A store has no lines.
        KeyPlace::Sqlite(path) => File { path: path.clone(), text: String::new() },
        KeyPlace::Manager(manager) => File { path: manager.cache.clone(), text: String::new() },
    };
    Ok(Files { config: file(path, MAX_CONFIG_BYTES)?, keys, state })
}

impl Subject {
    /// Notes which entries of the files a decision was about.
    fn about(&mut self, verdict: &Result<Permit, Refusal>, policy: &Policy, keys: &str) {
        let (route, key) = match verdict {
            Ok(permit) => (Some(permit.route()), permit.key()),
            Err(refusal) => (refusal.route.as_ref(), refusal.key.as_ref()),
        };
        let named = |route: &&Arc<Route>| route.demand != Demand::Unroutable;
        let place = |route: &Arc<Route>| policy.routes.iter().position(|other| other.name == route.name);
        self.route = route.filter(named).and_then(place);
        self.key = key.and_then(|key| config::key_place(keys, &key.id));
    }
}

impl Decision<'_> {
    /// Why it would be refused, or is.
    pub fn denial(&self) -> Option<Denial> {
        denial(&self.verdict)
    }
}

impl Explanation {
    /// Why it would be refused, or is.
    #[must_use]
    pub fn denial(&self) -> Option<Denial> {
        denial(&self.verdict)
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let step = |line: &Line| json!({ "step": line.step, "passed": line.passed, "detail": line.detail, "rule": line.rule });
        let tried = |tried: &Tried| json!({ "route": tried.route, "why": tried.why, "rule": tried.rule });
        let mut explained = match &self.verdict {
            Ok(permit) => json!({
                "allowed": true,
                "reported": permit.reported().map(Denial::reason),
                "key_id": permit.key().map(|key| &*key.id),
                "route": *permit.route().name,
            }),
            Err(refusal) => {
                let denial = refusal.denial;
                json!({
                    "allowed": false,
                    "reason": denial.reason(),
                    "status": denial.status(),
                    "code": denial.code(),
                    "check": denial.check(),
                    "key_id": refusal.key.as_ref().map(|key| &*key.id),
                    "route": refusal.route.as_ref().map(|route| &*route.name),
                })
            }
        };
        explained["steps"] = self.lines.iter().map(step).collect::<Value>();
        if !self.tried.is_empty() {
            explained["tried"] = self.tried.iter().map(tried).collect::<Value>();
        }
        explained
    }
}

fn denial(verdict: &Result<Permit, Refusal>) -> Option<Denial> {
    match verdict {
        Ok(permit) => permit.reported(),
        Err(refusal) => Some(refusal.denial),
    }
}

/// Puts each step together with its rule.
pub(super) fn explained(decision: Decision<'_>, steps: Steps, files: &Files, mut subject: Subject) -> Explanation {
    let denial = decision.denial();
    let Decision { verdict, policy, mismatches, broken } = decision;
    subject.about(&verdict, policy, &files.keys.text);
    let refusing = denial.map(|denial| (Step::of(denial), denial));
    let asked = steps.0.iter().filter_map(|(_, step, _)| step.map(|step| (step, None)));
    let refused = refusing.and_then(|(step, denial)| step.map(|step| (step, Some(denial))));
    let rules = Rules::find(files, &subject, asked.chain(refused), policy.routes.len());
    let passed = steps.0.into_iter().map(|(name, step, detail)| {
        let rule = step.and_then(|step| rules.of((step, None)));
        Line { step: name, passed: true, detail, rule }
    });
    let refused = refusing.map(|(step, denial)| {
        let rule = step.and_then(|step| rules.of((step, Some(denial))));
        let detail = broken.map_or_else(|| denial.reason().to_owned(), |rule| format!("{}: {rule}", denial.reason()));
        Line { step: step.map_or("head", Step::name), passed: false, detail, rule }
    });
    let lines = passed.chain(refused).collect();
    let none_took_it = denial == Some(Denial::NoRoute);
    let tried = mismatches.into_iter().filter(|(at, _)| none_took_it && policy.routes[*at].demand != Demand::Unroutable);
    let named = |(at, why): (usize, Mismatch)| Tried {
        route: policy.routes[at].name.to_string(),
        why: why.name(),
        rule: rules.of_route(at),
    };
    Explanation { lines, tried: tried.map(named).collect(), verdict }
}
