//! `portcullis users`.

use clap::Subcommand;
use portcullis::Config;

use super::accounts::{self, Delete, Disable, List, One, RevokeSessions, Update};
use super::admin::{self, Create};
use super::export::{self, Export};
use super::grants::{self, Grant};
use super::import::{self, Import};
use super::records::{self, Data};
use super::{Outcome, runtime};

#[derive(Subcommand)]
pub(super) enum Users {
    /// List accounts.
    List(List),
    /// Show an account, its roles and what they allow.
    Show(One),
    /// Open an account; the same as `portcullis admin create-user`.
    Create(Create),
    /// Change an account.
    Update(Update),
    /// Disable an account: nobody can log in, its sessions end, its API keys stop working.
    Disable(Disable),
    /// Enable an account.
    Enable(One),
    /// Delete an account for good, with all that belongs to it.
    Delete(Delete),
    /// List the live sessions of an account.
    Sessions(One),
    /// Print everything that is kept of an account, as JSON, for whom it is about; that it was read is recorded.
    Data(Data),
    /// End the sessions of an account, or one of them.
    RevokeSessions(RevokeSessions),
    /// End the sessions of an account, and let nobody log in before the password was changed.
    ExpirePassword(One),
    /// Print a link by which the owner of an account chooses a password, once and within 24 hours.
    PasswordLink(One),
    /// List the roles of an account.
    Roles(One),
    /// Give an account a role. Running services know it at once.
    Grant(Grant),
    /// Take a role from an account. Running services know it at once.
    Withdraw(Grant),
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

/// Looks at accounts, manages them, brings them in, or writes them out.
pub(super) fn users(config: &Config, command: Users) -> Outcome {
    match command {
        Users::List(command) => accounts::list(config, &command),
        Users::Show(command) => accounts::show(config, &command),
        Users::Create(command) => admin::create(config, &command),
        Users::Update(command) => accounts::update(config, &command),
        Users::Disable(command) => accounts::disable(config, &command),
        Users::Enable(command) => accounts::enable(config, &command),
        Users::Delete(command) => accounts::delete(config, &command),
        Users::Sessions(command) => records::sessions(config, &command),
        Users::Data(command) => records::data(config, &command),
        Users::RevokeSessions(command) => accounts::revoke_sessions(config, &command),
        Users::ExpirePassword(command) => accounts::expire_password(config, &command),
        Users::PasswordLink(command) => accounts::password_link(config, &command),
        Users::Roles(command) => grants::roles(config, &command),
        Users::Grant(command) => grants::grant(config, &command),
        Users::Withdraw(command) => grants::withdraw(config, &command),
        Users::Import(import) => in_bulk(config, |runtime| import::import(runtime, config, &import)),
        Users::Export(export) => in_bulk(config, |runtime| runtime.block_on(export::export(config, &export))),
    }
}

fn in_bulk(config: &Config, work: impl FnOnce(&tokio::runtime::Runtime) -> Outcome) -> Outcome {
    let runtime = runtime(config.server.threads)?;
    let outcome = work(&runtime);
    // Standard input may still be waited for: nobody is interested any more.
    runtime.shutdown_background();
    outcome
}
