//! The lists that are short enough to be read in whole: they have pages like any other.

use poem::http::StatusCode;
use serde_json::Value;

use crate::harness::{Ask, CLIENT, House};
use crate::staff::Member;

/// A house where each of these lists has more than one item.
async fn scene() -> (House, Member, Vec<String>) {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for name in ["zebra", "desk", "a.b", "a-b", "a_b"] {
        house.role(name, &[format!("crm-{}:read", name.len()).as_str(), "users:read"]).await;
        house.grant(&admin, name).await;
    }
    for client in ["stock", "orders", "c.1", "c-1"] {
        house.client(client, "stock:read").await;
    }
    let of_admin = format!("{}/roles", admin.path());
    let mut lists: Vec<String> = ["roles", "permissions", "clients"].map(|name| format!("/api/v1/{name}")).to_vec();
    lists.push(of_admin);
    (house, admin, lists)
}

#[tokio::test]
async fn their_pages_are_the_whole_list_in_its_order() {
    let (house, admin, lists) = scene().await;
    for path in lists {
        let whole = house.send(admin.get(&format!("{path}?limit=200"))).await.is(StatusCode::OK).json();
        assert_eq!(whole["next_cursor"], Value::Null, "{path}");
        assert!(whole.get("next_cursor").is_some(), "{path}: it is always there");
        let items = whole["items"].as_array().unwrap();
        assert!(items.len() >= 4, "{path}");
        for limit in [1, 3, items.len()] {
            let pages = house.all_pages(&admin, &format!("{path}?limit={limit}")).await;
            assert_eq!(&pages, items, "{path} by {limit}");
        }
    }
}

#[tokio::test]
async fn without_a_limit_a_page_has_as_many_items_as_that_of_any_other_list() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for number in 0..60 {
        house.role(&format!("role-{number:02}"), &[]).await;
    }
    let first = house.send(admin.get("/api/v1/roles")).await.is(StatusCode::OK).json();
    assert_eq!(first["items"].as_array().unwrap().len(), 50);
    let next = format!("/api/v1/roles?cursor={}", first["next_cursor"].as_str().unwrap());
    let rest = house.send(admin.get(&next)).await.is(StatusCode::OK).json();
    let names: Vec<_> = rest["items"].as_array().unwrap().iter().map(|role| role["name"].clone()).collect();
    assert_eq!((names.len(), &names[0], &names[11]), (12, &"role-49".into(), &"user".into()));
}

#[tokio::test]
async fn a_page_goes_on_where_the_one_before_ended_though_that_role_is_gone() {
    let (house, admin, _) = scene().await;
    let first = house.send(admin.get("/api/v1/roles?limit=2")).await.is(StatusCode::OK).json();
    let last = first["items"][1]["name"].as_str().unwrap();
    house.send(admin.delete(&format!("/api/v1/roles/{last}"))).await.is(StatusCode::NO_CONTENT);
    house.role("a", &[]).await;
    let next = format!("/api/v1/roles?cursor={}", first["next_cursor"].as_str().unwrap());
    let rest = house.send(admin.get(&next)).await.is(StatusCode::OK).json();
    let names: Vec<_> = rest["items"].as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap()).collect();
    assert_eq!((last, names.as_slice()), ("a.b", &["a_b", "admin", "desk", "user", "zebra"][..]));
}

#[tokio::test]
async fn what_they_do_not_have_is_refused_and_named() {
    let (house, admin, mut lists) = scene().await;
    lists.push("/api/v1/revocations".to_owned());
    for path in lists {
        let ask = |query: &str| {
            let path = format!("{path}?{query}");
            if path.contains("revocations") { Ask::get(&path).basic(CLIENT) } else { admin.get(&path) }
        };
        for (query, parameter) in [("after=x", "after"), ("limits=1", "limits"), ("cursor=%20", "cursor")] {
            let refused = house.send(ask(query)).await.is(StatusCode::BAD_REQUEST);
            assert_eq!(refused.problem(), "invalid-parameter", "{path}");
            assert_eq!(refused.json()["errors"][0]["parameter"], parameter, "{path}");
        }
    }
    for path in ["/api/v1/roles", "/api/v1/permissions", "/api/v1/clients"] {
        for limit in ["0", "201", "x", ""] {
            let refused = house.send(admin.get(&format!("{path}?limit={limit}"))).await.is(StatusCode::BAD_REQUEST);
            assert_eq!(refused.json()["errors"][0]["parameter"], "limit", "{path}");
        }
    }
}
