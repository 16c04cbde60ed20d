//! The `callout` binary: parses the command line, runs it, exits with its code.

/// Many small allocations on many threads are what a ticket costs; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    callout::cli::run()
}
