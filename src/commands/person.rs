//! Accounts as the operator names them, and as they are shown.

use portcullis_domain::App;
use portcullis_domain::access::Permissions;
use portcullis_domain::accounts::{LoginName, User};
use portcullis_domain::administration::{AdministrationError, Link, UserQuery, UserSort, UserView};
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::UserId;
use portcullis_domain::secret::SecretString;
use serde_json::{Value, json};

use super::operate::{listed, sheet};
use crate::exchange::printable;

/// The account that `who` names by its id, its e-mail address or its username.
pub(super) async fn find(app: &App, who: &str) -> Result<UserView, Box<dyn std::error::Error>> {
    let operator = Caller::operator();
    let found = match who.parse::<UserId>() {
        Ok(id) => match app.administration.user(&operator, id).await {
            Ok(view) => Some(view),
            Err(AdministrationError::NotFound) => None,
            Err(error) => return Err(error.into()),
        },
        Err(_) => by_name(app, &operator, who).await?,
    };
    let known = "an account is named by its id, its e-mail address or its username";
    found.ok_or_else(|| format!("there is no account {}: {known}", printable(who, 300)).into())
}

/// The first of those whose name begins so is the one whose name is so.
async fn by_name(app: &App, operator: &Caller, who: &str) -> Result<Option<UserView>, AdministrationError> {
    let Some(name) = LoginName::parse(who) else { return Ok(None) };
    let query = UserQuery { limit: 1, ..UserQuery::default() };
    let key = Some(name.key().to_owned());
    let query = match &name {
        LoginName::Email(_) => UserQuery { email: key, sort: UserSort::Email, ..query },
        LoginName::Username(_) => UserQuery { username: key, sort: UserSort::Username, ..query },
    };
    let page = app.administration.search(operator, &query).await?;
    let is_it = |user: &User| match &name {
        LoginName::Email(email) => user.email.key() == email.key(),
        LoginName::Username(username) => user.username.as_ref().is_some_and(|own| own.key() == username.key()),
    };
    Ok(page.users.into_iter().find(|view| is_it(&view.user)))
}

/// For programs.
pub(super) fn described(view: &UserView) -> Value {
    let user = &view.user;
    json!({
        "id": user.id,
        "username": user.username.as_ref().map(|name| name.as_str()),
        "email": user.email.as_str(),
        "email_verified": user.email_verified,
        "status": user.status.as_str(),
        "status_reason": user.status_reason,
        "must_change_password": user.must_change_password,
        "roles": view.roles,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "version": user.version,
    })
}

/// For people.
pub(super) fn shown(view: &UserView) -> String {
    sheet(&told(view))
}

/// For people, with what the account may do.
pub(super) fn shown_with(view: &UserView, permissions: &Permissions) -> String {
    let mut pairs = told(view);
    pairs.push(("may do", listed(permissions.iter())));
    sheet(&pairs)
}

fn told(view: &UserView) -> Vec<(&'static str, String)> {
    let user = &view.user;
    let mut status = user.status.as_str().to_owned();
    if let Some(reason) = &user.status_reason {
        status.push_str(&format!(": {}", printable(reason, 200)));
    }
    if user.must_change_password {
        status.push_str(", must change the password");
    }
    vec![
        ("id", user.id.to_string()),
        ("email", email(user)),
        ("username", username(user)),
        ("status", status),
        ("roles", listed(&view.roles)),
        ("created", user.created_at.to_string()),
        ("updated", user.updated_at.to_string()),
    ]
}

/// The address, fit for a terminal, and whether it is proved.
pub(super) fn email(user: &User) -> String {
    let proved = if user.email_verified { "" } else { " (not verified)" };
    format!("{}{proved}", address(user))
}

/// The address, fit for a terminal.
pub(super) fn address(user: &User) -> String {
    plain(user.email.as_str())
}

/// The username, or a dash.
pub(super) fn username(user: &User) -> String {
    user.username.as_ref().map_or_else(|| "-".to_owned(), |name| name.as_str().to_owned())
}

/// Addresses may hold letters of all scripts: those that are not plain are shown in quotes.
fn plain(text: &str) -> String {
    if text.chars().all(|c| c.is_ascii_graphic()) { text.to_owned() } else { printable(text, 300) }
}

/// A link for programs.
pub(super) fn described_link(url: &SecretString, link: &Link) -> Value {
    json!({ "url": url.expose(), "expires_at": link.expires_at })
}

/// What to know about a link.
pub(super) fn about_link(link: &Link) -> String {
    format!("The link works once, until {}, and is not shown again.", link.expires_at)
}
