//! The `callout` binary: parses the command line, runs it, exits with its code.

fn main() -> std::process::ExitCode {
    callout::cli::run()
}
