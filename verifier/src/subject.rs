//! Whom an access token speaks for.

use crate::claims::{Body, Claims};

/// Whom an access token speaks for: see [`Claims::speaks_for`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A user, who signed in.
    User {
        /// `sub`: who.
        id: &'a str,
        /// `sid`: the session that the token belongs to.
        session: &'a str,
    },
    /// A client in its own name (RFC 6749 §4.4); no user is involved.
    Client {
        /// `sub`, which is the `client_id` (RFC 9068 §2.2).
        id: &'a str,
    },
}

impl Claims {
    /// Whom the token speaks for. A client is never taken for a user: only a user's token has a session, and the id of
    /// a client never has the form of a user's (RFC 9068 §5, RFC 9700 §4.15).
    ///
    /// ```
    /// # use portcullis_verifier::testing::TestIssuer;
    /// use portcullis_verifier::Subject;
    ///
    /// # let issuer = TestIssuer::new("orders");
    /// # let token = issuer.client_token("reports").mint();
    /// let claims = issuer.verifier().verify(&token)?;
    /// match claims.speaks_for() {
    ///     Subject::User { id, .. } => println!("the orders of {id}"),
    ///     Subject::Client { id } => println!("all orders, for {id}"),
    /// }
    /// # Ok::<(), portcullis_verifier::Rejected>(())
    /// ```
    pub fn speaks_for(&self) -> Subject<'_> {
        match self.session() {
            Some(session) => Subject::User { id: self.subject(), session },
            None => Subject::Client { id: self.subject() },
        }
    }

    /// The user's id; `None` when the token is a client's own.
    pub fn user(&self) -> Option<&str> {
        self.session().map(|_| self.subject())
    }
}

impl Body {
    /// Whether it is a user's or a client's: without a session nobody has signed in, the subject is the client, and nobody
    /// acts as one.
    pub(crate) fn is_of_one_kind(&self) -> bool {
        let is_its_own = self.subject == self.client_id && !is_uuid(&self.subject);
        self.session.is_some() || (is_its_own && self.authenticated_at.is_none() && self.actor.is_none())
    }
}

/// Whether the text has the form of a user's id (RFC 9562 §4), with or without its hyphens.
fn is_uuid(text: &str) -> bool {
    let is_in_place = |(at, b): (usize, u8)| match at {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_hexdigit(),
    };
    match text.len() {
        36 => text.bytes().enumerate().all(is_in_place),
        32 => text.bytes().all(|b| b.is_ascii_hexdigit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_known_by_its_form() {
        for uuid in [
            "019b0000-0000-7000-8000-00000000aaaa",
            "019B0000-0000-7000-8000-00000000AAAA",
            &"0123456789abcdef".repeat(2),
        ] {
            assert!(is_uuid(uuid), "{uuid}");
        }
        for other in [
            "",
            "reports",
            "019b0000-0000-7000-8000-00000000aaa",
            "019b0000-0000-7000-8000-00000000aaag",
            "019b00000-000-7000-8000-00000000aaaa",
            &"g".repeat(32),
        ] {
            assert!(!is_uuid(other), "{other}");
        }
    }
}
