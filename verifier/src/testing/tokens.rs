//! Tokens of every kind, good and bad.

use std::time::Duration;

use super::issuer::TestIssuer;
use super::mint::TokenBuilder;
use super::signer::Signer;

impl TestIssuer {
    /// A valid token, to be changed.
    pub fn token(&self) -> TokenBuilder {
        TokenBuilder::new(self.clone())
    }

    /// A valid token that a client got in its own name, to be changed. No user is involved.
    pub fn client_token(&self, client_id: &str) -> TokenBuilder {
        self.token().of_client(client_id)
    }

    /// A valid token.
    pub fn valid(&self) -> String {
        self.token().mint()
    }

    /// A token that expires at this very instant.
    pub fn expired(&self) -> String {
        self.token().issued_at(self.clock().seconds() - 900).mint()
    }

    /// A token that is valid from an hour on.
    pub fn not_yet_valid(&self) -> String {
        self.token().not_before(self.clock().seconds() + 3600).life(Duration::from_secs(7200)).mint()
    }

    /// A token for somebody else.
    pub fn wrong_audience(&self) -> String {
        self.token().audience("somebody-else").mint()
    }

    /// A token that names another issuer, signed with this one's key.
    pub fn wrong_issuer(&self) -> String {
        self.token().claim("iss", "https://other.test").mint()
    }

    /// A token that names this issuer's key, signed with another one.
    pub fn wrong_key(&self) -> String {
        let payload = self.token().payload(self.algorithm());
        Signer::fresh(self.algorithm()).token(&self.header(&self.kid()), payload.as_bytes())
    }

    /// A token that names a key which this issuer does not publish, signed with that key.
    pub fn unknown_key(&self) -> String {
        let (stranger, payload) = (Signer::fresh(self.algorithm()), self.token().payload(self.algorithm()));
        stranger.token(&self.header(&stranger.kid), payload.as_bytes())
    }

    /// A token whose session is revoked.
    pub fn revoked(&self) -> String {
        let session = self.next_id();
        let token = self.token().session(&session).mint();
        self.revoke_session(&session);
        token
    }

    /// A client's own token, revoked by its `jti`.
    pub fn revoked_client_token(&self, client_id: &str) -> String {
        let id = self.next_id();
        let token = self.client_token(client_id).id(&id).mint();
        self.revoke_token(&id);
        token
    }

    /// A token of a key that does not sign any more and is still published: a valid one.
    pub fn rotated(&self) -> String {
        let token = self.valid();
        self.rotate();
        token
    }

    /// A token of a key that was withdrawn.
    pub fn withdrawn(&self) -> String {
        // A key of its own: no other token dies of it.
        let (signer, payload) = (Signer::fresh(self.algorithm()), self.token().payload(self.algorithm()));
        let token = signer.token(&self.header(&signer.kid), payload.as_bytes());
        let kid = signer.kid.clone();
        self.signers().insert(0, signer);
        self.publish();
        self.withdraw_key(&kid);
        token
    }
}
