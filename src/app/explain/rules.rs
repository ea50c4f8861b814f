//! Which rule a step of a decision went by, and where it stands: `keygate.yaml:12`.

use std::{collections::HashMap, path::PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::{
    config,
    gate::{Step, blocks::Target, credential::Location, denial::Denial},
};

/// Where a rule stands.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    /// As it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// `routes[2].operation`.
    pub path: String,
}

/// A file that holds rules.
pub struct File {
    /// As it was named.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// The files of a gate.
pub struct Files {
    /// The configuration.
    pub config: File,
    /// The keys; without text where they are in a store, which has no lines.
    pub keys: File,
    /// What is blocked, where that is kept.
    pub state: Option<File>,
}

/// What a decision was about, as places in the files.
#[derive(Default)]
pub(super) struct Subject {
    /// Of `routes`.
    pub route: Option<usize>,
    /// Of `keys`.
    pub key: Option<usize>,
    /// Where the credential stood.
    pub location: Option<Location>,
    /// What of `blocks` was met.
    pub block: Option<Target>,
}

/// Rules by the step that went by them.
pub(super) struct Rules {
    files: [(String, HashMap<String, usize>); 3],
    candidates: Vec<(Asked, Vec<Candidate>)>,
}

/// A step, and why it refused.
pub(super) type Asked = (Step, Option<Denial>);

/// A place where a rule might stand: of several, the first that is there is it. Where none is, a default held.
type Candidate = (Which, String);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Config,
    Keys,
    State,
}

impl Rules {
    /// Looks up the rules of `asked`, and the entries of all `routes` besides, in one reading of each file.
    pub fn find(files: &Files, subject: &Subject, asked: impl IntoIterator<Item = Asked>, routes: usize) -> Self {
        let block = files.state.as_ref().zip(subject.block.as_ref()).and_then(|(state, target)| block_path(&state.text, target));
        let candidates: Vec<_> = asked.into_iter().map(|asked| (asked, candidates(asked, subject, block.as_deref()))).collect();
        let routes: Vec<_> = (0..routes).map(entry).collect();
        let lines = |which, file: Option<&File>| {
            let own = candidates.iter().flat_map(|(_, all)| all).filter(|(of, _)| *of == which).map(|(_, path)| path.as_str());
            let routes = routes.iter().map(String::as_str).filter(|_| which == Which::Config);
            let lines = file.map(|file| config::lines(&file.text, own.chain(routes))).unwrap_or_default();
            (file.map(|file| file.path.display().to_string()).unwrap_or_default(), lines)
        };
        let files = [
            lines(Which::Config, Some(&files.config)),
            lines(Which::Keys, Some(&files.keys)),
            lines(Which::State, files.state.as_ref()),
        ];
        Self { files, candidates }
    }

    /// The rule by which a step went; `None` where a default held.
    pub fn of(&self, asked: Asked) -> Option<Rule> {
        let (_, candidates) = self.candidates.iter().find(|(other, _)| *other == asked)?;
        candidates.iter().find_map(|(which, path)| self.at(*which, path))
    }

    /// The entry of a route.
    pub fn of_route(&self, at: usize) -> Option<Rule> {
        self.at(Which::Config, &entry(at))
    }

    fn at(&self, which: Which, path: &str) -> Option<Rule> {
        let (file, lines) = &self.files[which as usize];
        lines.get(path).map(|line| Rule { file: file.clone(), line: *line, path: path.to_owned() })
    }
}

fn entry(route: usize) -> String {
    format!("routes[{route}]")
}

fn candidates((step, denial): Asked, subject: &Subject, block: Option<&str>) -> Vec<Candidate> {
    let config = |path: &str| vec![(Which::Config, path.to_owned())];
    let route = |fields: &[&str]| match subject.route {
        Some(at) => below(Which::Config, &entry(at), fields),
        None => config("routes"),
    };
    let key = |fields: &[&str]| match subject.key {
        Some(at) => below(Which::Keys, &format!("keys[{at}]"), fields),
        None => vec![(Which::Keys, "keys".to_owned())],
    };
    if let Some(Denial::PeerBlocked | Denial::KeyBlocked) = denial {
        return block.map(|path| (Which::State, path.to_owned())).into_iter().collect();
    }
    match step {
        Step::Peer => [config("limits.ip.rate"), config("limits.ip")].concat(),
        Step::Route if denial.is_some() => config("routes"),
        Step::Route => route(&[""]),
        Step::Credential => match (subject.location, denial) {
            (Some(location), _) => [config(&format!("credentials.{}", location.name())), config("credentials")].concat(),
            (None, Some(_)) => config("credentials"),
            (None, None) => route(&[".access", ""]),
        },
        Step::Key => match denial {
            Some(Denial::KeyRevoked | Denial::KeyDisabled) => key(&[".state", ""]),
            Some(Denial::KeyExpired) => key(&[".expires_at", ".previous", ""]),
            Some(_) | None => key(&[""]),
        },
        Step::Environment => config("environments"),
        Step::Address => key(&[".ips", ""]),
        Step::Browser if denial == Some(Denial::SecretInQuery) => {
            [config("credentials.query_secrets"), config("credentials.query")].concat()
        }
        Step::Browser => key(&[".browser", ".kind", ""]),
        Step::Origin if denial == Some(Denial::OriginMissing) => key(&[".missing_origin", ".origins", ""]),
        Step::Origin => key(&[".origins", ".missing_origin", ".kind", ""]),
        Step::Operation => match denial {
            Some(Denial::NotCapable) => key(&[".capabilities", ""]),
            Some(_) => route(&[".channel", ""]),
            None => route(&[".operation", ""]),
        },
        Step::Limits => [key(&[".limits"]), config("limits.key")].concat(),
    }
}

fn below(which: Which, entry: &str, fields: &[&str]) -> Vec<Candidate> {
    fields.iter().map(|field| (which, format!("{entry}{field}"))).collect()
}

/// The path of the block of `target` in a state file.
fn block_path(text: &str, target: &Target) -> Option<String> {
    let state: Value = serde_json::from_str(text).ok()?;
    let is_it = |entry: &Value| match target {
        Target::Key(id) => entry["key"] == **id,
        network @ Target::Network(_) => {
            entry["ip"].as_str().and_then(|text| Target::network(text).ok()).is_some_and(|other| other == *network)
        }
    };
    let at = state["blocks"].as_array()?.iter().position(is_it)?;
    Some(format!("blocks[{at}]"))
}
