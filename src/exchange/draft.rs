//! An account in the making: fields as they come, and what is wrong with them.

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{Email, Import, UserStatus, Username};
use portcullis_domain::ids::UserId;

/// A field of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Username,
    Email,
    EmailVerified,
    Status,
    CreatedAt,
    PasswordHash,
}

impl Field {
    /// All of them, in the order in which they are written.
    pub(super) const ALL: [Self; 7] =
        [Self::Id, Self::Username, Self::Email, Self::EmailVerified, Self::Status, Self::CreatedAt, Self::PasswordHash];

    /// The name in our own formats.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Username => "username",
            Self::Email => "email",
            Self::EmailVerified => "email_verified",
            Self::Status => "status",
            Self::CreatedAt => "created_at",
            Self::PasswordHash => "password_hash",
        }
    }

    /// Reads a name; the complaint about an unknown one names the nearest.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        if let Some(field) = Self::ALL.into_iter().find(|field| field.name() == name) {
            return Ok(field);
        }
        let near = |field: &Self| strsim::jaro_winkler(field.name(), name);
        let nearest =
            Self::ALL.into_iter().max_by(|a, b| near(a).total_cmp(&near(b))).filter(|field| near(field) > 0.7);
        let hint = nearest.map_or_else(
            || format!("; there are {}", Self::ALL.map(Self::name).join(", ")),
            |field| format!("; did you mean {}?", field.name()),
        );
        Err(format!("there is no field {}{hint}", super::printable(name, 40)))
    }
}

/// No password hash is longer.
const MAX_HASH: usize = 4096;
/// Nobody reads more complaints about one row.
const MAX_PROBLEMS: usize = 10;

/// An account of which some fields are known.
#[derive(Default)]
pub(super) struct Draft {
    id: Option<UserId>,
    username: Option<Username>,
    email: Option<Email>,
    email_verified: Option<bool>,
    status: Option<UserStatus>,
    created_at: Option<Timestamp>,
    password_hash: Option<String>,
    email_refused: bool,
    problems: Vec<String>,
}

impl Draft {
    /// Notes what is wrong with a field.
    pub(super) fn refuse(&mut self, field: Field, why: impl std::fmt::Display) {
        self.email_refused |= field == Field::Email;
        self.complain(format!("{}: {why}", field.name()));
    }

    /// Notes what is wrong with the whole.
    pub(super) fn complain(&mut self, why: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(why);
        }
    }

    /// Takes the text of a field.
    pub(super) fn set(&mut self, field: Field, text: &str) {
        match field {
            Field::Id => match text.parse::<UserId>() {
                Ok(id) if is_ours(&id) => self.id = Some(id),
                Ok(_) | Err(_) => self.refuse(field, "must be a UUID in its hyphenated lower-case form"),
            },
            Field::Username => match Username::parse(text) {
                Ok(name) => self.username = Some(name),
                Err(error) => self.refuse(field, error),
            },
            Field::Email => match Email::parse(text) {
                Ok(email) => self.email = Some(email),
                Err(error) => self.refuse(field, error),
            },
            Field::EmailVerified => match text {
                _ if text.eq_ignore_ascii_case("true") => self.email_verified = Some(true),
                _ if text.eq_ignore_ascii_case("false") => self.email_verified = Some(false),
                _ => self.refuse(field, "must be true or false"),
            },
            Field::Status => match UserStatus::parse(text) {
                Some(status) => self.status = Some(status),
                None => self.refuse(field, "must be active or disabled"),
            },
            Field::CreatedAt => match Timestamp::parse_rfc3339(text) {
                Some(instant) => self.created_at = Some(instant),
                None => self.refuse(field, "must be an RFC 3339 instant, for instance 2026-11-21T10:00:00Z"),
            },
            Field::PasswordHash if text.is_empty() => self.refuse(field, "is empty; leave it out if there is none"),
            Field::PasswordHash if text.len() > MAX_HASH => self.refuse(field, "is longer than 4096 bytes"),
            Field::PasswordHash => self.password_hash = Some(text.to_owned()),
        }
    }

    /// Whether the address was proved.
    pub(super) fn verified(&mut self, verified: bool) {
        self.email_verified = Some(verified);
    }

    /// Whether the account may be used.
    pub(super) fn enabled(&mut self, enabled: bool) {
        self.status = Some(if enabled { UserStatus::Active } else { UserStatus::Disabled });
    }

    /// When the account was opened, in milliseconds since 1970.
    pub(super) fn opened(&mut self, millis: u64) {
        let micros = i64::try_from(millis.saturating_mul(1_000)).unwrap_or(i64::MAX);
        self.created_at = Some(Timestamp::from_unix_micros(micros));
    }

    /// The identifier, if it can be one of ours; a fresh one otherwise.
    pub(super) fn keep_id(&mut self, text: &str) {
        self.id = text.to_ascii_lowercase().parse().ok().filter(is_ours);
    }

    /// The account, or all that is wrong with it.
    pub(super) fn finish(mut self) -> Result<Import, String> {
        if self.email.is_none() && !self.email_refused {
            self.refuse(Field::Email, "is missing: an account has an address");
        }
        match self.email {
            Some(email) if self.problems.is_empty() => Ok(Import {
                id: self.id,
                username: self.username,
                email,
                email_verified: self.email_verified.unwrap_or(false),
                status: self.status.unwrap_or(UserStatus::Active),
                password_hash: self.password_hash,
                created_at: self.created_at,
            }),
            _ => Err(self.problems.join("; ")),
        }
    }
}

/// A UUID of some version: the nil and the max UUID are nobody's.
fn is_ours(id: &UserId) -> bool {
    (1..=8).contains(&id.as_uuid().get_version_num())
}
