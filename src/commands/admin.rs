//! `portcullis admin`: the first accounts.

use clap::{Args, Subcommand};
use portcullis::{Config, issuer_of, password_url, setup_url};
use portcullis_domain::App;
use portcullis_domain::access::RoleName;
use portcullis_domain::accounts::{Email, Password, Username};
use portcullis_domain::administration::CreateUser;
use portcullis_domain::caller::Caller;
use serde_json::Value;

use super::operate::{on_app, origin, password, tell, tell_once};
use super::{Json, Outcome, misused, person};

#[derive(Subcommand)]
pub(super) enum Admin {
    /// Open an account, for instance the first administrator's.
    ///
    /// Without --password-stdin a link is printed by which its owner chooses a password, once and within 24 hours.
    CreateUser(Create),
    /// Print a link by which the first administrator opens an account, once and within 24 hours.
    ///
    /// Refused when there is an administrator. A link from before stops working.
    SetupLink(Json),
}

#[derive(Args)]
pub(super) struct Create {
    /// The e-mail address.
    #[arg(long, value_parser = email)]
    email: Email,
    /// A second name to log in with.
    #[arg(long, value_parser = username)]
    username: Option<Username>,
    /// The owner is known to read the address.
    #[arg(long)]
    email_verified: bool,
    /// A role that it is given, for instance admin; may be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<RoleName>,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    json: Json,
}

pub(super) fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|error| error.to_string())
}

pub(super) fn username(text: &str) -> Result<Username, String> {
    Username::parse(text).map_err(|error| error.to_string())
}

/// Opens an account, or prints the link for the first one.
pub(super) fn admin(config: &Config, command: &Admin) -> Outcome {
    match command {
        Admin::CreateUser(command) => create(config, command),
        Admin::SetupLink(Json { json }) => on_app(config, async |app| setup_link(app, config, *json).await),
    }
}

/// Opens an account.
pub(super) fn create(config: &Config, command: &Create) -> Outcome {
    let chosen = if command.password_stdin { Some(password(config.passwords.min_length)) } else { None };
    match chosen.transpose() {
        Ok(password) => on_app(config, async |app| create_user(app, config, command, password).await),
        Err(why) => Ok(misused(&why)),
    }
}

async fn create_user(app: &App, config: &Config, command: &Create, password: Option<Password>) -> Outcome {
    let created = app.administration.create_user(CreateUser {
        caller: Caller::operator(),
        username: command.username.clone(),
        email: command.email.clone(),
        email_verified: command.email_verified,
        password,
        roles: command.roles.clone(),
        origin: origin(),
    });
    let created = created.await?;
    let json = command.json.json;
    let Some(link) = &created.link else {
        let mut told = person::described(&created.view);
        told["password_link"] = Value::Null;
        return tell(json, &told, &person::shown(&created.view));
    };
    let url = password_url(&issuer_of(config), link);
    let mut told = person::described(&created.view);
    told["password_link"] = person::described_link(&url, link);
    let text = format!("{}{}\n", person::shown(&created.view), url.expose());
    let remedy = format!("run `portcullis users password-link {}` for another link", created.view.user.id);
    tell_once(json, &told, &text, &person::about_link(link), &remedy)
}

async fn setup_link(app: &App, config: &Config, json: bool) -> Outcome {
    let link = app.administration.setup_link(&Caller::operator()).await?;
    let url = setup_url(&issuer_of(config), &link);
    let remedy = "run `portcullis admin setup-link` for another link";
    let text = format!("{}\n", url.expose());
    tell_once(json, &person::described_link(&url, &link), &text, &person::about_link(&link), remedy)
}
