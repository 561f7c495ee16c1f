//! Searching accounts: filters, orders and pages, and what others try with them.

use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Ask, House};
use crate::staff::Member;

const USERS: &str = "/api/v1/users";

fn names(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["username"].as_str().unwrap_or("-")).collect()
}

async fn search(house: &House, admin: &Member, query: &str) -> Vec<String> {
    let items = house.all_pages(admin, &format!("{USERS}?limit=2&{query}")).await;
    names(&items).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn accounts_are_searched_filtered_and_sorted() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for name in ["bea", "Ada", "carl", "adam"] {
        house.clock.advance(std::time::Duration::from_secs(60));
        house.member(name).await;
    }
    for (query, expected) in [
        ("", &["adam", "carl", "Ada", "bea", "root-1"][..]),
        ("sort=created_at", &["root-1", "bea", "Ada", "carl", "adam"]),
        ("sort=email", &["Ada", "adam", "bea", "carl", "root-1"]),
        ("sort=-username", &["root-1", "carl", "bea", "adam", "Ada"]),
        ("email=ADA", &["Ada", "adam"]),
        ("email=ada%40example.com", &["Ada"]),
        ("email=ada@&sort=-email", &["Ada"]),
        ("username=a&sort=-username", &["adam", "Ada"]),
        ("username=a&email=", &[]),
        ("role=admin", &["root-1"]),
        ("status=disabled", &[]),
        ("email=%25", &[]),
        ("email=_da", &[]),
    ] {
        if query.ends_with("email=") {
            house.send(admin.get(&format!("{USERS}?{query}"))).await.is(StatusCode::BAD_REQUEST);
        } else {
            assert_eq!(search(&house, &admin, query).await, expected, "{query}");
        }
    }
    let all = house.all_pages(&admin, &format!("{USERS}?sort=created_at")).await;
    let third = all[2]["created_at"].as_str().unwrap().replace(':', "%3A");
    assert_eq!(search(&house, &admin, &format!("sort=created_at&created_from={third}")).await, ["Ada", "carl", "adam"]);
    assert_eq!(search(&house, &admin, &format!("sort=created_at&created_until={third}")).await, ["root-1", "bea"]);
    assert_eq!(all[0]["roles"], json!(["admin", "user"]));
    assert_eq!(all[1]["roles"], json!(["user"]));
    assert_eq!((&all[1]["status_reason"], &all[1]["must_change_password"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn pages_hold_while_accounts_come_and_go() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let mut members = Vec::new();
    for number in 0..6 {
        house.clock.advance(std::time::Duration::from_secs(1));
        members.push(house.member(&format!("user-{number}")).await);
    }
    let first = house.send(admin.get(&format!("{USERS}?limit=3"))).await.is(StatusCode::OK).json();
    assert_eq!(names(first["items"].as_array().unwrap()), ["user-5", "user-4", "user-3"]);
    house.clock.advance(std::time::Duration::from_secs(1));
    house.member("newcomer").await;
    house.send(admin.delete(&members[3].path())).await.is(StatusCode::NO_CONTENT);
    house.send(admin.delete(&members[1].path())).await.is(StatusCode::NO_CONTENT);
    let next = first["next_cursor"].as_str().unwrap();
    let rest = house.send(admin.get(&format!("{USERS}?limit=3&cursor={next}"))).await.is(StatusCode::OK).json();
    assert_eq!(names(rest["items"].as_array().unwrap()), ["user-2", "user-0", "root-1"]);
    assert_eq!(rest["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a107_hostile_queries_are_refused_and_say_what_is_allowed() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for query in [
        "limit=-1",
        "limit=0",
        "limit=201",
        "limit=9223372036854775808",
        "limit=1e2",
        "sort=id",
        "sort=password_hash",
        "sort=created_at;DROP%20TABLE%20users",
        "sort=(SELECT%201)",
        "sort=email,username",
        "sort=email&sort=email",
        "status=deleted",
        "status=active'--",
        "role=Admin",
        "role='%20OR%201=1--",
        "created_from=yesterday",
        "created_from=2026-13-01T00:00:00Z",
        "created_until=1'%20AND%20SLEEP(5)--",
        "email=a%20b",
        "email=%00",
        "email=%FF",
        "email=%zz",
        "username=a%25",
        "username=%27%20UNION%20SELECT",
        "email=a&username=a",
        "email=a&sort=created_at",
        "username=a&sort=email",
        "cursor=",
        "cursor=AAAA",
        "cursor=%27%20OR%201=1",
    ] {
        let answer = house.send(admin.get(&format!("{USERS}?{query}"))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.text());
        assert_eq!(answer.problem(), "invalid-parameter", "{query}");
        let error = &answer.json()["errors"][0];
        assert!(query.starts_with(error["parameter"].as_str().unwrap()) || query.contains('&'), "{query}: {error}");
        assert!(!answer.text().contains("SELECT") && !answer.text().contains("SLEEP"), "no payload is repeated");
    }
    let sort = house.send(admin.get(&format!("{USERS}?sort=x"))).await.json();
    assert!(sort["errors"][0]["detail"].as_str().unwrap().contains("`-created_at`"));
}

#[tokio::test]
async fn a_parameter_that_a_list_does_not_have_is_refused_by_its_name() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let sessions = format!("{USERS}/{}/sessions", admin.id);
    let lists = [
        USERS,
        &sessions,
        "/api/v1/users/export",
        "/api/v1/audit",
        "/api/v1/audit/export",
        "/api/v1/api-keys",
        "/api/v1/me/sessions",
        "/api/v1/me/api-keys",
    ];
    for path in lists {
        let answer = house.send(admin.get(&format!("{path}?stauts=disabled&limt=2&'%20OR=1"))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text());
        assert_eq!(answer.problem(), "invalid-parameter", "{path}");
        let errors = answer.json()["errors"].take();
        let wrong = |name: &str| json!({"parameter": name, "code": "unknown-parameter", "detail": "there is no such parameter here"});
        assert_eq!(errors, json!([wrong("stauts"), wrong("limt"), wrong("?")]), "{path}");
        house.send(admin.get(&format!("{path}?&"))).await.is(StatusCode::OK);
        for unknown in ["%6Cimit=2", &"x".repeat(33), "limit[]=2", "Limit=2"] {
            let answer = house.send(admin.get(&format!("{path}?{unknown}"))).await.is(StatusCode::BAD_REQUEST);
            assert_eq!(answer.json()["errors"], json!([wrong("?")]), "{path}: {unknown}");
        }
        let many = house.send(admin.get(&format!("{path}?{}", "a=1&".repeat(100)))).await.is(StatusCode::BAD_REQUEST);
        assert_eq!(many.json()["errors"].as_array().map(Vec::len), Some(16), "{path}");
        house.send(Ask::get(&format!("{path}?stauts=disabled"))).await.is(StatusCode::UNAUTHORIZED);
    }
    let mine = house.member("ann").await;
    house.send(mine.get(&format!("{USERS}?stauts=disabled"))).await.is(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn b10_a_cursor_is_good_for_its_own_search_only() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for name in ["ada", "adam", "adele"] {
        house.member(name).await;
    }
    let next = async |query: &str| {
        let page = house.send(admin.get(&format!("{USERS}?limit=1&{query}"))).await.is(StatusCode::OK).json();
        page["next_cursor"].as_str().unwrap().to_owned()
    };
    let cursor = next("sort=email").await;
    house.send(admin.get(&format!("{USERS}?sort=email&cursor={cursor}"))).await.is(StatusCode::OK);
    let mut forged = cursor.clone().into_bytes();
    let last = forged.last_mut().unwrap();
    *last = if *last == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let trail = house.send(admin.get("/api/v1/audit?limit=1")).await.is(StatusCode::OK).json();
    let of_trail = trail["next_cursor"].as_str().unwrap().to_owned();
    for wrong in [
        format!("{USERS}?sort=-email&cursor={cursor}"),
        format!("{USERS}?sort=username&cursor={cursor}"),
        format!("{USERS}?sort=email&status=active&cursor={cursor}"),
        format!("{USERS}?email=a&cursor={cursor}"),
        format!("{USERS}?sort=email&cursor={forged}"),
        format!("{USERS}?sort=email&cursor={cursor}AAAA"),
        format!("{USERS}?sort=email&cursor={of_trail}"),
        format!("/api/v1/audit?cursor={cursor}"),
        format!("{}/sessions?cursor={cursor}", admin.path()),
    ] {
        let answer = house.send(admin.get(&wrong)).await.is(StatusCode::BAD_REQUEST);
        assert_eq!(answer.problem(), "invalid-parameter", "{wrong}");
    }
}
