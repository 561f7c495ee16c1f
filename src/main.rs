//! The command line.

mod commands;
mod exchange;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match commands::run(commands::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            commands::complain(&*error);
            ExitCode::FAILURE
        }
    }
}
