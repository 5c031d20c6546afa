use serde_json::{Value, json};

use super::world::{World, ada, bob, cyd, everywhere, organization, refusal, user};
use crate::{
    Role, User, Viewer,
    domain::relay::{Kind, encode},
};

const CREATE: &str = "mutation($i: TeamCreateInput!) { teamCreate(input: $i) { clientMutationId organization { slug }
    teamEdge { cursor node { id uuid slug name description privacy isDefaultTeam defaultMemberRole membersCanCreatePipelines
    organization { slug } createdBy { name } } } } }";
const UPDATE: &str = "mutation($i: TeamUpdateInput!) { teamUpdate(input: $i) { team { slug name description privacy
    defaultMemberRole membersCanCreatePipelines } } }";
const DELETE: &str = "mutation($id: ID!) { teamDelete(input: { id: $id }) { deletedTeamID organization { slug } } }";
const JOIN: &str = "mutation($i: TeamMemberCreateInput!) { teamMemberCreate(input: $i) { team { slug }
    teamMemberEdge { cursor node { id uuid role user { name } createdBy { name } team { slug } organizationMember { role user { name } } } } } }";
const PROMOTE: &str =
    "mutation($i: TeamMemberUpdateInput!) { teamMemberUpdate(input: $i) { teamMember { role user { name } } } }";
const LEAVE: &str = "mutation($id: ID!) { teamMemberDelete(input: { id: $id }) { deletedTeamMemberID team { slug } } }";
pub(super) const ASSIGN: &str =
    "mutation($i: TeamPipelineCreateInput!) { teamPipelineCreate(input: $i) { team { slug } pipeline { slug }
    teamPipeline { id accessLevel } teamPipelineEdge { node { pipeline { slug } team { slug } } } } }";
const ACCESS: &str = "mutation($i: TeamPipelineUpdateInput!) { teamPipelineUpdate(input: $i) { teamPipeline { accessLevel pipeline { slug } } } }";
const WITHDRAW: &str =
    "mutation($id: ID!) { teamPipelineDelete(input: { id: $id }) { deletedTeamPipelineID team { slug } } }";

impl World {
    /// Makes a team; gives it.
    pub(super) async fn team(&self, name: &str, more: Value) -> Value {
        let answer = self.run(CREATE, json!({ "i": self.wanted(name, &more) })).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"]["teamCreate"]["teamEdge"]["node"].clone()
    }

    fn wanted(&self, name: &str, more: &Value) -> Value {
        let mut input = json!({ "organizationID": self.organization_id(), "name": name, "privacy": "VISIBLE",
            "isDefaultTeam": false, "defaultMemberRole": "MEMBER" });
        for (key, value) in more.as_object().unwrap() {
            input[key] = value.clone();
        }
        input
    }

    /// Puts a user into a team; gives their place.
    pub(super) async fn enlist(&self, team: &Value, user: &User) -> Value {
        let input = json!({ "teamID": team["id"], "userID": encode(Kind::User, user.uuid) });
        let answer = self.run(JOIN, json!({ "i": input })).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"]["teamMemberCreate"]["teamMemberEdge"]["node"].clone()
    }
}

#[tokio::test]
async fn a_team_is_made_changed_and_deleted() {
    everywhere(async |world| {
        let input = world.wanted("Web & API", &json!({ "description": "d", "clientMutationId": "c" }));
        let answer = world.run_as(world.ada(), CREATE, json!({ "i": input })).await;
        let made = &answer["data"]["teamCreate"];
        let team = made["teamEdge"]["node"].clone();
        assert_eq!((&made["clientMutationId"], &made["organization"]["slug"]), (&json!("c"), &json!("acme-inc")));
        for (field, value) in [
            ("slug", json!("web-api")),
            ("name", json!("Web & API")),
            ("description", json!("d")),
            ("privacy", json!("VISIBLE")),
            ("isDefaultTeam", json!(false)),
            ("defaultMemberRole", json!("MEMBER")),
            ("membersCanCreatePipelines", json!(true)),
            ("createdBy", json!({ "name": "Ada" })),
        ] {
            assert_eq!(team[field], value, "{field}");
        }
        let answer = world.run(CREATE, json!({ "i": world.wanted("web api", &json!({})) })).await;
        assert_eq!(refusal(&answer, &json!(["teamCreate"])), "Validation failed: Name has already been taken");
        for (name, message) in [
            (" ", "Validation failed: Name can't be blank"),
            ("日本", "Validation failed: Name must contain a letter from a to z or a digit"),
        ] {
            let answer = world.run(CREATE, json!({ "i": world.wanted(name, &json!({})) })).await;
            assert_eq!(refusal(&answer, &json!(["teamCreate"])), message);
        }
        let change =
            json!({ "id": team["id"], "name": "Renamed", "isDefaultTeam": true, "defaultMemberRole": "MAINTAINER" });
        let answer = world.run(UPDATE, json!({ "i": change })).await;
        let expected = json!({ "slug": "web-api", "name": "Renamed", "description": "d", "privacy": "VISIBLE",
            "defaultMemberRole": "MAINTAINER", "membersCanCreatePipelines": true });
        assert_eq!(answer, json!({ "data": { "teamUpdate": { "team": expected } } }));
        let member = world.enlist(&team, &bob()).await;
        assert_eq!(member["role"], "MAINTAINER", "{member}");
        let answer = world.run(DELETE, json!({ "id": team["id"] })).await;
        let expected = json!({ "deletedTeamID": team["id"], "organization": { "slug": "acme-inc" } });
        assert_eq!(answer, json!({ "data": { "teamDelete": expected } }));
        for id in [&team["id"], &member["id"]] {
            let found = world.run("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
            assert_eq!(found, json!({ "data": { "node": null } }));
        }
        let answer = world.run(DELETE, json!({ "id": team["id"] })).await;
        assert_eq!(refusal(&answer, &json!(["teamDelete"])), "No team found");
    })
    .await;
}

#[tokio::test]
async fn users_of_the_organization_join_and_leave_teams() {
    everywhere(async |world| {
        let team = world.team("web", json!({})).await;
        let join = |user: &User, role: Value| json!({ "i": { "teamID": team["id"], "userID": encode(Kind::User, user.uuid), "role": role } });
        let answer = world.run_as(world.ada(), JOIN, join(&bob(), json!("MAINTAINER"))).await;
        let made = &answer["data"]["teamMemberCreate"]["teamMemberEdge"]["node"];
        let shown = json!({ "role": made["role"], "user": made["user"], "by": made["createdBy"], "team": made["team"], "member": made["organizationMember"] });
        let expected = json!({ "role": "MAINTAINER", "user": { "name": "Bob" }, "by": { "name": "Ada" },
            "team": { "slug": "web" }, "member": { "role": "MEMBER", "user": { "name": "Bob" } } });
        assert_eq!(shown, expected);
        let answer = world.run(JOIN, join(&bob(), Value::Null)).await;
        assert_eq!(refusal(&answer, &json!(["teamMemberCreate"])), "Validation failed: User is already a member of this team");
        let answer = world.run(JOIN, join(&user(0xdead, "Stranger"), Value::Null)).await;
        assert_eq!(refusal(&answer, &json!(["teamMemberCreate"])), "No user found");
        let answer = world.run(PROMOTE, json!({ "i": { "id": made["id"], "role": "MEMBER" } })).await;
        let expected = json!({ "role": "MEMBER", "user": { "name": "Bob" } });
        assert_eq!(answer["data"]["teamMemberUpdate"]["teamMember"], expected);
        world.enlist(&team, &cyd()).await;
        let members = "query($o: TeamMemberOrder, $s: String, $r: [TeamMemberRole!], $first: Int, $after: String) { team(slug: \"acme-inc/web\") {
            members(order: $o, search: $s, role: $r, first: $first, after: $after) { count pageInfo { hasNextPage endCursor } edges { node { user { name } } } } } }";
        let names = |answer: &Value| -> Vec<String> {
            let edges = answer["data"]["team"]["members"]["edges"].as_array().unwrap();
            edges.iter().map(|edge| edge["node"]["user"]["name"].as_str().unwrap().to_owned()).collect()
        };
        for (variables, expected) in [
            (json!({}), vec!["Cyd", "Bob"]),
            (json!({ "o": "NAME" }), vec!["Bob", "Cyd"]),
            (json!({ "s": "CY" }), vec!["Cyd"]),
            (json!({ "r": ["MAINTAINER"] }), vec![]),
            (json!({ "r": ["MAINTAINER", "MEMBER"] }), vec!["Cyd", "Bob"]),
        ] {
            let answer = world.run(members, variables.clone()).await;
            assert_eq!(names(&answer), expected, "{variables}");
            assert_eq!(answer["data"]["team"]["members"]["count"], expected.len(), "{variables}");
        }
        let first = world.run(members, json!({ "first": 1, "o": "NAME" })).await;
        let page = &first["data"]["team"]["members"]["pageInfo"];
        assert_eq!((names(&first), &page["hasNextPage"]), (vec!["Bob".to_owned()], &json!(true)));
        let second = world.run(members, json!({ "first": 1, "o": "NAME", "after": page["endCursor"] })).await;
        assert_eq!((names(&second), &second["data"]["team"]["members"]["pageInfo"]["hasNextPage"]), (vec!["Cyd".to_owned()], &json!(false)));
        let crossed = world.run(members, json!({ "after": page["endCursor"] })).await;
        assert_eq!(crossed["errors"][0]["message"], "the cursor belongs to another order of this list");
        // Who leaves the organization is in no team of it any more.
        world.people.leave(cyd().uuid);
        assert_eq!(names(&world.run(members, json!({})).await), ["Bob"]);
        let answer = world.run(LEAVE, json!({ "id": made["id"] })).await;
        assert_eq!(answer["data"]["teamMemberDelete"], json!({ "deletedTeamMemberID": made["id"], "team": { "slug": "web" } }));
        let answer = world.run(LEAVE, json!({ "id": made["id"] })).await;
        assert_eq!(refusal(&answer, &json!(["teamMemberDelete"])), "No team member found");
        assert!(names(&world.run(members, json!({})).await).is_empty());
        world.people.be_gone(true);
        let answer = world.run_as(world.ada(), "{ organization(slug: \"acme-inc\") { teams { count } } }", json!({})).await;
        assert_eq!(answer["errors"][0]["message"], "Members can't be looked up at the moment");
    })
    .await;
}

#[tokio::test]
async fn pipelines_are_put_into_teams() {
    everywhere(async |world| {
        let team = world.team("web", json!({})).await;
        let assign = json!({ "i": { "teamID": team["id"], "pipelineID": world.pipeline_id() } });
        let answer = world.run(ASSIGN, assign.clone()).await;
        let made = answer["data"]["teamPipelineCreate"].clone();
        let node = json!({ "pipeline": { "slug": "my-pipeline" }, "team": { "slug": "web" } });
        assert_eq!((&made["teamPipeline"]["accessLevel"], &made["teamPipelineEdge"]["node"]), (&json!("READ_ONLY"), &node));
        let answer = world.run(ASSIGN, assign).await;
        assert_eq!(refusal(&answer, &json!(["teamPipelineCreate"])), "Validation failed: Pipeline is already in this team");
        let id = &made["teamPipeline"]["id"];
        let answer = world.run(ACCESS, json!({ "i": { "id": id, "accessLevel": "BUILD_AND_READ" } })).await;
        let expected = json!({ "accessLevel": "BUILD_AND_READ", "pipeline": { "slug": "my-pipeline" } });
        assert_eq!(answer["data"]["teamPipelineUpdate"]["teamPipeline"], expected);

        let input = json!({ "organizationId": world.organization_id(), "name": "second", "repository": { "url": "x" }, "teams": [{ "id": team["id"] }] });
        let create = "mutation($i: PipelineCreateInput!) { pipelineCreate(input: $i) { pipeline { teams { edges { node { accessLevel team { slug } } } } } } }";
        let answer = world.run(create, json!({ "i": input })).await;
        let node = json!({ "accessLevel": "MANAGE_BUILD_AND_READ", "team": { "slug": "web" } });
        assert_eq!(answer["data"]["pipelineCreate"]["pipeline"]["teams"]["edges"], json!([{ "node": node }]));
        let missing = json!({ "organizationId": world.organization_id(), "name": "third", "repository": { "url": "x" }, "teams": [{ "id": "" }] });
        assert_eq!(refusal(&world.run(create, json!({ "i": missing })).await, &json!(["pipelineCreate"])), "No team found");

        let list = "query($o: TeamPipelineOrder, $s: String, $t: TeamSelector, $first: Int) { team(slug: \"acme-inc/web\") { pipelines(order: $o, search: $s, first: $first) {
            count pageInfo { hasNextPage } edges { node { pipeline { slug } } } } } organization(slug: \"acme-inc\") { pipelines(team: $t) { count } } }";
        for (variables, slugs, count) in [
            (json!({}), vec!["second", "my-pipeline"], 2),
            (json!({ "o": "NAME", "t": "web" }), vec!["my-pipeline", "second"], 2),
            (json!({ "s": "SEC", "t": "!web" }), vec!["second"], 0),
            (json!({ "s": "a\u{0}", "t": "nothing" }), vec![], 0),
            (json!({ "t": "!nothing" }), vec!["second", "my-pipeline"], 2),
        ] {
            let answer = world.run(list, variables.clone()).await;
            let pipelines = &answer["data"]["team"]["pipelines"];
            let edges = pipelines["edges"].as_array().unwrap();
            let found: Vec<_> = edges.iter().map(|edge| edge["node"]["pipeline"]["slug"].as_str().unwrap()).collect();
            assert_eq!((found, &pipelines["count"]), (slugs.clone(), &json!(slugs.len())), "{variables}");
            assert_eq!(answer["data"]["organization"]["pipelines"]["count"], count, "{variables}");
        }
        let answer = world.run(WITHDRAW, json!({ "id": id })).await;
        assert_eq!(answer["data"]["teamPipelineDelete"], json!({ "deletedTeamPipelineID": id, "team": { "slug": "web" } }));
        let answer = world.run(ACCESS, json!({ "i": { "id": id, "accessLevel": "READ_ONLY" } })).await;
        assert_eq!(refusal(&answer, &json!(["teamPipelineUpdate"])), "No team pipeline found");
    })
    .await;
}

#[tokio::test]
async fn teams_are_listed_by_what_they_hold() {
    everywhere(async |world| {
        let [web, _, secret] = [
            world.team("web", json!({})).await,
            world.team("Android", json!({})).await,
            world.team("secret", json!({ "privacy": "SECRET" })).await,
        ];
        world.enlist(&web, &bob()).await;
        world.run(ASSIGN, json!({ "i": { "teamID": secret["id"], "pipelineID": world.pipeline_id() } })).await;
        let list = "query($o: TeamOrder, $s: String, $p: PipelineSelector, $u: UserSelector, $v: [TeamPrivacy!], $first: Int, $last: Int) { organization(slug: \"acme-inc\") {
            isTeamsEnabled teams(order: $o, search: $s, pipeline: $p, user: $u, privacy: $v, first: $first, last: $last) { count edges { node { slug } } } } }";
        let by = bob().uuid.to_string();
        for (variables, slugs, count) in [
            (json!({ "o": "RECENTLY_CREATED" }), vec!["secret", "android", "web"], 3),
            (json!({ "s": "E", "o": "RECENTLY_CREATED" }), vec!["secret", "web"], 2),
            (json!({ "p": "my-pipeline" }), vec!["secret"], 1),
            (json!({ "p": "!my-pipeline", "o": "RECENTLY_CREATED" }), vec!["android", "web"], 2),
            (json!({ "p": "nothing" }), vec![], 0),
            (json!({ "u": by }), vec!["web"], 1),
            (json!({ "u": format!("!{by}"), "o": "RECENTLY_CREATED" }), vec!["secret", "android"], 2),
            (json!({ "u": "nobody" }), vec![], 0),
            (json!({ "v": ["SECRET"] }), vec!["secret"], 1),
            (json!({ "first": 1, "o": "RECENTLY_CREATED" }), vec!["secret"], 3),
            (json!({ "last": 1, "o": "RECENTLY_CREATED" }), vec!["web"], 3),
        ] {
            let answer = world.run(list, variables.clone()).await;
            let teams = &answer["data"]["organization"]["teams"];
            let edges = teams["edges"].as_array().unwrap();
            let found: Vec<_> = edges.iter().map(|edge| edge["node"]["slug"].as_str().unwrap()).collect();
            assert_eq!((found, &teams["count"]), (slugs, &json!(count)), "{variables}");
        }
    })
    .await;
}

/// What each kind of caller may do to a team, by mutation: none of them changes anything that it may not.
#[tokio::test]
async fn administrators_change_teams_and_maintainers_fill_them() {
    everywhere(async |world| {
        let team = world.team("web", json!({})).await;
        let place = world.enlist(&team, &bob()).await;
        world.run(PROMOTE, json!({ "i": { "id": place["id"], "role": "MAINTAINER" } })).await;
        let own = world.enlist(&team, &cyd()).await;
        let assigned =
            world.run(ASSIGN, json!({ "i": { "teamID": team["id"], "pipelineID": world.pipeline_id() } })).await;
        let assigned = &assigned["data"]["teamPipelineCreate"]["teamPipeline"]["id"];
        let stranger = Viewer { user: Some(user(0xdead, "Stranger")), organizations: vec![organization("other")] };
        let update =
            json!({ "i": { "id": team["id"], "name": "web", "isDefaultTeam": false, "defaultMemberRole": "MEMBER" } });
        let role = |role: &str| json!({ "i": { "id": own["id"], "role": role } });
        let cases = [
            ("teamCreate", CREATE, json!({ "i": world.wanted("other", &json!({})) }), false, "No organization found"),
            ("teamUpdate", UPDATE, update, false, "No team found"),
            ("teamMemberUpdate", PROMOTE, role("MEMBER"), true, "No team member found"),
            (
                "teamPipelineUpdate",
                ACCESS,
                json!({ "i": { "id": assigned, "accessLevel": "READ_ONLY" } }),
                true,
                "No team pipeline found",
            ),
        ];
        for (field, document, variables, by_maintainers, outside) in cases {
            let answer = world.run_as(world.as_user(cyd()), document, variables.clone()).await;
            assert_eq!(refusal(&answer, &json!([field])), "You don't have permission to do this", "{field}");
            let answer = world.run_as(stranger.clone(), document, variables.clone()).await;
            assert_eq!(refusal(&answer, &json!([field])), outside, "{field}");
            let answer = world.run_as(world.as_user(bob()), document, variables.clone()).await;
            assert_eq!(answer.get("errors").is_none(), by_maintainers, "{field}: {answer}");
            let answer = world.run_as(world.ada(), document, variables).await;
            assert_eq!(answer.get("errors"), None, "{field}: {answer}");
        }
        for (field, document, id, outside) in [
            ("teamMemberDelete", LEAVE, &own["id"], "No team member found"),
            ("teamPipelineDelete", WITHDRAW, assigned, "No team pipeline found"),
            ("teamDelete", DELETE, &team["id"], "No team found"),
        ] {
            let answer = world.run_as(world.as_user(user(0xeee, "Eve")), document, json!({ "id": id })).await;
            assert_eq!(refusal(&answer, &json!([field])), "You don't have permission to do this", "{field}");
            let answer = world.run_as(stranger.clone(), document, json!({ "id": id })).await;
            assert_eq!(refusal(&answer, &json!([field])), outside, "{field}");
            let answer = world.run_as(world.ada(), document, json!({ "id": id })).await;
            assert_eq!(answer.get("errors"), None, "{field}: {answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_secret_team_is_there_for_its_members_and_administrators_only() {
    everywhere(async |world| {
        let team = world.team("hush", json!({ "privacy": "SECRET" })).await;
        let place = world.enlist(&team, &bob()).await;
        let assigned = world.run(ASSIGN, json!({ "i": { "teamID": team["id"], "pipelineID": world.pipeline_id() } })).await;
        let assigned = assigned["data"]["teamPipelineCreate"]["teamPipeline"]["id"].clone();
        let document = "query($t: ID!, $m: ID!, $p: ID!) { a: node(id: $t) { id } b: node(id: $m) { id } c: node(id: $p) { id }
            d: team(slug: \"acme-inc/hush\") { id } e: pipeline(slug: \"acme-inc/my-pipeline\") { teams { count } }
            f: organization(slug: \"acme-inc\") { teams { count } pipelines(team: \"hush\") { count } members(team: \"hush\") { count } } }";
        let variables = json!({ "t": team["id"], "m": place["id"], "p": assigned });
        let nothing = json!({ "a": null, "b": null, "c": null, "d": null, "e": { "teams": { "count": 0 } },
            "f": { "teams": { "count": 0 }, "pipelines": { "count": 0 }, "members": { "count": 0 } } });
        let id = |id: &Value| json!({ "id": id });
        let all = json!({ "a": id(&team["id"]), "b": id(&place["id"]), "c": id(&assigned), "d": id(&team["id"]), "e": { "teams": { "count": 1 } },
            "f": { "teams": { "count": 1 }, "pipelines": { "count": 1 }, "members": { "count": 1 } } });
        for (viewer, expected) in [
            (world.as_user(cyd()), &nothing),
            (world.as_user(bob()), &all),
            (world.ada(), &all),
            (world.authority(), &all),
        ] {
            let user = viewer.user.clone();
            assert_eq!(world.run_as(viewer, document, variables.clone()).await["data"], *expected, "{user:?}");
        }
        let change = json!({ "i": { "id": team["id"], "name": "x", "isDefaultTeam": false, "defaultMemberRole": "MEMBER" } });
        let answer = world.run_as(world.as_user(cyd()), UPDATE, change).await;
        assert_eq!(refusal(&answer, &json!(["teamUpdate"])), "No team found");
        let join = json!({ "i": { "teamID": team["id"], "userID": encode(Kind::User, ada().uuid) } });
        let answer = world.run_as(world.as_user(cyd()), JOIN, join).await;
        assert_eq!(refusal(&answer, &json!(["teamMemberCreate"])), "No team found");
        let answer = world.run_as(world.as_user(cyd()), LEAVE, json!({ "id": place["id"] })).await;
        assert_eq!(refusal(&answer, &json!(["teamMemberDelete"])), "No team member found");
        world.people.join(world.organization.uuid, user(0xf, "Fay"), Role::Member);
    })
    .await;
}

/// Every change of a pipeline or team leaves a row, and one that can't leaves nothing changed.
#[tokio::test]
async fn no_change_goes_without_its_row_in_the_trail() {
    use sea_orm::ConnectionTrait;
    everywhere(async |world| {
        let team = world.team("web", json!({})).await;
        let place = world.enlist(&team, &bob()).await;
        let assigned = world.run(ASSIGN, json!({ "i": { "teamID": team["id"], "pipelineID": world.pipeline_id() } })).await;
        let assigned = assigned["data"]["teamPipelineCreate"]["teamPipeline"]["id"].clone();
        world.run(PROMOTE, json!({ "i": { "id": place["id"], "role": "MAINTAINER" } })).await;
        world.run(ACCESS, json!({ "i": { "id": assigned, "accessLevel": "READ_ONLY" } })).await;
        let kinds = async || -> Vec<String> {
            let sql = "SELECT type FROM audit_events ORDER BY uuid";
            let rows = world.database.read().query_all_raw(sea_orm::Statement::from_string(world.database.read().get_database_backend(), sql));
            rows.await.unwrap().iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
        };
        let expected = ["PIPELINE_CREATED", "TEAM_CREATED", "TEAM_MEMBER_CREATED", "TEAM_PIPELINE_CREATED", "TEAM_MEMBER_UPDATED", "TEAM_PIPELINE_UPDATED"];
        assert_eq!(kinds().await, expected);
        let mut rest = vec![
            ("pipelineUpdate", "mutation($id: ID!) { pipelineUpdate(input: { id: $id, name: \"New\" }) { pipeline { id } } }", json!({ "id": world.pipeline_id() })),
            ("pipelineArchive", "mutation($id: ID!) { pipelineArchive(input: { id: $id }) { pipeline { id } } }", json!({ "id": world.pipeline_id() })),
            ("pipelineUnarchive", "mutation($id: ID!) { pipelineUnarchive(input: { id: $id }) { pipeline { id } } }", json!({ "id": world.pipeline_id() })),
            ("teamPipelineDelete", WITHDRAW, json!({ "id": assigned })),
            ("teamMemberDelete", LEAVE, json!({ "id": place["id"] })),
            ("teamUpdate", UPDATE, json!({ "i": { "id": team["id"], "name": "x", "isDefaultTeam": false, "defaultMemberRole": "MEMBER" } })),
            // Once more the same: nothing changes, and nothing is told.
            ("teamUpdate", UPDATE, json!({ "i": { "id": team["id"], "name": "x", "isDefaultTeam": false, "defaultMemberRole": "MEMBER" } })),
            ("teamDelete", DELETE, json!({ "id": team["id"] })),
            ("pipelineDelete", "mutation($id: ID!) { pipelineDelete(input: { id: $id }) { deletedPipelineID } }", json!({ "id": world.pipeline_id() })),
        ];
        for (_, document, variables) in &rest {
            let answer = world.run_as(world.ada(), document, variables.clone()).await;
            assert_eq!(answer.get("errors"), None, "{answer}");
        }
        let last = kinds().await.split_off(expected.len());
        assert_eq!(last, ["PIPELINE_UPDATED", "PIPELINE_UPDATED", "PIPELINE_UPDATED", "TEAM_PIPELINE_DELETED", "TEAM_MEMBER_DELETED", "TEAM_UPDATED", "TEAM_DELETED", "PIPELINE_DELETED"]);
        // Without its table nothing changes.
        let transaction = world.database.begin().await.unwrap();
        transaction.execute_unprepared("ALTER TABLE audit_events RENAME TO gone").await.unwrap();
        transaction.commit().await.unwrap();
        rest.clear();
        let answer = world.run(CREATE, json!({ "i": world.wanted("unseen", &json!({})) })).await;
        assert_eq!(refusal(&answer, &json!(["teamCreate"])), "The database can't be used right now");
        let answer = world.run("{ team(slug: \"acme-inc/unseen\") { id } }", json!({})).await;
        assert_eq!(answer, json!({ "data": { "team": null } }));
    })
    .await;
}
