//! After a crash: was what nobody answered done wholly or not at all, and is everything else still there?

use std::time::{Duration, Instant};

use crate::account::{Account, Operation};
use crate::api::{Api, Tokens};

/// How soon a revocation is known everywhere.
pub(crate) const KNOWN_WITHIN: Duration = Duration::from_millis(2_500);

/// What became of a change that was never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is there.
    Done,
    /// It never happened.
    Absent,
}

/// Finds out what became of an unanswered change, and brings the account's story up to date.
pub(crate) async fn settle(api: &Api, account: &mut Account) -> Result<Settled, String> {
    let settled = match account.pending.clone() {
        None => Ok(Settled::Absent),
        Some(Operation::Register) => registration(api, account).await,
        Some(Operation::LogIn) => log_in(api, account).await,
        Some(Operation::Refresh(session)) => refresh(api, account, &session).await,
        Some(Operation::LogOut(session)) => log_out(api, account, &session).await,
        Some(Operation::ChangePassword { by, new }) => change_password(api, account, &by, &new).await,
        Some(Operation::Delete(_)) => delete(api, account).await,
    };
    account.pending = None;
    settled
}

async fn registration(api: &Api, account: &mut Account) -> Result<Settled, String> {
    let Some(tokens) = sign_in(api, account, &account.person.password).await? else {
        // Nobody was told of an account: there must be no event either. The judge sees to it.
        account.open = false;
        return Ok(Settled::Absent);
    };
    let me = api.get("/api/v1/me", Some(&tokens.access)).await;
    account.registered(me.str("id"));
    account.started(tokens);
    Ok(Settled::Done)
}

async fn log_in(api: &Api, account: &mut Account) -> Result<Settled, String> {
    let tokens = must_sign_in(api, account).await?;
    let listed = api.sessions(&tokens.access).await;
    let mut unknown = listed.into_iter().filter(|id| *id != tokens.session && !holds(account, id));
    let (extra, more) = (unknown.next(), unknown.next());
    if more.is_some() {
        return Err(format!("I3: {}: more than one session that nobody asked for", account.person.email));
    }
    let Some(extra) = extra else {
        account.started(tokens);
        return Ok(Settled::Absent);
    };
    // It was committed before the session that found it. Nobody has its tokens: it ends here.
    account.story.tell("session.started", &extra);
    let access = tokens.access.clone();
    account.started(tokens);
    let ended = api.delete(&format!("/api/v1/me/sessions/{extra}"), &access).await;
    if ended.status != 204 {
        return Err(format!("I1: {}: a listed session cannot be ended: {}", account.person.email, ended.text));
    }
    account.story.tell_revoked([extra]);
    Ok(Settled::Done)
}

/// The same token again, within the grace: it must lead to a successor whether or not it was used.
async fn refresh(api: &Api, account: &mut Account, session: &str) -> Result<Settled, String> {
    let answer = api.refresh(&account.session(session).refresh).await;
    if answer.status != 200 {
        return Err(format!("A067: {}: a lost refresh cannot be repeated: {}", account.person.email, answer.text));
    }
    account.refreshed(Tokens::of(&answer));
    Ok(Settled::Done)
}

async fn log_out(api: &Api, account: &mut Account, session: &str) -> Result<Settled, String> {
    let answer = api.refresh(&account.session(session).refresh).await;
    match answer.status {
        401 => {
            account.ended(session);
            Ok(Settled::Done)
        }
        200 => {
            account.refreshed(Tokens::of(&answer));
            Ok(Settled::Absent)
        }
        status => Err(format!("{}: a refresh after a lost logout: {status} {}", account.person.email, answer.text)),
    }
}

async fn change_password(api: &Api, account: &mut Account, by: &str, new: &str) -> Result<Settled, String> {
    if let Some(tokens) = sign_in(api, account, new).await? {
        account.password_changed(by, new);
        account.started(tokens);
        return Ok(Settled::Done);
    }
    account.story.tell("login.failed", "");
    let tokens = must_sign_in(api, account).await?;
    account.started(tokens);
    Ok(Settled::Absent)
}

async fn delete(api: &Api, account: &mut Account) -> Result<Settled, String> {
    match sign_in(api, account, &account.person.password).await? {
        None => {
            account.deleted();
            Ok(Settled::Done)
        }
        Some(tokens) => {
            account.started(tokens);
            Ok(Settled::Absent)
        }
    }
}

/// I1, I7, I8: the account can be used with its password, exactly its live sessions are listed, and what ended
/// stays ended.
pub(crate) async fn verify(api: &Api, account: &mut Account) -> Result<(), String> {
    let email = account.person.email.clone();
    for tokens in std::mem::take(&mut account.quietly_dead) {
        let ended = Instant::now();
        while api.verify(&tokens.access).await.status != 401 && ended.elapsed() < KNOWN_WITHIN {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        account.dead.push(tokens);
    }
    for tokens in std::mem::take(&mut account.dead) {
        let (refresh, access) = (api.refresh(&tokens.refresh).await, api.verify(&tokens.access).await);
        if (refresh.status, access.status) != (401, 401) {
            return Err(format!(
                "I7: {email}: session {} lives again: refresh {}, verify {}",
                tokens.session, refresh.status, access.status
            ));
        }
    }
    account.touched = false;
    if !account.open {
        let gone = sign_in(api, account, &account.person.password).await?.is_none();
        return if gone { Ok(()) } else { Err(format!("I7: {email}: deleted, and can log in")) };
    }
    let tokens = must_sign_in(api, account).await?;
    account.started(tokens.clone());
    let mut listed = api.sessions(&tokens.access).await;
    let mut held: Vec<String> = account.live.iter().map(|held| held.session.clone()).collect();
    listed.sort();
    held.sort();
    if listed != held {
        return Err(format!("I1: {email}: the sessions are {listed:?}, they should be {held:?}"));
    }
    if api.logout(&tokens.access).await.status != 204 {
        return Err(format!("{email}: a logout was refused"));
    }
    account.ended(&tokens.session);
    account.dead.clear();
    Ok(())
}

fn holds(account: &Account, session: &str) -> bool {
    account.live.iter().any(|tokens| tokens.session == session)
}

async fn must_sign_in(api: &Api, account: &Account) -> Result<Tokens, String> {
    let found = sign_in(api, account, &account.person.password).await?;
    found.ok_or_else(|| format!("I1: {}: the account cannot log in with its password", account.person.email))
}

async fn sign_in(api: &Api, account: &Account, password: &str) -> Result<Option<Tokens>, String> {
    let mut answer = api.login(&account.person.email, password).await;
    while answer.is_overloaded() {
        tokio::time::sleep(Duration::from_millis(25)).await;
        answer = api.login(&account.person.email, password).await;
    }
    match answer.status {
        200 => Ok(Some(Tokens::of(&answer))),
        401 => Ok(None),
        status => Err(format!("{}: a login was answered {status} {}", account.person.email, answer.text)),
    }
}
