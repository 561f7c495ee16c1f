//! `portcullis users`: looking at accounts, and managing them one by one.

use clap::{Args, ValueEnum};
use portcullis::{Config, issuer_of, password_url};
use portcullis_domain::access::RoleName;
use portcullis_domain::accounts::{Email, UserStatus, Username};
use portcullis_domain::administration::{Manage, UpdateUser, UserPlace, UserQuery, UserSort, UserView};
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::SessionId;
use portcullis_domain::{App, Timestamp};
use serde_json::{Value, json};

use super::admin::{email, username};
use super::operate::{instant, listed, may_go_on, on_app, origin, table, tell, tell_once};
use super::person::{self, find};
use super::{Json, Outcome, misused};

/// Accounts that are read at once.
const PAGE: u32 = 200;

#[derive(Args)]
pub(super) struct List {
    /// Whose e-mail address begins so.
    #[arg(long, value_name = "TEXT", value_parser = email_prefix)]
    email: Option<String>,
    /// Whose username begins so.
    #[arg(long, value_name = "TEXT", value_parser = username_prefix)]
    username: Option<String>,
    /// Of this status.
    #[arg(long, value_parser = status)]
    status: Option<UserStatus>,
    /// To whom this role was granted.
    #[arg(long)]
    role: Option<RoleName>,
    /// Opened at this instant or later, for instance 2026-11-21T10:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    since: Option<Timestamp>,
    /// Opened before this instant.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    until: Option<Timestamp>,
    /// In this order.
    #[arg(long, value_enum, default_value = "created")]
    sort: Sort,
    /// The other way round.
    #[arg(long)]
    descending: bool,
    /// How many at most; `portcullis users export` writes all.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    json: Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sort {
    /// When they were opened.
    Created,
    /// E-mail address.
    Email,
    /// Username; accounts without one are left out.
    Username,
}

/// Whose account.
#[derive(Args)]
pub(super) struct One {
    /// Id, e-mail address or username.
    #[arg(value_name = "USER")]
    pub(super) who: String,
    #[command(flatten)]
    pub(super) json: Json,
}

#[derive(Args)]
pub(super) struct Update {
    #[command(flatten)]
    one: One,
    /// A new address; it counts as not verified unless --email-verified says so.
    #[arg(long, value_parser = email)]
    email: Option<Email>,
    /// Whether the owner is known to read the address.
    #[arg(long, value_name = "TRUE|FALSE")]
    email_verified: Option<bool>,
    /// A new username.
    #[arg(long, value_parser = username)]
    username: Option<Username>,
    /// No username from now on.
    #[arg(long, conflicts_with = "username")]
    no_username: bool,
}

#[derive(Args)]
pub(super) struct Disable {
    #[command(flatten)]
    one: One,
    /// Why, for those in charge: 1 to 200 characters.
    #[arg(long)]
    reason: String,
}

#[derive(Args)]
pub(super) struct Delete {
    #[command(flatten)]
    one: One,
    /// Do not ask. Without a terminal nobody is asked anyway.
    #[arg(long)]
    yes: bool,
}

#[derive(Args)]
pub(super) struct RevokeSessions {
    #[command(flatten)]
    one: One,
    /// Only this one.
    #[arg(long, value_name = "SESSION_ID", value_parser = session)]
    session: Option<SessionId>,
}

fn email_prefix(text: &str) -> Result<String, String> {
    Email::key_prefix(text).map_err(|error| error.to_string())
}

fn username_prefix(text: &str) -> Result<String, String> {
    Username::key_prefix(text).map_err(|error| error.to_string())
}

fn status(text: &str) -> Result<UserStatus, String> {
    UserStatus::parse(text).ok_or_else(|| "must be active or disabled".to_owned())
}

fn session(text: &str) -> Result<SessionId, String> {
    text.parse().map_err(|error| format!("must be the id of a session: {error}"))
}

fn manage(view: &UserView) -> Manage {
    Manage { caller: Caller::operator(), user: view.user.id, origin: origin() }
}

fn told(view: &UserView, json: bool) -> Outcome {
    tell(json, &person::described(view), &person::shown(view))
}

/// Lists accounts.
pub(super) fn list(config: &Config, command: &List) -> Outcome {
    on_app(config, async |app| {
        let (users, is_all) = search(app, command).await?;
        if !is_all {
            super::tell(&format!("there are more than these {}: narrow the search, or raise --limit", users.len()));
        }
        let described: Vec<Value> = users.iter().map(person::described).collect();
        let row = |view: &UserView| {
            let user = &view.user;
            let (id, status) = (user.id.to_string(), user.status.as_str().to_owned());
            [id, person::email(user), person::username(user), status, listed(&view.roles)]
        };
        let rows: Vec<_> = users.iter().map(row).collect();
        tell(command.json.json, &described, &table(["ID", "EMAIL", "USERNAME", "STATUS", "ROLES"], &rows))
    })
}

/// The accounts that match, and whether that is all.
async fn search(app: &App, command: &List) -> Result<(Vec<UserView>, bool), Box<dyn std::error::Error>> {
    let mut query = UserQuery {
        email: command.email.clone(),
        username: command.username.clone(),
        status: command.status,
        role: command.role.clone(),
        created_from: command.since,
        created_until: command.until,
        sort: match command.sort {
            Sort::Created => UserSort::CreatedAt,
            Sort::Email => UserSort::Email,
            Sort::Username => UserSort::Username,
        },
        descending: command.descending,
        after: None::<UserPlace>,
        limit: PAGE,
    };
    let limit = usize::try_from(command.limit).unwrap_or(usize::MAX);
    let mut users = Vec::new();
    loop {
        let left = limit.saturating_sub(users.len());
        query.limit = PAGE.min(u32::try_from(left).unwrap_or(PAGE));
        let page = app.administration.search(&Caller::operator(), &query).await?;
        users.extend(page.users);
        query.after = page.next;
        if query.after.is_none() || users.len() >= limit {
            return Ok((users, query.after.is_none()));
        }
    }
}

/// Shows an account, and what it may do.
pub(super) fn show(config: &Config, One { who, json }: &One) -> Outcome {
    on_app(config, async |app| {
        let view = find(app, who).await?;
        let standing = app.access.standing(view.user.id).await?;
        let permissions = standing.map(|standing| standing.permissions).unwrap_or_default();
        let mut described = person::described(&view);
        described["permissions"] = permissions.iter().map(ToString::to_string).collect();
        tell(json.json, &described, &person::shown_with(&view, &permissions))
    })
}

/// Changes an account.
pub(super) fn update(config: &Config, command: &Update) -> Outcome {
    let username = if command.no_username { Some(None) } else { command.username.clone().map(Some) };
    if username.is_none() && command.email.is_none() && command.email_verified.is_none() {
        let what = "give --email, --email-verified, --username or --no-username";
        return Ok(misused(&format!("nothing to change: {what}")));
    }
    on_app(config, async |app| {
        let view = find(app, &command.one.who).await?;
        let update = UpdateUser {
            caller: Caller::operator(),
            user: view.user.id,
            version: None,
            username,
            email: command.email.clone(),
            email_verified: command.email_verified,
            origin: origin(),
        };
        told(&app.administration.update_user(update).await?, command.one.json.json)
    })
}

/// Disables an account.
pub(super) fn disable(config: &Config, Disable { one, reason }: &Disable) -> Outcome {
    on_app(config, async |app| {
        let view = find(app, &one.who).await?;
        told(&app.administration.disable(manage(&view), reason.clone()).await?, one.json.json)
    })
}

/// Enables an account.
pub(super) fn enable(config: &Config, One { who, json }: &One) -> Outcome {
    on_app(config, async |app| {
        let view = find(app, who).await?;
        told(&app.administration.enable(manage(&view)).await?, json.json)
    })
}

/// Lets nobody log in to an account before the password was changed.
pub(super) fn expire_password(config: &Config, One { who, json }: &One) -> Outcome {
    on_app(config, async |app| {
        let view = find(app, who).await?;
        told(&app.administration.expire_password(manage(&view)).await?, json.json)
    })
}

/// Deletes an account.
pub(super) fn delete(config: &Config, Delete { one, yes }: &Delete) -> Outcome {
    on_app(config, async |app| {
        let view = find(app, &one.who).await?;
        let (id, email) = (view.user.id, person::address(&view.user));
        if !yes && !may_go_on(&format!("The account {id} of {email} is deleted for good."))? {
            return Ok(misused("nothing was deleted"));
        }
        app.administration.delete(manage(&view)).await?;
        tell(one.json.json, &json!({ "id": id, "deleted": true }), &format!("deleted {id}\n"))
    })
}

/// Ends sessions of an account.
pub(super) fn revoke_sessions(config: &Config, RevokeSessions { one, session }: &RevokeSessions) -> Outcome {
    on_app(config, async |app| {
        let view = find(app, &one.who).await?;
        let ended = app.administration.revoke_sessions(manage(&view), *session).await?;
        let told = json!({ "id": view.user.id, "revoked": ended });
        tell(one.json.json, &told, &format!("{ended} sessions ended\n"))
    })
}

/// Prints a link by which the owner of an account chooses a password.
pub(super) fn password_link(config: &Config, One { who, json }: &One) -> Outcome {
    on_app(config, async |app| {
        let view = find(app, who).await?;
        let link = app.administration.password_link(manage(&view)).await?;
        let url = password_url(&issuer_of(config), &link);
        let remedy = format!("run `portcullis users password-link {}` for another link", view.user.id);
        let (told, text) = (person::described_link(&url, &link), format!("{}\n", url.expose()));
        tell_once(json.json, &told, &text, &person::about_link(&link), &remedy)
    })
}
