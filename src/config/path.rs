//! Paths to the nodes of a file, as problems show them: `routes[2].match.path`.

use std::fmt;

/// One step down the tree of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a field of a map.
    Field(Box<str>),
    /// Into a field whose name somebody made up, and which might be a key pasted into the wrong place: walked, never shown.
    Hidden(Box<str>),
    /// Into an item of a list.
    Item(usize),
}

/// The way from the root of a file to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NodePath(pub Vec<Step>);

impl Step {
    /// The name of a field.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Field(name) | Self::Hidden(name) => Some(name),
            Self::Item(_) => None,
        }
    }
}

impl NodePath {
    /// The path that is written like this, as problems write it.
    pub fn parse(text: &str) -> Self {
        let steps = text.split('.').flat_map(|part| {
            let (name, items) = part.split_at(part.find('[').unwrap_or(part.len()));
            let items = items.split(['[', ']']).filter_map(|item| item.parse().ok()).map(Step::Item);
            std::iter::once(Step::Field(name.into())).chain(items)
        });
        Self(steps.collect())
    }

    /// Whether `other` is this node or stands below it.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The path with every index left out, which names a field of the language: `routes[].match`.
    pub fn pattern(&self) -> String {
        self.written(|_| "[]".to_owned())
    }

    fn written(&self, index: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Item(at) => text.push_str(&index(*at)),
                Step::Field(_) | Step::Hidden(_) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(if let Step::Field(name) = step { name } else { "…" });
                }
            }
        }
        text
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(|at| format!("[{at}]")))
    }
}
