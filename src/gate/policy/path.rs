//! Patterns of paths: segments that are literal, `*` for one segment, and a last `**` for any number of them, none included.

use std::fmt;

/// A pattern of paths. Compares bytes as sent: no case folding, no decoding, no empty segments, for
/// [`check_path`](crate::gate::request::check_path) has refused every path with a second reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    segments: Box<[Segment]>,
    /// Whether it ends in `**`.
    open: bool,
}

/// What a pattern matched of a path, as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures<'p> {
    /// Of each `*`, in order.
    wildcards: Vec<&'p str>,
    /// Of `{channel}`.
    channel: Option<&'p str>,
    /// Of `**`: it begins with `/` unless it is nothing.
    rest: &'p str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    Any,
    /// `{channel}`.
    Channel,
}

impl PathPattern {
    /// Reads a pattern: `/realtime`, `/api/*/status`, `/connection/**`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix('/').ok_or("must start with `/`")?;
        let (rest, open) = match rest.strip_suffix("**") {
            Some("") => return Ok(Self { segments: Box::default(), open: true }),
            Some(rest) => (rest.strip_suffix('/').ok_or("`**` stands for whole segments: write `/a/**`")?, true),
            None => (rest, false),
        };
        let segment = |text: &str| match text {
            "*" => Ok(Segment::Any),
            _ if text.contains('*') => Err("`*` stands for a whole segment, `**` only at the end"),
            "{channel}" => Ok(Segment::Channel),
            _ if text.contains(['{', '}']) => Err("of braces there is only `{channel}`, as a whole segment"),
            _ => Ok(Segment::Literal(text.into())),
        };
        if text.contains('?') {
            return Err("a query is no part of a path");
        }
        let segments: Box<[_]> = rest.split('/').map(segment).collect::<Result<_, _>>()?;
        if segments.iter().filter(|segment| **segment == Segment::Channel).count() > 1 {
            return Err("`{channel}` stands there twice");
        }
        let plain = text.replace('*', "x").replace("{channel}", "x");
        crate::gate::request::check_path(&plain)?;
        Ok(Self { segments, open })
    }

    /// Whether `path` matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.walk(path, |_, _| {}).is_some()
    }

    /// What the pattern matches of `path`; `None` where it does not match.
    #[must_use]
    pub fn captures<'p>(&self, path: &'p str) -> Option<Captures<'p>> {
        let mut captures = Captures::default();
        captures.rest = self.walk(path, |segment, text| match segment {
            Segment::Literal(_) => {}
            Segment::Any => captures.wildcards.push(text),
            Segment::Channel => captures.channel = Some(text),
        })?;
        Some(captures)
    }

    /// The path that the pattern matches with these captures; `None` if it asks for more than they are. What it does not ask for is
    /// left out.
    #[must_use]
    pub fn filled(&self, captures: &Captures<'_>) -> Option<String> {
        let (mut path, mut wildcards) = (String::new(), captures.wildcards.iter());
        for segment in &self.segments {
            path.push('/');
            path.push_str(match segment {
                Segment::Literal(literal) => literal,
                Segment::Any => wildcards.next()?,
                Segment::Channel => captures.channel?,
            });
        }
        if self.open {
            path.push_str(captures.rest);
        }
        if path.is_empty() {
            // `/**` with nothing in its place: of a path, the `/` is never absent.
            path.push('/');
        }
        Some(path)
    }

    /// How many `*` the pattern has, the last `**` not counted.
    #[must_use]
    pub fn wildcards(&self) -> usize {
        self.segments.iter().filter(|segment| **segment == Segment::Any).count()
    }

    /// Whether it ends in `**`.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the pattern has a `{channel}`.
    #[must_use]
    pub fn names_channel(&self) -> bool {
        self.segments.contains(&Segment::Channel)
    }

    /// What stands in `path`, as sent, where the pattern has `{channel}`.
    #[must_use]
    pub fn channel_in<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut channel = None;
        let matches = self.walk(path, |segment, text| {
            if *segment == Segment::Channel {
                channel = Some(text);
            }
        });
        channel.filter(|_| matches.is_some())
    }

    /// Walks along `path` and shows each segment of the pattern with what stands there; what is left is `**`'s. `None` where it does
    /// not match.
    fn walk<'p>(&self, path: &'p str, mut see: impl FnMut(&Segment, &'p str)) -> Option<&'p str> {
        let mut rest = path;
        for segment in &self.segments {
            let part = rest.strip_prefix('/')?;
            let len = match segment {
                // A segment of another length is told by the byte behind it, in less than a comparison takes.
                Segment::Literal(own) => Some(own.len()).filter(|&len| ends(part, len) && part.starts_with(&**own)),
                Segment::Any | Segment::Channel => {
                    part.bytes().position(|b| b == b'/').or(Some(part.len())).filter(|&len| len > 0)
                }
            }?;
            see(segment, &part[..len]);
            rest = &part[len..];
        }
        let matches = if self.open { path.starts_with('/') } else { rest.is_empty() };
        matches.then_some(rest)
    }
}

/// Whether a first segment of `len` bytes could end there.
fn ends(part: &str, len: usize) -> bool {
    part.as_bytes().get(len).is_none_or(|&b| b == b'/')
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(literal) => write!(f, "/{literal}")?,
                Segment::Any => f.write_str("/*")?,
                Segment::Channel => f.write_str("/{channel}")?,
            }
        }
        if self.open { f.write_str("/**") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let parsed = PathPattern::parse(pattern).unwrap();
        assert_eq!(parsed.to_string(), pattern);
        for path in matching {
            assert!(parsed.matches(path), "{pattern} misses {path}");
        }
        for path in others {
            assert!(!parsed.matches(path), "{pattern} takes {path}");
        }
    }

    #[test]
    fn patterns_match_whole_segments() {
        check("/realtime", &["/realtime"], &["/realtime/", "/realtimes", "/Realtime", "/", "/realtime/x"]);
        check("/", &["/"], &["/a"]);
        check("/**", &["/", "/a", "/a/b/"], &["", "a"]);
        check("/connection/**", &["/connection", "/connection/", "/connection/ws/1"], &["/connections", "/"]);
        check("/api/*/status", &["/api/a/status"], &["/api//status", "/api/a/b/status", "/api/a/status/", "/api/a"]);
        check("/a/", &["/a/"], &["/a"]);
        check("/c/{channel}/x/**", &["/c/a:b/x", "/c/%20/x/y"], &["/c//x", "/c/a/b/x", "/c/a"]);
        let pattern = PathPattern::parse("/c/{channel}/x/**").unwrap();
        assert_eq!((pattern.channel_in("/c/a:b/x/y"), pattern.channel_in("/c/a:b/y")), (Some("a:b"), None));
    }

    #[test]
    fn what_cannot_match_cannot_be_written() {
        for text in [
            "",
            "a",
            "/a*",
            "/**/a",
            "/a**",
            "/a//b",
            "/../a",
            "/%61",
            "/a?b",
            "/{room}",
            "/a{channel}",
            "/{channel}/{channel}",
            "/a b",
        ] {
            assert!(PathPattern::parse(text).is_err(), "{text} was taken");
        }
    }
}
