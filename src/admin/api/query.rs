//! The query of a request: every name is known, stands there once, and has a value that it can have.

use axum::{extract::Query, http::Uri};
use serde::de::DeserializeOwned;

use super::problem::{Kind, Problem};
use crate::admin::{FieldProblem, MAX_NUMBER, word};

/// The longest page of a list.
pub(super) const MAX_PAGE: usize = 1000;
/// The page of whoever does not say.
pub(super) const PAGE: usize = 100;

/// Whether only `known` names stand in the query.
///
/// # Errors
/// Those that are not.
pub(super) fn check(uri: &Uri, known: &[&str]) -> Result<(), Problem> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| Kind::BadQuery)?;
    let problem = |path: &String, message: String| FieldProblem { path: path.clone(), message };
    let errors: Vec<_> = pairs
        .iter()
        .enumerate()
        .filter_map(|(at, (name, _))| {
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() { "none".to_owned() } else { format!("`{}`", known.join("`, `")) };
                return Some(problem(name, format!("is not known; those known here are {known}")));
            }
            let before = &pairs[..at];
            before.iter().any(|(other, _)| other == name).then(|| problem(name, "stands there twice".to_owned()))
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::of(Kind::BadQuery, errors)) }
}

/// The query, whose names were checked.
///
/// # Errors
/// What is wrong with the first value that is.
pub(super) fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let read = Query::try_from_uri(uri).map(|Query(read)| read);
    read.map_err(|error| {
        let told = error.body_text();
        Problem::new(Kind::BadQuery, told.strip_prefix("Failed to deserialize query string: ").unwrap_or(&told))
    })
}

/// The size of a page.
///
/// # Errors
/// If it is none.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked.unwrap_or(PAGE) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        _ => Err(Problem::at(Kind::BadQuery, "limit", format!("must be from 1 to {MAX_PAGE}"))),
    }
}

/// A number of a record.
///
/// # Errors
/// If it is larger than every number is.
pub(super) fn number(name: &str, value: Option<u64>) -> Result<(), Problem> {
    match value {
        Some(value) if value > MAX_NUMBER => Err(Problem::at(Kind::BadQuery, name, format!("must be at most {MAX_NUMBER}"))),
        Some(_) | None => Ok(()),
    }
}

/// A value that must be one of a few.
///
/// # Errors
/// If it is another.
pub(super) fn one_of(name: &str, value: Option<&str>, choices: &[&str]) -> Result<(), Problem> {
    match value {
        Some(value) if !choices.contains(&value) => {
            Err(Problem::at(Kind::BadQuery, name, format!("must be one of `{}`", choices.join("`, `"))))
        }
        _ => Ok(()),
    }
}

/// A value of a bounded length that can be printed.
///
/// # Errors
/// If it is not.
pub(super) fn text(name: &str, value: Option<&str>, max: usize) -> Result<(), Problem> {
    let fits = |value: &str| value.chars().count() <= max && !value.chars().any(char::is_control);
    match value {
        Some(value) if !fits(value) => {
            Err(Problem::at(Kind::BadQuery, name, format!("must be at most {max} printable characters")))
        }
        _ => Ok(()),
    }
}

/// A value that is an id or a name of an application.
///
/// # Errors
/// If it can be none.
pub(super) fn name(name: &str, value: Option<&str>) -> Result<(), Problem> {
    match value.map(|value| word(name, value)) {
        Some(Err(told)) => Err(Problem::at(Kind::BadQuery, name, told.strip_prefix(&format!("{name}: ")).unwrap_or(&told))),
        Some(Ok(_)) | None => Ok(()),
    }
}
