//! What a client of the workload knows about one of its accounts.

use crate::api::{Answer, Person, Tokens};
use crate::story::Story;

/// A change that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Opens the account.
    Register,
    /// Starts a session.
    LogIn,
    /// Rotates the refresh token of this session.
    Refresh(String),
    /// Ends this session.
    LogOut(String),
    /// Changes the password from this session.
    ChangePassword {
        /// The session that asks.
        by: String,
        /// The password from then on.
        new: String,
    },
    /// Deletes the account from this session.
    Delete(String),
}

impl Operation {
    /// Its name in journals and reports.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::LogIn => "log in",
            Self::Refresh(_) => "refresh",
            Self::LogOut(_) => "log out",
            Self::ChangePassword { .. } => "change password",
            Self::Delete(_) => "delete",
        }
    }

    /// The status that says it is done.
    pub(crate) const fn done(&self) -> u16 {
        match self {
            Self::Register => 201,
            Self::LogIn | Self::Refresh(_) => 200,
            Self::LogOut(_) | Self::ChangePassword { .. } | Self::Delete(_) => 204,
        }
    }
}

/// An account with everything that its client was told about it.
#[derive(Debug)]
pub(crate) struct Account {
    /// Who owns it, with the password in force.
    pub(crate) person: Person,
    /// The live sessions, each with its newest tokens.
    pub(crate) live: Vec<Tokens>,
    /// Sessions that ended since the last check, and that the service said had ended.
    pub(crate) dead: Vec<Tokens>,
    /// Sessions that ended since the last check without a word: the database may have committed their end after the
    /// next process had read all revocations; it learns of the end as it learns what other replicas revoke.
    pub(crate) quietly_dead: Vec<Tokens>,
    /// What happened so far.
    pub(crate) story: Story,
    /// What was asked for and never answered.
    pub(crate) pending: Option<Operation>,
    /// Whether anything happened since the last check.
    pub(crate) touched: bool,
    /// Whether it can still be used: not deleted, and not found to be impossible.
    pub(crate) open: bool,
}

impl Account {
    /// Nothing has happened.
    pub(crate) fn of(person: Person) -> Self {
        let story = Story::about(&person.email);
        Self {
            person,
            live: Vec::new(),
            dead: Vec::new(),
            quietly_dead: Vec::new(),
            story,
            pending: None,
            touched: true,
            open: true,
        }
    }

    /// The tokens of a live session.
    pub(crate) fn session(&self, id: &str) -> &Tokens {
        self.live.iter().find(|tokens| tokens.session == id).expect("a live session of this account")
    }

    /// The service said that it is done.
    pub(crate) fn apply(&mut self, operation: &Operation, answer: &Answer) {
        match operation {
            Operation::Register => self.registered(answer.str("id")),
            Operation::LogIn => self.started(Tokens::of(answer)),
            Operation::Refresh(_) => self.refreshed(Tokens::of(answer)),
            Operation::LogOut(session) => self.ended(session),
            Operation::ChangePassword { by, new } => self.password_changed(by, new),
            Operation::Delete(_) => self.deleted(),
        }
    }

    /// The account exists.
    pub(crate) fn registered(&mut self, id: &str) {
        self.story.id = Some(id.to_owned());
        self.story.tell("user.registered", "");
    }

    /// A session began.
    pub(crate) fn started(&mut self, tokens: Tokens) {
        self.story.tell("session.started", &tokens.session);
        self.live.push(tokens);
    }

    /// A session has new tokens.
    pub(crate) fn refreshed(&mut self, tokens: Tokens) {
        self.story.tell("session.refreshed", &tokens.session);
        self.live.retain(|held| held.session != tokens.session);
        self.live.push(tokens);
    }

    /// A session ended by itself.
    pub(crate) fn ended(&mut self, session: &str) {
        self.bury(|tokens| tokens.session == session);
    }

    /// The password changed: every other session ended with it.
    pub(crate) fn password_changed(&mut self, by: &str, new: &str) {
        self.story.tell("user.password_changed", "");
        self.bury(|tokens| tokens.session != by);
        new.clone_into(&mut self.person.password);
    }

    /// The account is gone.
    pub(crate) fn deleted(&mut self) {
        self.bury(|_| true);
        self.story.tell("user.deleted", "");
        self.open = false;
    }

    fn bury(&mut self, ends: impl Fn(&Tokens) -> bool) {
        let (dead, live) = std::mem::take(&mut self.live).into_iter().partition(ends);
        self.live = live;
        let dead: Vec<Tokens> = dead;
        self.story.tell_revoked(dead.iter().map(|tokens| tokens.session.clone()));
        if self.pending.is_none() { self.dead.extend(dead) } else { self.quietly_dead.extend(dead) }
    }
}
