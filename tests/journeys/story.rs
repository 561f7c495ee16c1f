//! What happened to an account as far as a client can know, in the words of the events that must tell it.

/// One event that must arrive: its name, and the session that it is about (empty when it is about none).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fact {
    /// The event's name: `session.started`.
    pub(crate) name: String,
    /// The session's id.
    pub(crate) session: String,
}

impl Fact {
    /// Refused logins are told when they are told: attempts on an account must not hold up its events.
    pub(crate) fn keeps_order(&self) -> bool {
        self.name != "login.failed"
    }
}

/// The facts about one account, in the order of their commits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    /// The address; the name of the account in journals.
    pub(crate) email: String,
    /// The account's id; none when it turned out not to exist.
    pub(crate) id: Option<String>,
    /// Groups in order; the facts of one group were committed together, in an order that nobody promised.
    pub(crate) groups: Vec<Vec<Fact>>,
}

impl Story {
    /// A story that has not begun.
    pub(crate) fn about(email: &str) -> Self {
        Self { email: email.to_owned(), ..Self::default() }
    }

    /// The next thing that happened.
    pub(crate) fn tell(&mut self, name: &str, session: &str) {
        self.groups.push(vec![Fact { name: name.to_owned(), session: session.to_owned() }]);
    }

    /// Several sessions ended at once.
    pub(crate) fn tell_revoked(&mut self, sessions: impl IntoIterator<Item = String>) {
        let facts = sessions.into_iter().map(|session| Fact { name: "session.revoked".to_owned(), session });
        let group: Vec<Fact> = facts.collect();
        if !group.is_empty() {
            self.groups.push(group);
        }
    }
}
