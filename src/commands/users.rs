//! `portcullis users`.

use clap::Subcommand;
use portcullis::Config;

use super::export::{self, Export};
use super::import::{self, Import};
use super::{Outcome, runtime};

#[derive(Subcommand)]
pub(super) enum Users {
    /// Bring in accounts with their passwords.
    ///
    /// A line of FILE is an account: {"email", "username"?, "email_verified"?, "status"?, "password_hash"?, "id"?,
    /// "created_at"?}; CSV has the same names as columns. Exports of Keycloak, Auth0 and Firebase are read as they
    /// are. It can be broken off and run again at any time: accounts that are here already stay as they are.
    #[command(after_help = import::EXIT_CODES)]
    Import(Import),
    /// Write all accounts out, in the order of their ids.
    ///
    /// What is written can be imported again. Password hashes are left out unless they are asked for; asking for them
    /// is recorded in the audit trail.
    Export(Export),
}

/// Brings accounts in, or writes them out.
pub(super) fn users(config: &Config, command: Users) -> Outcome {
    let runtime = runtime(config.server.threads)?;
    let outcome = match command {
        Users::Import(import) => import::import(&runtime, config, &import),
        Users::Export(export) => runtime.block_on(export::export(config, &export)),
    };
    // Standard input may still be waited for: nobody is interested any more.
    runtime.shutdown_background();
    outcome
}
