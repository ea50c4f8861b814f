//! What is wrong with a file, and where: one line each, in the order of the file.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// `routes[2].match.path`; empty for the file as a whole.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Every mistake of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// In the order of the file.
    pub found: Vec<Problem>,
    /// What else there is.
    pub more: More,
}

/// What else is wrong with a file besides the mistakes that are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// So many mistakes, found and not told.
    Counted(usize),
    /// Nobody knows: the search was broken off.
    Unknown,
}

impl Problems {
    /// One that is about all of `file`.
    pub(super) fn one(file: &Path, message: &str) -> Self {
        let found = Problem { file: file.to_owned(), line: 1, column: 1, path: String::new(), message: message.to_owned() };
        Self { found: vec![found], more: More::Unknown }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file.display(), self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.found {
            writeln!(f, "{problem}")?;
        }
        let found = self.found.len();
        write!(f, "{found} problem{}", if found == 1 { "" } else { "s" })?;
        match self.more {
            More::Counted(0) => Ok(()),
            More::Counted(more) => write!(f, ", and {more} more"),
            More::Unknown => f.write_str("; there may be more"),
        }
    }
}

impl std::error::Error for Problems {}
