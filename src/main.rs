//! The program: hands its arguments to the command line and its exit code to the system.

use std::process::ExitCode;

fn main() -> ExitCode {
    reflexarc::cli::main(std::env::args_os())
}
