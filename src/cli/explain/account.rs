//! Putting the steps of a decision together with the rules that they went by.

use std::{io, path::Path, sync::Arc};

use super::{
    print::{Explained, Line, Tried},
    rules::{File, Files, Rules, Subject},
};
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
pub struct Steps(pub Vec<(&'static str, Option<Step>, String)>);

impl Witness for Steps {
    fn passed(&mut self, step: Step, detail: impl FnOnce() -> String) {
        self.0.push((step.name(), Some(step), detail()));
    }
}

/// A decision, with what is needed to tell of it.
pub struct Decision<'d> {
    pub verdict: &'d Result<Permit, Refusal>,
    pub policy: &'d Policy,
    /// Routes that do not take the request.
    pub mismatches: Vec<(usize, Mismatch)>,
    /// The rule of HTTP that a head broke.
    pub broken: Option<&'static str>,
}

/// The texts of the files that hold rules, for their lines.
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
        match self.verdict {
            Ok(permit) => permit.reported(),
            Err(refusal) => Some(refusal.denial),
        }
    }
}

/// Puts each step together with its rule.
pub fn explained<'d>(decision: Decision<'d>, steps: Steps, files: &Files, mut subject: Subject) -> Explained<'d> {
    let denial = decision.denial();
    let Decision { verdict, policy, mismatches, broken } = decision;
    subject.about(verdict, policy, &files.keys.text);
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
    Explained { lines, tried: tried.map(named).collect(), verdict }
}
