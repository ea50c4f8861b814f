//! The program: everything it does is in the library.

use std::process::ExitCode;

// Pages go back to the system sooner, and small blocks cost less, than with the C library's (see benches/).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keygate::cli::main()
}
