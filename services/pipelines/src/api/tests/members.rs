use serde_json::{Value, json};

use super::world::{World, ada, bob, cyd, everywhere, user};
use crate::{Role, domain::relay};

const LIST: &str = "query($o: OrganizationMemberOrder, $s: String, $e: String, $r: [OrganizationMemberRole!], $t: TeamSelector,
    $first: Int, $last: Int, $after: String, $before: String) { organization(slug: \"acme-inc\") {
    members(order: $o, search: $s, email: $e, role: $r, team: $t, first: $first, last: $last, after: $after, before: $before) {
    count pageInfo { startCursor endCursor hasNextPage hasPreviousPage } edges { cursor node { role createdAt user { name email } organization { slug } } } } } }";

async fn list(world: &World, variables: Value) -> Value {
    world.run(LIST, variables).await["data"]["organization"]["members"].take()
}

fn names(members: &Value) -> Vec<&str> {
    let edges = members["edges"].as_array().unwrap();
    edges.iter().map(|edge| edge["node"]["user"]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn members_are_listed_and_narrowed() {
    everywhere(async |world| {
        let team = world.team("web", json!({})).await;
        world.enlist(&team, &cyd()).await;
        for (variables, expected) in [
            (json!({}), vec!["Cyd", "Bob", "Ada"]),
            (json!({ "o": "NAME" }), vec!["Ada", "Bob", "Cyd"]),
            (json!({ "s": "B" }), vec!["Bob"]),
            (json!({ "e": "CYD@acme.test" }), vec!["Cyd"]),
            (json!({ "r": "ADMIN" }), vec!["Ada"]),
            (json!({ "r": [] }), vec!["Cyd", "Bob", "Ada"]),
            (json!({ "t": "web" }), vec!["Cyd"]),
            (json!({ "t": "!web" }), vec!["Bob", "Ada"]),
            (json!({ "t": "nothing" }), vec![]),
        ] {
            let found = list(&world, variables.clone()).await;
            assert_eq!((names(&found), &found["count"]), (expected.clone(), &json!(expected.len())), "{variables}");
        }
        let found = list(&world, json!({ "e": "ada@acme.test" })).await;
        let ada = json!({ "role": "ADMIN", "createdAt": "1970-01-01T00:00:00.000Z",
            "user": { "name": "Ada", "email": "ada@acme.test" }, "organization": { "slug": "acme-inc" } });
        assert_eq!(found["edges"][0]["node"], ada);
    })
    .await;
}

#[tokio::test]
async fn members_are_paged_in_both_orders() {
    everywhere(async |world| {
        world.people.join(world.organization.uuid, user(0xd, "dan"), Role::Member);
        for (order, all) in [("NAME", ["Ada", "Bob", "Cyd", "dan"]), ("RECENTLY_CREATED", ["dan", "Cyd", "Bob", "Ada"])]
        {
            let mut after = Value::Null;
            for (n, name) in all.into_iter().enumerate() {
                let page = list(&world, json!({ "o": order, "first": 1, "after": after })).await;
                assert_eq!(names(&page), [name]);
                let info = &page["pageInfo"];
                let ends = (&json!(n < 3), &json!(n > 0));
                assert_eq!((&info["hasNextPage"], &info["hasPreviousPage"]), ends, "{order} {name}");
                after = info["endCursor"].clone();
            }
            let back = list(&world, json!({ "o": order, "last": 2, "before": after })).await;
            assert_eq!((names(&back), &back["pageInfo"]["hasPreviousPage"]), (all[1..3].to_vec(), &json!(true)));
            let other = if order == "NAME" { "RECENTLY_CREATED" } else { "NAME" };
            let crossed = world.run(LIST, json!({ "o": other, "after": after })).await;
            assert_eq!(crossed["errors"][0]["message"], "the cursor belongs to another order of this list");
        }
        let answer = world.run(LIST, json!({ "first": -1 })).await;
        assert_eq!(answer["errors"][0]["message"], "`first` can't be negative");
    })
    .await;
}

#[tokio::test]
async fn a_member_is_found_by_id_and_by_slug() {
    everywhere(async |world| {
        let all = world.run("{ organization(slug: \"acme-inc\") { members(order: NAME) { edges { node { id uuid user { id name } } } } } }", json!({})).await;
        let node = &all["data"]["organization"]["members"]["edges"][1]["node"];
        let find = "query($id: ID!, $slug: ID!, $user: ID!) { a: node(id: $id) { id ... on OrganizationMember { user { name } } }
            b: organizationMember(slug: $slug) { id } c: node(id: $user) { ... on User { name } } }";
        let slug = format!("acme-inc/{}", node["uuid"].as_str().unwrap());
        let variables = json!({ "id": node["id"], "slug": slug, "user": node["user"]["id"] });
        let answer = world.run_as(world.as_user(ada()), find, variables.clone()).await;
        let expected = json!({ "a": { "id": node["id"], "user": { "name": "Bob" } }, "b": { "id": node["id"] }, "c": { "name": "Bob" } });
        assert_eq!(answer["data"], expected);
        world.people.leave(bob().uuid);
        let gone = json!({ "a": null, "b": null, "c": null });
        assert_eq!(world.run(find, variables.clone()).await["data"], gone);
        for slug in ["acme-inc", "other/x", "acme-inc/x"] {
            let answer = world.run("query($s: ID!) { organizationMember(slug: $s) { id } }", json!({ "s": slug })).await;
            assert_eq!(answer, json!({ "data": { "organizationMember": null } }), "{slug}");
        }
        // An id that nobody made, of a user who is there.
        let forged = relay::encode(relay::Kind::OrganizationMember, ada().uuid);
        let answer = world.run("query($id: ID!) { node(id: $id) { id } }", json!({ "id": forged })).await;
        assert_eq!(answer, json!({ "data": { "node": null } }));
    })
    .await;
}
