//! Is this client who it says it is?

use std::sync::Arc;

use crate::Failure;
use crate::audit::{Action, Actor, AuditEntry, Refusal};
use crate::origin::Origin;

use super::{Client, ClientId, Clients};

impl Clients {
    /// The client of that id, if this replica knows that this is its secret. It asks no database.
    pub fn recognize(&self, id: &str, secret: &str) -> Result<Option<Arc<Client>>, Failure> {
        let now = self.clock.now();
        let proved = |client: &Arc<Client>| client.is_proved_by(&self.digest(client.id.as_str(), secret), now);
        let known = self.directory.get(id).filter(proved);
        if known.is_some() {
            self.revocations.must_be_fresh(now)?;
        }
        Ok(known)
    }

    /// The client of that id, if that is its secret. What this replica does not know, or cannot confirm, it looks up:
    /// a client that was created elsewhere a moment ago works here, and an id that nobody has costs what a wrong secret
    /// costs.
    pub async fn authenticate(&self, id: &str, secret: &str, origin: &Origin) -> Result<Option<Arc<Client>>, Failure> {
        if let Some(client) = self.recognize(id, secret)? {
            return Ok(Some(client));
        }
        let (parsed, reserved) = (ClientId::parse(id).ok(), self.is_reserved(id));
        // What cannot be an id is nobody's, unless the configuration says otherwise.
        if parsed.is_none() && !reserved {
            return Ok(None);
        }
        let now = self.clock.now();
        let digest = self.digest(id, secret);
        let mut tx = self.store.begin().await?;
        let found = match parsed {
            Some(id) => tx.clients().by_id(&id).await?,
            None => None,
        };
        if let Some(client) = &found {
            self.directory.learn(vec![client.clone()]);
            if client.is_proved_by(&digest, now) {
                return Ok(found.map(Arc::new));
            }
        }
        let lives = reserved || found.as_ref().is_some_and(Client::is_live);
        let why = if lives { Refusal::WrongSecret } else { Refusal::UnknownClient };
        let act =
            AuditEntry::new(now, &*self.random, Actor::Anonymous, Action::AuthenticateClient, origin).refused(why);
        // An id that was never given is a text that the caller chose.
        let act = if reserved || found.is_some() { act.with(id) } else { act };
        tx.audit().append(act).await?;
        tx.commit(now, Vec::new()).await?;
        Ok(None)
    }
}
