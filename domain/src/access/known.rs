//! What was looked up a moment ago, for callers who come thousands of times a second.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Timestamp;
use crate::ids::{ApiKeyId, UserId};
use crate::secret::SecretDigest;

use super::{KeyInUse, Permissions, Role, RoleName, Standing};

/// How long it counts.
const FRESH: Duration = Duration::from_millis(250);
/// The most accounts, and the most keys, that are remembered.
const ROOM: usize = 10_000;

/// What accounts and API keys could do a moment ago. Whatever changes it here makes it forgotten at once; changes by other
/// replicas are seen when it is not fresh any more.
#[derive(Default)]
pub struct Known {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// How often everything was forgotten.
    forgotten: u64,
    standings: HashMap<UserId, (Timestamp, Standing)>,
    keys: HashMap<ApiKeyId, (Timestamp, Arc<KeyStanding>)>,
    roles: Option<(Timestamp, Arc<[Role]>)>,
    /// The secrets of API keys that were good when they were last looked up, however long ago. Nobody gets in by that: it
    /// tells those who come back from those who guess.
    proofs: HashMap<SecretDigest, (Timestamp, ())>,
}

/// What an API key may do at a moment.
pub(super) struct KeyStanding {
    /// The key, and whether its owner may be served.
    pub(super) found: KeyInUse,
    /// What the key holds and its owner may do.
    pub(super) permissions: Permissions,
    /// The roles that the key and its owner have.
    pub(super) roles: Vec<RoleName>,
}

/// When a look at the store began: what it found is remembered only if nothing was forgotten meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Look {
    forgotten: u64,
    at: Timestamp,
}

impl Known {
    /// Forgets everything, after a commit that changed roles, grants, API keys, or whether an account may be used.
    pub(crate) fn forget(&self) {
        let mut seen = self.seen();
        let forgotten = seen.forgotten.wrapping_add(1);
        let proofs = std::mem::take(&mut seen.proofs);
        *seen = Seen { forgotten, proofs, ..Seen::default() };
    }

    /// Begins a look at the store.
    pub(super) fn look(&self, now: Timestamp) -> Look {
        Look { forgotten: self.seen().forgotten, at: now }
    }

    pub(super) fn standing(&self, user: UserId, now: Timestamp) -> Option<Standing> {
        fresh(&self.seen().standings, &user, now)
    }

    pub(super) fn key(&self, id: ApiKeyId, now: Timestamp) -> Option<Arc<KeyStanding>> {
        fresh(&self.seen().keys, &id, now)
    }

    /// All roles, and a look that is as old as they are: what is made of them is no younger.
    pub(super) fn roles(&self, look: Look) -> Option<(Look, Arc<[Role]>)> {
        let seen = self.seen();
        let (at, roles) = seen.roles.as_ref().filter(|(at, _)| is_fresh(*at, look.at))?;
        (seen.forgotten == look.forgotten).then(|| (Look { at: *at, ..look }, roles.clone()))
    }

    pub(super) fn note_roles(&self, look: Look, roles: Arc<[Role]>) {
        let mut seen = self.seen();
        if seen.forgotten == look.forgotten {
            seen.roles = Some((look.at, roles));
        }
    }

    pub(super) fn note_standing(&self, look: Look, user: UserId, standing: Standing) {
        let mut seen = self.seen();
        if seen.forgotten == look.forgotten {
            note(&mut seen.standings, look.at, user, standing);
        }
    }

    pub(super) fn note_key(&self, look: Look, id: ApiKeyId, key: Arc<KeyStanding>) {
        let mut seen = self.seen();
        if seen.forgotten == look.forgotten {
            note(&mut seen.keys, look.at, id, key);
        }
    }

    /// Whether the key with this secret was good when it was last looked up.
    pub(super) fn was_proved(&self, secret: &SecretDigest) -> bool {
        self.seen().proofs.contains_key(secret)
    }

    /// Remembers whether the key with this secret is good.
    pub(super) fn note_proof(&self, secret: &SecretDigest, now: Timestamp, good: bool) {
        let proofs = &mut self.seen().proofs;
        if good {
            note(proofs, now, *secret, ());
        } else {
            proofs.remove(secret);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is remembered and not older than a moment. A clock that was set back makes nothing fresh.
fn fresh<K: Eq + Hash, V: Clone>(seen: &HashMap<K, (Timestamp, V)>, key: &K, now: Timestamp) -> Option<V> {
    let (at, value) = seen.get(key)?;
    is_fresh(*at, now).then(|| value.clone())
}

fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    at <= now && now.since(at) < FRESH
}

/// Remembers it; when there is no room, the older half goes.
fn note<K: Eq + Hash, V>(seen: &mut HashMap<K, (Timestamp, V)>, at: Timestamp, key: K, value: V) {
    if seen.len() >= ROOM && !seen.contains_key(&key) {
        let mut instants: Vec<_> = seen.values().map(|(at, _)| *at).collect();
        let (_, median, _) = instants.select_nth_unstable(ROOM / 2);
        let median = *median;
        seen.retain(|_, (at, _)| *at > median);
    }
    seen.insert(key, (at, value));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_micros(millis * 1_000)
    }

    #[test]
    fn there_is_room_for_so_many_and_the_older_ones_go_first() {
        let mut seen = HashMap::new();
        for number in 0..3 * ROOM {
            let number = i64::try_from(number).expect("a small number");
            note(&mut seen, at(number), number, ());
            assert!(seen.len() <= ROOM && seen.contains_key(&number));
        }
        let mut same = HashMap::new();
        for number in 0..2 * ROOM {
            note(&mut same, at(0), number, ());
            assert!(same.len() <= ROOM, "also when all are of one instant");
        }
    }

    #[test]
    fn what_is_a_quarter_of_a_second_old_is_not_fresh_and_neither_is_the_future() {
        let mut seen = HashMap::new();
        note(&mut seen, at(1_000), 1, "one");
        for (now, known) in [(999, false), (1_000, true), (1_249, true), (1_250, false)] {
            assert_eq!(fresh(&seen, &1, at(now)).is_some(), known, "at {now} ms");
        }
    }

    #[test]
    fn who_came_before_is_known_whatever_changes_and_until_their_secret_is_no_good() {
        let (known, secret) = (Known::default(), SecretDigest([1; 32]));
        assert!(!known.was_proved(&secret));
        known.note_proof(&secret, at(0), true);
        known.forget();
        assert!(known.was_proved(&secret) && !known.was_proved(&SecretDigest([2; 32])));
        known.note_proof(&secret, at(1), false);
        assert!(!known.was_proved(&secret));
    }

    #[test]
    fn what_was_looked_up_before_a_change_is_not_remembered_after_it() {
        let known = Known::default();
        let user = UserId::from_uuid(uuid::Uuid::nil());
        let standing = Standing {
            status: crate::accounts::UserStatus::Active,
            roles: Vec::new(),
            permissions: Permissions::all(),
        };
        let look = known.look(at(0));
        known.forget();
        known.note_standing(look, user, standing.clone());
        assert!(known.standing(user, at(0)).is_none());
        known.note_standing(known.look(at(0)), user, standing);
        assert!(known.standing(user, at(0)).is_some());
    }
    #[test]
    fn what_is_made_of_remembered_roles_is_as_old_as_they_are() {
        let known = Known::default();
        assert!(known.roles(known.look(at(0))).is_none());
        let early = known.look(at(0));
        known.note_roles(early, Arc::new([]));
        let (look, _) = known.roles(known.look(at(249))).expect("they are fresh");
        assert_eq!(look.at, at(0));
        assert!(known.roles(known.look(at(250))).is_none());
        known.forget();
        assert!(known.roles(known.look(at(1))).is_none() && known.roles(early).is_none());
        known.note_roles(early, Arc::new([]));
        assert!(known.roles(known.look(at(1))).is_none(), "they were read before the change");
    }
}
