//! The program: everything it does is in the library.

use std::process::ExitCode;

// Pages go back to the system sooner, and small blocks cost less, than with the C library's (see benches/).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator says of its memory that it may stand in huge pages (madvise(2), MADV_HUGEPAGE), most of which an idle gate never writes to,
    // and no request is answered faster for them. Those from before this line stay. Where it cannot be asked for, it goes without.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    keygate::cli::main()
}
