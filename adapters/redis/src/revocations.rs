//! The revocations of all replicas.

use std::sync::Arc;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::GrantId;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::sessions::RevocationList;

use crate::adapter::RedisAdapter;
use crate::board::Part;
use crate::heard::Heard;
use crate::listener::Listener;
use crate::own::Own;
use crate::teller::{Request, Teller};

/// Answers from a list in this process, tells the others what was revoked here, and learns what was revoked there.
///
/// While Redis is away nothing is lost: what was revoked here is told when it is back. What others revoked meanwhile
/// comes from the database, as it does without Redis.
pub struct RedisRevocations {
    list: Arc<dyn RevocationList>,
    own: Arc<Own>,
    heard: Arc<Heard>,
}

impl RedisRevocations {
    /// Over `redis`, with `list` for the answers; one for each adapter. From here on the adapter is ready only when it
    /// hears the others and has read what they said.
    pub fn new(redis: &RedisAdapter, list: Arc<dyn RevocationList>, clock: Arc<dyn Clock>) -> Self {
        redis.shared.board.expect(Part::Subscription, "not subscribed to revocations yet");
        redis.shared.board.expect(Part::Revocations, "revocations have not been read yet");
        let heard = Arc::new(Heard::new(Arc::clone(&list), Arc::clone(&clock)));
        let (own, request) = (Arc::new(Own::default()), Arc::new(Request::default()));
        let teller = Teller {
            shared: Arc::clone(&redis.shared),
            own: Arc::clone(&own),
            heard: Arc::clone(&heard),
            request: Arc::clone(&request),
            clock,
        };
        let listener = Listener { shared: Arc::clone(&redis.shared), heard: Arc::clone(&heard), request };
        redis.spawn(|phase| teller.run(phase));
        redis.spawn(|phase| listener.run(phase));
        Self { list, own, heard }
    }
}

impl RevocationList for RedisRevocations {
    fn revoke(&self, grant: GrantId, until: Timestamp) {
        self.list.revoke(grant, until);
        self.own.add(grant, until);
    }

    fn is_revoked(&self, grant: GrantId) -> bool {
        self.list.is_revoked(grant)
    }

    fn forget(&self, now: Timestamp) {
        self.own.forget(now);
        self.heard.forget(now);
    }
}
