//! Faults as they are found, and the place in the tree where the second stage looks for them.

use std::cell::{Cell, RefCell};

use super::path::{NodePath, Step};

/// The most faults that are told of one file: more help nobody, and each costs time to find.
pub(super) const MAX_FAULTS: usize = 100;

/// A mistake whose line is not known yet.
#[derive(Debug)]
pub(super) struct Fault {
    pub path: NodePath,
    pub anchor: Anchor,
    pub message: String,
}

/// What of a field its fault points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Its value.
    Value,
    /// Its name: the field should not be there at all.
    Name,
}

/// All faults of one file.
#[derive(Debug, Default)]
pub(super) struct Faults {
    found: RefCell<Vec<Fault>>,
    more: Cell<usize>,
}

/// Where a stage stands in the tree: a chain of borrowed steps, so that walking a million good keys writes no path down.
pub(super) struct Place<'p> {
    faults: &'p Faults,
    step: Option<(&'p Self, At<'p>)>,
}

#[derive(Clone, Copy)]
enum At<'p> {
    Field(&'p str),
    Hidden(&'p str),
    Item(usize),
}

impl Faults {
    /// Notes a fault.
    pub fn add(&self, path: NodePath, anchor: Anchor, message: impl Into<String>) {
        if self.is_full() {
            self.more.set(self.more.get() + 1);
        } else {
            self.found.borrow_mut().push(Fault { path, anchor, message: message.into() });
        }
    }

    pub fn is_full(&self) -> bool {
        self.found.borrow().len() >= MAX_FAULTS
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        self.found.borrow().len()
    }

    /// The faults, and how many more there were.
    pub fn into_parts(self) -> (Vec<Fault>, usize) {
        (self.found.into_inner(), self.more.get())
    }

    fn covers(&self, path: &NodePath) -> bool {
        self.found.borrow().iter().any(|fault| fault.path.covers(path))
    }
}

impl<'p> Place<'p> {
    /// The top of the file.
    pub const fn root(faults: &'p Faults) -> Self {
        Self { faults, step: None }
    }

    pub const fn field<'c>(&'c self, name: &'c str) -> Place<'c>
    where
        'p: 'c,
    {
        self.below(At::Field(name))
    }

    /// A field whose name is not of the language; see [`Step::Hidden`].
    pub const fn made_up_field<'c>(&'c self, name: &'c str) -> Place<'c>
    where
        'p: 'c,
    {
        self.below(At::Hidden(name))
    }

    pub const fn item<'c>(&'c self, at: usize) -> Place<'c>
    where
        'p: 'c,
    {
        self.below(At::Item(at))
    }

    const fn below<'c>(&'c self, at: At<'c>) -> Place<'c>
    where
        'p: 'c,
    {
        Place { faults: self.faults, step: Some((self, at)) }
    }

    /// Notes that the value here is wrong.
    pub fn fault(&self, message: impl Into<String>) {
        self.faults.add(self.path(), Anchor::Value, message);
    }

    /// Notes that the field here should not be there.
    pub fn out_of_place(&self, message: impl Into<String>) {
        self.faults.add(self.path(), Anchor::Name, message);
    }

    /// Whether the first stage has found a fault here, or has taken away what was here.
    pub fn is_faulty(&self) -> bool {
        self.faults.covers(&self.path())
    }

    /// Notes that something ought to be here, unless it was, and was wrong.
    pub fn missing(&self, message: &str) {
        if self.faults.is_full() || !self.is_faulty() {
            self.fault(message);
        }
    }

    /// The value of a field that must be there.
    pub fn required<T>(&self, name: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.field(name).missing("is required");
        }
        value
    }

    /// What `result` holds; its error is a fault here.
    pub fn take<T, E: Into<String>>(&self, result: Result<T, E>) -> Option<T> {
        result.map_err(|message| self.fault(message)).ok()
    }

    fn path(&self) -> NodePath {
        let mut steps = Vec::new();
        let mut place = self;
        while let Some((parent, at)) = place.step {
            steps.push(match at {
                At::Field(name) => Step::Field(name.into()),
                At::Hidden(name) => Step::Hidden(name.into()),
                At::Item(at) => Step::Item(at),
            });
            place = parent;
        }
        steps.reverse();
        NodePath(steps)
    }
}
