//! A client of the crash workload: it asks for changes, and keeps a journal outside the service.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::account::{Account, Operation};
use crate::api::{Answer, Api, Person, bearer, deletion, fresh_password};
use crate::random::Random;

/// How many accounts a client holds open at once.
const ACCOUNTS: usize = 5;
/// The pause after an answer that the service is overloaded.
const LATER: Duration = Duration::from_millis(25);

/// One client with accounts that nobody else touches.
pub(crate) struct Client {
    /// Everything it ever registered.
    pub(crate) accounts: Vec<Account>,
    /// Acknowledged operations by name.
    pub(crate) acknowledged: BTreeMap<&'static str, u64>,
    /// How often the service had no room.
    pub(crate) turned_away: u64,
    /// What must not have happened.
    pub(crate) violations: Vec<String>,
    random: Random,
    journal: File,
    number: u64,
}

impl Client {
    /// With a journal in this folder.
    pub(crate) fn new(number: u64, seed: u64, folder: &Path) -> Self {
        let journal = File::create(folder.join(format!("client-{number}.journal"))).expect("a journal");
        Self {
            accounts: Vec::new(),
            acknowledged: BTreeMap::new(),
            turned_away: 0,
            violations: Vec::new(),
            random: Random::seeded(seed ^ number.wrapping_mul(0x0123_4567_89ab_cdef)),
            journal,
            number,
        }
    }

    /// Asks for one change after the other until the service no longer answers; counts the answers.
    pub(crate) async fn work(mut self, api: Api, answered: &AtomicU64) -> Self {
        while self.step(&api).await {
            answered.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    /// Asks for some change; whether it was answered.
    pub(crate) async fn step(&mut self, api: &Api) -> bool {
        let index = self.pick_account();
        let operation = self.pick_operation(index);
        self.ask(api, index, operation).await
    }

    /// Asks for one change; whether it was answered.
    pub(crate) async fn ask(&mut self, api: &Api, index: usize, operation: Operation) -> bool {
        let account = &mut self.accounts[index];
        account.touched = true;
        account.pending = Some(operation.clone());
        let email = account.person.email.clone();
        let mut answer = api.try_send(request(api, account, &operation)).await;
        while answer.as_ref().is_ok_and(Answer::is_overloaded) {
            self.turned_away += 1;
            tokio::time::sleep(LATER).await;
            answer = api.try_send(request(api, account, &operation)).await;
        }
        self.number += 1;
        let acknowledged = answer.as_ref().ok().map(|answer| answer.status);
        self.note(&json!({ "n": self.number, "account": email, "ask": operation.name(), "status": acknowledged }));
        let account = &mut self.accounts[index];
        match answer {
            Ok(answer) if answer.status == operation.done() => {
                account.pending = None;
                account.apply(&operation, &answer);
                *self.acknowledged.entry(operation.name()).or_default() += 1;
                true
            }
            Ok(answer) => {
                self.refused(index, &operation, &answer);
                answer.status < 500
            }
            Err(_) => false,
        }
    }

    /// Writes a line into the journal.
    pub(crate) fn note(&mut self, line: &serde_json::Value) {
        writeln!(self.journal, "{line}").expect("the journal can be written");
    }

    /// Nothing in this workload may be refused: clients only ask for what they were given.
    fn refused(&mut self, index: usize, operation: &Operation, answer: &Answer) {
        let account = &mut self.accounts[index];
        let email = &account.person.email;
        self.violations.push(format!("{email}: {} was refused: {} {}", operation.name(), answer.status, answer.text));
        if answer.status < 500 {
            account.pending = None;
            account.open = false;
        }
    }

    fn pick_account(&mut self) -> usize {
        let open: Vec<usize> =
            self.accounts.iter().enumerate().filter(|(_, account)| account.open).map(|(index, _)| index).collect();
        if open.is_empty() || (open.len() < ACCOUNTS && self.random.below(8) == 0) {
            self.accounts.push(Account::of(Person::new()));
            return self.accounts.len() - 1;
        }
        open[self.random.index(open.len())]
    }

    fn pick_operation(&mut self, index: usize) -> Operation {
        let account = &self.accounts[index];
        if account.story.id.is_none() {
            return Operation::Register;
        }
        if account.live.is_empty() {
            return Operation::LogIn;
        }
        let session = account.live[self.random.index(account.live.len())].session.clone();
        match self.random.below(100) {
            0..25 => Operation::LogIn,
            25..70 => Operation::Refresh(session),
            70..85 => Operation::LogOut(session),
            85..96 => Operation::ChangePassword { by: session, new: fresh_password() },
            _ => Operation::Delete(session),
        }
    }
}

fn request(api: &Api, account: &Account, operation: &Operation) -> reqwest::RequestBuilder {
    let person = &account.person;
    let token = |session: &str| Some(account.session(session).access.as_str());
    match operation {
        Operation::Register => api.request(Method::POST, "/api/v1/auth/register").json(&person.registration()),
        Operation::LogIn => {
            let body = json!({ "login": person.email, "password": person.password });
            api.request(Method::POST, "/api/v1/auth/login").json(&body)
        }
        Operation::Refresh(session) => {
            let body = json!({ "refresh_token": account.session(session).refresh });
            api.request(Method::POST, "/api/v1/auth/refresh").json(&body)
        }
        Operation::LogOut(session) => bearer(api.request(Method::POST, "/api/v1/auth/logout"), token(session)),
        Operation::ChangePassword { by, new } => {
            let body = json!({ "current_password": person.password, "new_password": new });
            bearer(api.request(Method::PUT, "/api/v1/me/password").json(&body), token(by))
        }
        Operation::Delete(by) => deletion(api, token(by), &person.password),
    }
}
