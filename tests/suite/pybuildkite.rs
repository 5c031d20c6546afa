//! A client of the original reads and makes what it does there.

use serde_json::json;
use suite::{Installation, clients};

#[tokio::test]
async fn pybuildkite_reads_and_makes_builds() {
    let house = Installation::start();
    let got = clients::python(
        "pybuildkite_builds.py",
        &[house.gateway(), "my-organization", "my-pipeline"],
        house.api_token(),
    );
    for (name, path) in [
        ("user", "/v2/user"),
        ("access_token", "/v2/access-token"),
        ("organization", "/v2/organizations/my-organization"),
    ] {
        assert_eq!(got[name], house.get(path).await.expect(200), "{name}");
    }
    assert_eq!(got["organizations"], json!([got["organization"]]));
    // Builds were made since.
    assert_eq!(got["pipelines"][0]["id"], got["pipeline"]["id"]);
    let made = &got["made"][0];
    assert_eq!((&made["env"], &made["message"]), (&json!({"A": "1"}), &json!("Made by pybuildkite")));
    assert_eq!(made["meta_data"], json!({"some-key": "main", "flag": "true"}));
    assert_eq!(made["creator"]["id"], got["user"]["id"]);
    assert_eq!((&got["build"]["id"], &got["build"]["number"]), (&made["id"], &json!(1)));
    assert_eq!(got["pages"], json!([[3, 2], [1]]));
    assert_eq!((&got["everywhere"], &got["of_organization"]), (&json!([3, 2]), &json!([3, 2])));
    assert_eq!(got["canceled"], "canceled");
    assert_eq!((&got["rebuilt_from"]["number"], &got["rebuilt_from"]["id"]), (&json!(1), &made["id"]));
    // At most two, as the client asked; build 4 is the rebuilt one.
    let expected = json!({"one state": [1], "states": [3, 4], "finished": [1], "branch": [2], "branches": [2],
        "commit": [3, 4], "meta-data": [2], "creator": [3, 4], "since": [3, 4], "since then": [], "until": [3, 4],
        "today": [1]});
    assert_eq!(got["filtered"], expected);
    assert_eq!(got["unknown"], 404);
}
