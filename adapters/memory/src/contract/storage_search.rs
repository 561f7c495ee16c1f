//! The search for accounts: filters, orders, and pages that survive what happens meanwhile.

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{User, UserStatus};
use portcullis_domain::administration::{UserPlace, UserQuery, UserSort};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::store::Tx;

use super::Storage;
use super::samples::{RACERS, RANDOM, at, begin, commit, email, kept, race, refused, user, username};
use super::samples_access::{role_name, stored_role};

const SORTS: [UserSort; 3] = [UserSort::CreatedAt, UserSort::Email, UserSort::Username];

/// Every order, both ways round.
fn orders() -> impl Iterator<Item = UserQuery> {
    let order =
        |sort| [false, true].map(|descending| UserQuery { sort, descending, limit: 1_000, ..UserQuery::default() });
    SORTS.into_iter().flat_map(order)
}

async fn search(tx: &mut dyn Tx, query: &UserQuery) -> Vec<User> {
    let found = kept(tx.users().search(query).await, "accounts are searched");
    assert!(found.len() <= query.limit as usize, "a page has at most {} accounts", query.limit);
    found
}

async fn found(storage: &Storage, query: &UserQuery) -> Vec<User> {
    search(begin(&storage.store).await.as_mut(), query).await
}

/// The query for the page behind `last`.
fn behind(query: &UserQuery, last: &User) -> UserQuery {
    let after = UserPlace::of(last, query.sort);
    assert!(after.is_some(), "only accounts that have a place in the order are found");
    UserQuery { after, ..query.clone() }
}

async fn stored(storage: &Storage, users: &[User]) {
    let mut tx = begin(&storage.store).await;
    for user in users {
        kept(tx.users().insert(user).await, "an account whose names are free is added");
    }
    commit(tx).await;
}

/// What an order sorts by, in bytes.
fn place(user: &User, sort: UserSort) -> Option<(Timestamp, Vec<u8>)> {
    Some(match sort {
        UserSort::CreatedAt => (user.created_at, user.id.to_string().into_bytes()),
        UserSort::Email => (at(0), user.email.key().as_bytes().to_vec()),
        UserSort::Username => (at(0), user.username.as_ref()?.key().as_bytes().to_vec()),
    })
}

/// Those of `users` that `fits`, as the query sorts them.
fn expected(users: &[User], query: &UserQuery, fits: impl Fn(&User) -> bool) -> Vec<User> {
    let placed = users.iter().filter(|user| fits(user) && place(user, query.sort).is_some());
    let mut all: Vec<_> = placed.cloned().collect();
    all.sort_by_key(|user| place(user, query.sort));
    if query.descending {
        all.reverse();
    }
    all
}

/// Accounts whose names and instants are awkward to sort and to compare.
fn awkward() -> Vec<User> {
    let locals = [
        "ab", "a-b", "a.b", "a_b", "a%b", "a*b", "a?b", "a0b", "axb", "Azb", "aab", "o'neil", "%", "_", "ä", "äb",
        "日本", "zed", "éa", "ann", "ann+tag", "ann2",
    ];
    let names = ["aab", "a-b", "a.b", "a_b", "a0b", "axb", "Azb", "ann", "ann2", "an-n", "0zz", "zed"];
    let (first, last) = (Timestamp::from_unix_micros(i64::MIN), Timestamp::from_unix_micros(i64::MAX));
    let micro = |micros| Timestamp::from_unix_micros(at(5).as_unix_micros() + micros);
    let born = [at(5), micro(1), at(5), first, micro(-1), at(5), last, at(9), at(5), at(1)];
    let build = |(number, local): (usize, &str)| User {
        id: UserId::new(at(0), &RANDOM),
        username: names.get(number.wrapping_sub(3)).map(|name| username(name)),
        email: email(&format!("{local}@example.com")),
        status: if number % 3 == 1 { UserStatus::Disabled } else { UserStatus::Active },
        created_at: born[number % born.len()],
        ..user("somebody")
    };
    locals.into_iter().enumerate().map(build).collect()
}

/// Every order, both ways round, with pages of every size.
pub async fn accounts_come_in_the_order_asked_for(storage: &Storage) {
    let promise = "every account comes once, in the order asked for, byte for byte";
    let users = awkward();
    stored(storage, &users).await;
    for query in orders() {
        let expected = expected(&users, &query, |_| true);
        for limit in [1, 3, 7, 100] {
            let mut page = UserQuery { limit, ..query.clone() };
            let (mut paged, mut tx) = (Vec::new(), begin(&storage.store).await);
            loop {
                let users = search(tx.as_mut(), &page).await;
                let Some(last) = users.last() else { break };
                page = behind(&page, last);
                paged.extend(users);
                assert!(paged.len() <= expected.len(), "pages of {limit} repeat accounts: {query:?}");
            }
            assert_eq!(paged, expected, "{promise}: pages of {limit} of {query:?}");
        }
    }
}

/// Signs that patterns, ranges and quotes make something of are signs like any other.
pub async fn the_beginning_of_a_name_is_compared_byte_for_byte(storage: &Storage) {
    let promise = "the beginning of a name is compared byte for byte";
    let users = awkward();
    stored(storage, &users).await;
    let prefixes = [
        "",
        "a",
        "A",
        "a_",
        "a%",
        "a*",
        "a?",
        "a-",
        "a.",
        "a\\",
        "a'",
        "%",
        "_",
        "\\",
        "'",
        "*",
        "[a]",
        "ä",
        "a\u{308}",
        "日",
        "日本",
        "é",
        "e",
        "o'",
        "ann",
        "ann@",
        "ann2",
        "ann@example.com",
        "ann@example.com ",
        "z",
        "\u{7f}",
        "\u{D7FF}",
        "\u{10FFFF}",
        "a\u{10FFFF}",
        "a%' OR '1'='1",
    ];
    for prefix in prefixes {
        for query in orders() {
            let by_email = UserQuery { email: Some(prefix.to_owned()), ..query.clone() };
            let mine = expected(&users, &query, |user| user.email.key().starts_with(prefix));
            assert_eq!(found(storage, &by_email).await, mine, "{promise}: {by_email:?}");
            let by_name = UserQuery { username: Some(prefix.to_owned()), ..query };
            let begins = |user: &User| user.username.as_ref().is_some_and(|name| name.key().starts_with(prefix));
            let mine = expected(&users, &by_name, begins);
            assert_eq!(found(storage, &by_name).await, mine, "{promise}: {by_name:?}");
        }
    }
}

/// Each alone and each with each, in every order.
pub async fn filters_of_a_search_combine(storage: &Storage) {
    let promise = "filters of a search combine";
    let (mut users, clerk) = (awkward(), stored_role(&storage.store, "clerk").await.name);
    stored_role(&storage.store, "other").await;
    stored(storage, &users).await;
    let mut tx = begin(&storage.store).await;
    for user in users.iter_mut().step_by(4) {
        kept(tx.roles().grant(user.id, &clerk, at(50)).await, "a role is granted");
        (user.updated_at, user.version) = (at(50), 2);
    }
    commit(tx).await;
    let holders: Vec<_> = users.iter().step_by(4).map(|user| user.id).collect();
    let micro = |micros| Timestamp::from_unix_micros(at(5).as_unix_micros() + micros);
    let any = || vec![None];
    let statuses = [None, Some(UserStatus::Active), Some(UserStatus::Disabled)];
    let roles = [None, Some(clerk.clone()), Some(role_name("other")), Some(role_name("unknown"))];
    let spans = [(None, None), (Some(micro(0)), None), (None, Some(micro(1))), (Some(micro(-1)), Some(micro(1)))];
    let emails = [any(), vec![Some("a".to_owned())]].concat();
    for order in orders() {
        for (status, role) in statuses.iter().flat_map(|status| roles.iter().map(move |role| (*status, role.clone()))) {
            for (created_from, created_until) in spans {
                for email in emails.clone() {
                    let order = order.clone();
                    let query = UserQuery { email, status, role: role.clone(), created_from, created_until, ..order };
                    let fits = |user: &User| {
                        query.email.as_ref().is_none_or(|prefix| user.email.key().starts_with(prefix))
                            && status.is_none_or(|status| user.status == status)
                            && role.as_ref().is_none_or(|role| *role == clerk && holders.contains(&user.id))
                            && created_from.is_none_or(|from| user.created_at >= from)
                            && created_until.is_none_or(|until| user.created_at < until)
                    };
                    assert_eq!(found(storage, &query).await, expected(&users, &query, fits), "{promise}: {query:?}");
                }
            }
        }
        let mut query = UserQuery { role: Some(clerk.clone()), limit: 2, ..order };
        let all = expected(&users, &query, |user| holders.contains(&user.id));
        for page in all.chunks(2) {
            assert_eq!(found(storage, &query).await, page, "{promise}: the pages of a role: {query:?}");
            query = behind(&query, &page[page.len() - 1]);
        }
        assert_eq!(found(storage, &query).await, [], "{promise}: nobody is behind the last one: {query:?}");
    }
}

/// Accounts come and go before and behind the place, and the account at the place goes itself.
pub async fn pages_of_a_search_survive_inserts_and_deletions(storage: &Storage) {
    let promise = "who follows the places sees every account that was there all the time once";
    for (round, order) in orders().enumerate() {
        let name = |number: usize| format!("r{round}x{number:02}");
        let born = |number: usize| at(i64::try_from(number / 2).unwrap_or_default());
        let there: Vec<_> =
            (0..20).step_by(2).map(|number| User { created_at: born(number), ..user(&name(number)) }).collect();
        stored(storage, &there).await;
        let mut query = UserQuery { email: Some(format!("r{round}x")), limit: 3, ..order };
        let (mut seen, mut deleted) = (Vec::new(), Vec::new());
        for number in (1..30).step_by(6) {
            let page = found(storage, &query).await;
            let Some(last) = page.last() else { break };
            query = behind(&query, last);
            let mut tx = begin(&storage.store).await;
            kept(tx.users().delete(last.id).await, "an account is deleted");
            deleted.push(last.id);
            for number in [number, 30 - number] {
                let new = User { created_at: born(number), ..user(&name(number)) };
                if kept(tx.users().by_email(&new.email).await, "an account is looked up").is_none() {
                    kept(tx.users().insert(&new).await, "an account whose names are free is added");
                }
            }
            commit(tx).await;
            seen.extend(page);
        }
        let mut sorted = expected(&seen, &query, |_| true);
        assert_eq!(seen, sorted, "{promise}, in order: {query:?}");
        sorted.dedup_by_key(|user| user.id);
        assert_eq!(sorted.len(), seen.len(), "{promise}, none twice: {query:?}");
        for user in &there {
            let stayed = !deleted.contains(&user.id);
            assert!(!stayed || seen.contains(user), "{promise}: {} is missing: {query:?}", user.email.as_str());
        }
    }
}

/// Others write while the pages are turned.
pub async fn pages_of_a_search_survive_races(storage: &Storage) {
    let promise = "who follows the places sees every account that was there all the time once";
    let there: Vec<_> = (0..30).map(|number| user(&format!("there{number:02}"))).collect();
    stored(storage, &there).await;
    let walks = race(RACERS, |number| {
        let store = storage.store.clone();
        async move {
            if number % 3 == 0 {
                for round in 0..5 {
                    let guest = user(&format!("there{round}{number}x"));
                    let mut tx = begin(&store).await;
                    kept(tx.users().insert(&guest).await, "an account whose names are free is added");
                    commit(tx).await;
                    if round % 2 == 0 {
                        let mut tx = begin(&store).await;
                        kept(tx.users().delete(guest.id).await, "an account is deleted");
                        commit(tx).await;
                    }
                }
                return None;
            }
            let sort = SORTS[number % 3];
            let mut query = UserQuery { sort, descending: number % 2 == 0, limit: 4, ..UserQuery::default() };
            let mut seen = Vec::new();
            loop {
                let page = search(begin(&store).await.as_mut(), &query).await;
                let Some(last) = page.last() else { break Some(seen) };
                query = behind(&query, last);
                seen.extend(page.into_iter().map(|user| user.id));
            }
        }
    })
    .await;
    for walk in walks.into_iter().flatten() {
        for user in &there {
            let times = walk.iter().filter(|id| **id == user.id).count();
            assert_eq!(times, 1, "{promise}: {}", user.email.as_str());
        }
    }
}

/// A cursor of one order says nothing about another.
pub async fn a_place_of_another_order_finds_nothing(storage: &Storage) {
    let users = awkward();
    stored(storage, &users).await;
    let ann = users.iter().find(|user| user.username.is_some()).cloned();
    let ann = kept(ann.ok_or("nobody"), "one of them has a username");
    for query in orders() {
        for other in SORTS.into_iter().filter(|sort| *sort != query.sort) {
            let lost = UserQuery { after: UserPlace::of(&ann, other), ..query.clone() };
            assert_eq!(found(storage, &lost).await, [], "a place of another order finds nothing: {lost:?}");
        }
    }
}

/// Its own writes, and nothing of a unit that was dropped or failed.
pub async fn a_search_sees_what_its_unit_has_done(storage: &Storage) {
    let promise = "a search sees what its unit has done, and nothing of a unit that is not committed";
    let clerk = stored_role(&storage.store, "clerk").await.name;
    let (ann, ben, cat) = (user("ann"), user("ben"), user("cat"));
    stored(storage, &[ann.clone(), ben.clone()]).await;
    let by_name = UserQuery { sort: UserSort::Username, ..UserQuery::default() };
    let clerks = UserQuery { role: Some(clerk.clone()), ..by_name.clone() };
    for fails in [false, true] {
        let mut tx = begin(&storage.store).await;
        kept(tx.users().insert(&cat).await, promise);
        kept(tx.users().delete(ben.id).await, promise);
        kept(tx.users().update(&User { username: Some(username("zoe")), ..ann.clone() }).await, promise);
        kept(tx.roles().grant(cat.id, &clerk, at(1)).await, promise);
        let names = |users: Vec<User>| users.into_iter().map(|user| user.id).collect::<Vec<_>>();
        assert_eq!(names(search(tx.as_mut(), &by_name).await), [cat.id, ann.id], "{promise}");
        assert_eq!(names(search(tx.as_mut(), &clerks).await), [cat.id], "{promise}");
        assert_eq!(found(storage, &by_name).await, [ann.clone(), ben.clone()], "{promise}");
        if fails {
            refused(tx.users().insert(&cat).await, "an address that is taken is refused");
            refused(tx.users().search(&by_name).await, "after an error nothing is searched");
        }
        drop(tx);
        assert_eq!(found(storage, &by_name).await, [ann.clone(), ben.clone()], "{promise}");
        assert_eq!(found(storage, &clerks).await, [], "{promise}");
    }
}
