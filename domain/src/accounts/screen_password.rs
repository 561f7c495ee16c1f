//! Judging a new password before anything else happens.

use crate::ports::security::{PasswordPolicy, PolicyError};

use super::{Accounts, Email, Password, User, Username};

/// What belongs to the user and must not be the password.
#[derive(Clone, Copy, Debug, Default)]
pub struct PasswordContext<'a> {
    /// The e-mail address.
    pub email: Option<&'a Email>,
    /// The username.
    pub username: Option<&'a Username>,
}

impl<'a> From<&'a User> for PasswordContext<'a> {
    fn from(user: &'a User) -> Self {
        Self { email: Some(&user.email), username: user.username.as_ref() }
    }
}

impl Accounts {
    /// The fewest Unicode code points of a new password.
    pub fn password_min_chars(&self) -> usize {
        self.policy.min_chars()
    }

    /// Refuses a new password that is common, or easy to guess from its owner's name and address.
    pub async fn screen_password(&self, password: &Password, owner: PasswordContext<'_>) -> Result<(), PolicyError> {
        screen(&*self.policy, password, owner).await
    }
}

/// Refuses a new password that is common, or easy to guess from its owner's name and address.
pub(crate) async fn screen(
    policy: &dyn PasswordPolicy,
    password: &Password,
    owner: PasswordContext<'_>,
) -> Result<(), PolicyError> {
    let mut context = Vec::with_capacity(4);
    if let Some(email) = owner.email {
        context.push(email.as_str());
        context.push(email.local_part());
    }
    if let Some(username) = owner.username {
        context.push(username.as_str());
    }
    policy.check(password, &context).await
}
