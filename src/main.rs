//! The `ocscert` command: parse, run, print the error, exit. The only exit of the program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(ocscert::cli::main(std::env::args_os()))
}
