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
/// As clap has it: the command was not used as it can be.
const USAGE: u8 = 2;
/// What was waited for has not ended, not all of it.
pub const SOME_REMAIN: u8 = 3;
/// `EX_CONFIG` of sysexits: the configuration is wrong.
pub const CONFIG: u8 = 78;

/// How a command ends that has come to an end, or not.
pub fn of(ran: Result<(), ExitCode>) -> ExitCode {
    ran.err().unwrap_or(OK)
}

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

/// Says what is wrong with the state file.
pub fn bad_state(problems: impl Display) -> ExitCode {
    let without = "the gate does not start without the blocks that it was told to keep";
    anstream::eprintln!("{}error:{} {without}\n{problems}", RED.render(), RED.render_reset());
    ExitCode::from(CONFIG)
}

/// Says that a command was asked for something that there is not.
pub fn misused(why: impl Display) -> ExitCode {
    anstream::eprintln!("{}error:{} {why}", RED.render(), RED.render_reset());
    ExitCode::from(USAGE)
}

/// Says something that is no failure, and that nobody should miss.
pub fn warn(what: impl Display) {
    anstream::eprintln!("{0}warning:{0:#} {what}", YELLOW);
}

/// Says something about what was printed, where it is not in the way of whoever reads that.
pub fn note(what: impl Display) {
    anstream::eprintln!("{what}");
}

/// Prints a line to standard output, in colour where that is a terminal. A reader that has gone (`| head`) is no failure.
pub fn print(line: Arguments<'_>) {
    let mut out = anstream::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
const YELLOW: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();
