//! The path that a backend sees, made of the path that a client asked for.
//!
//! A template is written like a pattern: its nth `*` stands for what the nth `*` of the route's pattern matched, `{channel}` for what
//! the pattern's did, and a `**` at its end for what the pattern's `**` matched. Only whole segments of a path that has one reading are put together, with one `/`
//! between them, so the result has one reading too.

use std::{borrow::Cow, fmt};

use super::PathPattern;

/// A template that goes with the pattern of its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    template: PathPattern,
}

impl Rewrite {
    /// Reads a template for paths that `pattern` matches: `/internal/*/**`.
    ///
    /// # Errors
    /// Says what is wrong with the text, or what of it `pattern` does not match.
    pub fn new(text: &str, pattern: &PathPattern) -> Result<Self, Cow<'static, str>> {
        let template = PathPattern::parse(text)?;
        let (asked, given) = (template.wildcards(), pattern.wildcards());
        if asked > given {
            return Err(format!("has {asked} times `*`, but `match.path` has only {given}").into());
        }
        if template.is_open() && !pattern.is_open() {
            return Err("ends in `**`, but `match.path` does not".into());
        }
        if template.names_channel() && !pattern.names_channel() {
            return Err("has a `{channel}`, but `match.path` has none".into());
        }
        Ok(Self { template })
    }

    /// The path that the backend sees in place of `path`; `None` where `pattern`, which must be the one that the template was made
    /// for, does not match it.
    #[must_use]
    pub fn apply(&self, pattern: &PathPattern, path: &str) -> Option<String> {
        self.template.filled(&pattern.captures(path)?)
    }
}

impl fmt::Display for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.template.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::request::check_path;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &str, template: &str, paths: &[(&str, &str)]) {
        let pattern = PathPattern::parse(pattern).unwrap();
        let rewrite = Rewrite::new(template, &pattern).unwrap();
        assert_eq!(rewrite.to_string(), template);
        for (path, expected) in paths {
            assert_eq!(rewrite.apply(&pattern, path).as_deref(), Some(*expected), "{pattern} {template} {path}");
        }
    }

    #[test]
    fn paths_are_made_of_what_matched() {
        check("/v1/**", "/**", &[("/v1", "/"), ("/v1/", "/"), ("/v1/a/b/", "/a/b/")]);
        check("/**", "/app/**", &[("/", "/app/"), ("/a", "/app/a"), ("/a/%C3%A9", "/app/a/%C3%A9")]);
        check("/v1/**", "/index", &[("/v1", "/index"), ("/v1/a/b", "/index")]);
        check("/rooms/*/users/*", "/u/*/in/*", &[("/rooms/a/users/b", "/u/a/in/b")]);
        check("/rooms/*/**", "/*/**", &[("/rooms/a", "/a"), ("/rooms/a/", "/a/"), ("/rooms/a/x/y", "/a/x/y")]);
        check("/rooms/*/users/*", "/*", &[("/rooms/a/users/b", "/a")]);
        check("/a/*", "/", &[("/a/b", "/")]);
        check("/c/{channel}/*", "/*/of/{channel}", &[("/c/a:b/x", "/x/of/a:b")]);
        check("/a/*", "/x/", &[("/a/b", "/x/")]);
    }

    #[test]
    fn a_template_asks_for_no_more_than_the_pattern_matches() {
        for (pattern, template) in [
            ("/a", "/*"),
            ("/a/*", "/*/*"),
            ("/a/*", "/**"),
            ("/a/**", "/*"),
            ("/a", "b"),
            ("/a", "/%61"),
            ("/a", "/a?b"),
            ("/a/*", "/{channel}"),
        ] {
            let pattern = PathPattern::parse(pattern).unwrap();
            assert!(Rewrite::new(template, &pattern).is_err(), "{pattern} {template}");
        }
    }

    #[test]
    fn a_path_of_another_route_is_not_rewritten() {
        let pattern = PathPattern::parse("/a/*").unwrap();
        assert_eq!(Rewrite::new("/*", &pattern).unwrap().apply(&pattern, "/b/c"), None);
    }

    fn segments(of: &'static str, most: usize) -> impl Strategy<Value = String> {
        proptest::collection::vec(of, 0..most).prop_map(|segments| segments.iter().map(|segment| format!("/{segment}")).collect())
    }

    proptest! {
        /// Whatever a client asks for, what the backend sees has one reading.
        #[test]
        fn what_is_rewritten_has_one_reading(
            pattern in segments("[a-c]{1,2}|\\*", 4), open: bool,
            template in segments("[a-c]{1,2}|\\*", 4), template_open: bool,
            path in segments("[a-c]{1,2}|\\.{0,3}|[ab%2EFf;C39a]{0,9}|~", 6), slash: bool,
        ) {
            let whole = |segments: &str, open| format!("{segments}{}", if open { "/**" } else { "" });
            let Ok(pattern) = PathPattern::parse(&whole(&pattern, open)) else { return Ok(()) };
            let Ok(rewrite) = Rewrite::new(&whole(&template, template_open), &pattern) else { return Ok(()) };
            let path = format!("{path}{}", if slash { "/" } else { "" });
            prop_assume!(check_path(&path).is_ok());
            let rewritten = rewrite.apply(&pattern, &path);
            prop_assert_eq!(rewritten.is_some(), pattern.matches(&path));
            if let Some(rewritten) = rewritten {
                prop_assert_eq!(check_path(&rewritten), Ok(()));
            }
        }

        /// A template that is its pattern leaves a path as it was, but for the `/` behind nothing.
        #[test]
        fn the_pattern_itself_changes_nothing(
            pattern in segments("[ab]|\\*", 4), open: bool, more in segments("[ab]", 3),
        ) {
            let text = format!("{pattern}{}", if open { "/**" } else { "" });
            let Ok(pattern) = PathPattern::parse(&text) else { return Ok(()) };
            let path = text.trim_end_matches("/**").replace('*', "b") + if open { &more } else { "" };
            let path = if path.is_empty() { "/".to_owned() } else { path };
            prop_assert_eq!(Rewrite::new(&text, &pattern).unwrap().apply(&pattern, &path), Some(path));
        }
    }
}
