//! What other services may ask about a token (RFC 7662), and which session a token belongs to (RFC 7009).

use crate::Failure;
use crate::ids::{SessionId, UserId};
use crate::sessions::Session;

use super::{Claims, Subject, Tokens};

/// Which kind of token somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An access token.
    Access,
    /// A refresh token.
    Refresh,
}

/// A token that is active (RFC 7662 §2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActiveToken {
    /// An access token, and what it says.
    Access(Box<Claims>),
    /// The live refresh token of a session.
    Refresh(Box<Session>),
}

/// What ends when a token is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationTarget {
    /// A whole session.
    Session {
        /// Whose.
        user: UserId,
        /// Which.
        session: SessionId,
        /// The client that signed in.
        client_id: String,
    },
    /// One token that a client got in its own name.
    Token(Box<Claims>),
}

impl Tokens {
    /// The token, if it is active; `None` for anything else, whatever the reason. `hint` says where to look first.
    pub async fn introspect(&self, token: &str, hint: Option<TokenKind>) -> Result<Option<ActiveToken>, Failure> {
        let now = self.clock.now();
        let access = || -> Result<_, Failure> {
            Ok(self.accept(token, now)?.map(|claims| ActiveToken::Access(Box::new(claims))))
        };
        if hint != Some(TokenKind::Refresh)
            && let Some(active) = access()?
        {
            return Ok(Some(active));
        }
        if let Some(presented) = self.refresh_tokens.open(token) {
            let mut tx = self.store.begin().await?;
            let session = tx.sessions().by_id(presented.session).await?;
            let live = session.filter(|s| s.is_live(now) && s.family.digest == presented.digest);
            // Whoever acts as somebody else has no refresh token.
            let live = live.filter(|session| session.impersonation.is_none());
            return Ok(live.map(|session| ActiveToken::Refresh(Box::new(session))));
        }
        Ok(if hint == Some(TokenKind::Refresh) { access()? } else { None })
    }

    /// What a token of either kind stands for, if it is one of ours and not over; for revocation, so a refresh token
    /// counts also after it was used.
    pub async fn revocation_target(&self, token: &str) -> Result<Option<RevocationTarget>, Failure> {
        let now = self.clock.now();
        // To end something it need not be known whether it has ended elsewhere.
        if let Some(claims) = self.genuine(token, now) {
            return Ok(Some(match claims.subject {
                Subject::User { id, session } => {
                    RevocationTarget::Session { user: id, session, client_id: claims.client_id }
                }
                Subject::Client => RevocationTarget::Token(Box::new(claims)),
            }));
        }
        let Some(presented) = self.refresh_tokens.open(token) else { return Ok(None) };
        let mut tx = self.store.begin().await?;
        let session = tx.sessions().by_id(presented.session).await?;
        let target = |s: Session| RevocationTarget::Session { user: s.user, session: s.id, client_id: s.client_id };
        Ok(session.filter(|s| s.is_live(now)).map(target))
    }
}
