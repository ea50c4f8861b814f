//! How commands end: their exit codes, and saying what went wrong.

use std::{
    fmt::{Arguments, Display},
    io::Write as _,
    process::ExitCode,
};

/// All is well.
pub const OK: ExitCode = ExitCode::SUCCESS;
/// It failed; also: `explain` found a refusal.
pub const FAILURE: ExitCode = ExitCode::FAILURE;
/// `EX_CONFIG` of sysexits: the configuration is wrong.
const CONFIG: u8 = 78;

/// Says why a command failed.
pub fn failed(why: impl Display) -> ExitCode {
    anstream::eprintln!("{}error:{} {why}", RED.render(), RED.render_reset());
    FAILURE
}

/// Says what is wrong with the configuration.
pub fn bad_config(problems: impl Display) -> ExitCode {
    anstream::eprintln!("{}error:{} the configuration is not valid\n{problems}", RED.render(), RED.render_reset());
    ExitCode::from(CONFIG)
}

/// Prints a line to standard output, in colour where that is a terminal. A reader that has gone (`| head`) is no failure.
pub fn print(line: Arguments<'_>) {
    let mut out = anstream::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
