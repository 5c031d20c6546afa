//! `deploy/helm/portals`: every setting can be given through it, what it gives is accepted, and nothing in it lets more in or out
//! than the picture of the parts has.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use suite::{
    helm::{self, Cluster, manifests, of_kind, pod, refusal, variables},
    rules::{settings, tree},
};

/// What the topologies with PostgreSQL can't do without, where no cluster can be asked for keys.
const NEEDED: [&str; 2] = [
    "--set=publicUrl=https://p.example,database.existingSecret=d,keys.existingSecret=k",
    "--set=database.ownPipelines=true",
];
const TLS: &str = "--set=tls.enabled=true,tls.tokenSecret=t,tls.portalSecret=p,tls.gatewaySecret=g,tls.edgeSecret=e";

fn read(path: &str) -> String {
    fs::read_to_string(tree::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&NEEDED[..], more].concat()
}

/// Every topology with everything switched on that can be.
fn everything() -> Vec<Value> {
    let switches = "--set=serviceMonitor.enabled=true,ingress.enabled=true,gatewayApi.enabled=true,gatewayApi.parentRefs[0].name=g";
    let scaled = "--set=pods.all.autoscaling.enabled=true";
    let mut all = manifests(&[switches]);
    for topology in ["--set=topology=split", "--set=topology=edge"] {
        all.extend(manifests(&with(&[topology, switches, scaled, TLS])));
    }
    all
}

/// The names of settings of `config` in the schema, by part.
fn schema_names(part: &str) -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(&read("deploy/helm/portals/values.schema.json")).unwrap();
    let names = &schema["properties"]["config"]["properties"][part]["properties"];
    names.as_object().unwrap().keys().map(|name| format!("{}_{name}", part.to_uppercase())).collect()
}

/// The settings that a part knows, and the twins of those that are secret.
fn known_names(part: &str) -> BTreeSet<String> {
    settings::names(&read(&format!("deploy/env/{part}.env.example")))
}

#[test]
fn every_setting_can_be_given_and_every_one_that_is_given_is_known() {
    let given: BTreeSet<String> =
        everything().iter().filter_map(pod).flat_map(variables).map(|(name, _)| name).collect();
    let is_given = |name: &String| {
        let name = name.trim_end_matches("_FILE");
        given.contains(name) || given.contains(&format!("{name}_FILE"))
    };
    let mut known = BTreeSet::new();
    for part in ["token", "portal", "gateway"] {
        let (names, free) = (known_names(part), schema_names(part));
        let missing: Vec<_> = names.iter().filter(|name| !is_given(name) && !free.contains(*name)).collect();
        assert!(missing.is_empty(), "the chart can't give {missing:?}: run deploy/helm/update");
        let unknown: Vec<_> = free.iter().filter(|name| !names.contains(*name) || is_given(name)).collect();
        assert!(
            unknown.is_empty(),
            "{unknown:?} in the schema is no setting, or the chart's own: run deploy/helm/update"
        );
        known.extend(names);
    }
    let is_known = |name: &String| {
        let name = name.trim_end_matches("_FILE");
        known.contains(name) || known.contains(&format!("{name}_FILE"))
    };
    let unknown: Vec<_> = given.iter().filter(|name| !is_known(name)).collect();
    assert!(unknown.is_empty(), "the chart gives what no part knows: {unknown:?}");
}

#[test]
fn what_the_chart_gives_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    fs::write(&key, "for-this-test-only-0123456789abcdef").unwrap();
    let place = |(name, value): (String, String)| {
        let value = if name.ends_with("_FILE") { key.display().to_string() } else { value };
        (name, value)
    };
    for topology in ["split", "edge"] {
        let manifests = manifests(&with(&[
            &format!("--set=topology={topology}"),
            "--set=config.portal.LIMITS__PORTALS=10000000,config.gateway.HTTP__TRUSTED_PROXIES=10.0.0.0/8,environment.RUST_LOG=warn",
        ]));
        let processes = [of_kind(&manifests, "Deployment"), of_kind(&manifests, "Job")].concat();
        assert_eq!(processes.len(), if topology == "split" { 4 } else { 3 });
        for (name, process) in processes {
            let pod = pod(process).unwrap();
            let arguments: Vec<_> = pod["spec"]["containers"][0]["args"].as_array().unwrap().iter().collect();
            let roles: Vec<_> = arguments.iter().skip(1).map(|role| role.as_str().unwrap()).collect();
            let given: Vec<_> = variables(pod).into_iter().map(place).collect();
            let checked = suite::portals(&[&["check-config"][..], &roles].concat(), &given);
            assert_eq!(checked.status.code(), Some(0), "{name}: {}", checked.stderr);
            // A number of YAML is written out.
            let portals = checked.stdout.lines().find(|line| line.starts_with("PORTAL_LIMITS__PORTALS="));
            assert!(!roles.contains(&"portal") || portals == Some("PORTAL_LIMITS__PORTALS=10000000"), "{portals:?}");
        }
    }
}

#[test]
fn values_that_the_schema_does_not_know_are_refused() {
    for (wrong, said) in [
        ("topology=double", "topology"),
        ("config.gateway.LIMITS__NO_SUCH=1", "LIMITS__NO_SUCH"),
        ("config.gateway.PUBLIC__URL=https://a", "PUBLIC__URL"),
        ("publicUrl=https://a/path", "publicUrl"),
        ("image.digest=latest", "digest"),
        ("pods.all.replica=2", "replica"),
        ("environment.PATH=/bin", "PATH"),
        ("stop.graceSeconds=soon", "graceSeconds"),
    ] {
        let refused = refusal(&["--set", wrong]);
        assert!(refused.contains("schema") && refused.contains(said), "{wrong}: {refused}");
    }
}

#[test]
fn what_cannot_work_is_refused_with_a_sentence() {
    for (wrong, said) in [
        ("topology=split", "database.existingSecret is missing"),
        ("topology=split,database.existingSecret=d,keys.existingSecret=k", "publicUrl is missing"),
        ("database.existingSecret=d", "the topology single keeps everything in SQLite"),
        ("tls.enabled=true", "the parts of the topology single share a process"),
        ("topology=edge,database.existingSecret=d,database.tokenUrl=postgres://t", "not both"),
        ("topology=edge,database.existingSecret=d,tls.enabled=true,tls.tokenSecret=t", "tls.edgeSecret is missing"),
        ("gatewayApi.enabled=true", "gatewayApi.parentRefs is missing"),
    ] {
        let refused = refusal(&["--set", wrong]);
        assert!(refused.contains(said), "{wrong}: {refused}");
    }
}

#[test]
fn keys_are_made_once_and_never_blindly() {
    let arguments = ["--set=topology=split,publicUrl=https://p.example,database.existingSecret=d"];
    let upgrade = [&arguments[..], &["--is-upgrade"]].concat();
    let keys = |manifests: &[Value]| {
        of_kind(manifests, "Secret").iter().map(|(_, secret)| (*secret).clone()).collect::<Vec<_>>()
    };
    assert!(refusal(&arguments).contains("can't be seen without a cluster"));
    for there in ["ServiceAccount/default", "Namespace/kube-system"] {
        let cluster = Cluster::with(&[there]);
        let made = keys(&cluster.manifests(&arguments).unwrap());
        assert_eq!(made.len(), 1);
        assert_eq!(made[0]["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
        assert_eq!(made[0]["metadata"]["annotations"]["helm.sh/hook"], "pre-install");
        for name in ["token.key", "portal.key"] {
            let line = made[0]["stringData"][name].as_str().unwrap();
            let (id, digits) = line.trim_end().split_once(' ').unwrap();
            assert!(id.starts_with('k') && digits.len() == 64, "{name} has another form");
            assert!(digits.bytes().all(|b| b.is_ascii_hexdigit()), "{name} has another form");
        }
        assert_ne!(keys(&cluster.manifests(&arguments).unwrap()), made, "two installations have the same keys");
        assert!(cluster.manifests(&upgrade).unwrap_err().contains("is gone"));
    }
    let cluster = Cluster::with(&["Secret/p-portals-keys"]);
    assert!(keys(&cluster.manifests(&arguments).unwrap()).is_empty());
    assert!(keys(&cluster.manifests(&upgrade).unwrap()).is_empty());
}

#[test]
fn a_database_url_is_in_secrets_alone() {
    let url = "--set=topology=split,publicUrl=https://p.example,keys.existingSecret=k,database.tokenUrl=postgres://u:hush@d/t";
    let manifests = manifests(&[url, "--set=database.portalUrl=postgres://u:hush@d/p"]);
    let telling: Vec<_> = manifests.iter().filter(|manifest| manifest.to_string().contains("hush")).collect();
    assert_eq!(telling.len(), 2, "the release's Secret, and the migration's");
    assert!(telling.iter().all(|manifest| manifest["kind"] == "Secret"));
}

#[test]
fn every_pod_may_do_nothing_but_its_work() {
    let manifests = everything();
    let pods: Vec<_> = manifests.iter().filter_map(pod).collect();
    assert_eq!(pods.len(), 1 + 1 + 5 + 3 + 1, "deployments, migrations and tests");
    for pod in pods {
        let (spec, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
        assert_eq!(
            (&spec["automountServiceAccountToken"], &spec["enableServiceLinks"]),
            (&false.into(), &false.into())
        );
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
        assert!(container["resources"]["limits"]["memory"].is_string());
    }
    for (name, account) in of_kind(&manifests, "ServiceAccount") {
        assert_eq!(account["automountServiceAccountToken"], false, "{name}");
    }
}

/// Who may call whom, and at which port, as the policies of a rendering have it.
fn paths(manifests: &[Value]) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for (name, policy) in of_kind(manifests, "NetworkPolicy") {
        for rule in policy["spec"]["ingress"].as_array().into_iter().flatten() {
            let from = rule["from"].as_array().cloned().unwrap_or_default();
            let mut from: Vec<_> = from.iter().map(component).collect();
            from.sort_unstable();
            let from = if from.is_empty() { "anybody".to_owned() } else { from.join(" and ") };
            paths.insert(format!("{from} to {name}:{}", rule["ports"][0]["port"]));
        }
    }
    paths
}

fn component(peer: &Value) -> &str {
    peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"].as_str().unwrap_or("others")
}

#[test]
fn policies_let_in_what_the_picture_shows() {
    let of = |topology: &str| paths(&manifests(&with(&[&format!("--set=topology={topology}")])));
    let named = |paths: &[&str]| paths.iter().map(|&path| path.to_owned()).collect::<BTreeSet<_>>();
    let split = [
        "anybody to p-portals-gateway:8080",
        "gateway and portal to p-portals-token:50051",
        "gateway to p-portals-portal:50052",
    ];
    assert_eq!(of("split"), named(&split));
    assert_eq!(of("edge"), named(&["anybody to p-portals-edge:8080", "edge to p-portals-token:50051"]));
    assert_eq!(paths(&manifests(&[])), named(&["anybody to p-portals:8080"]));
}

#[test]
fn the_readme_has_every_value_and_no_other() {
    let values = &helm::parsed(&read("deploy/helm/portals/values.yaml"))[0];
    let mut expected = BTreeSet::new();
    collect("", values, &mut expected);
    let readme = read("deploy/helm/portals/README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let shown: Vec<_> = rows.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(shown.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert_eq!(shown.len(), expected.len(), "a row is there twice");
}

/// The paths of the values that have no values in them.
fn collect(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value.as_object() {
        Some(members) if !members.is_empty() && path != "dashboard.labels" && path != "pods.all.resources" => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(&path, value, found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn copies_in_the_chart_are_what_they_are_copies_of() {
    let version =
        read("Cargo.toml").lines().find_map(|line| line.strip_prefix("version = ").map(str::to_owned)).unwrap();
    assert!(read("deploy/helm/portals/Chart.yaml").contains(&format!("\nappVersion: {version}\n")), "not {version}");
    assert!(
        read("deploy/Dockerfile").contains(&format!("\nARG VERSION={}\n", version.trim_matches('"'))),
        "not {version}"
    );
    for (original, copy) in
        [("deploy/grafana/portals.json", "portals.json"), ("deploy/prometheus/alerts.yaml", "alerts.yaml")]
    {
        let copy = tree::root().join("deploy/helm/portals/files").join(copy);
        let [original, copy] =
            [tree::root().join(original), copy].map(|path: std::path::PathBuf| fs::read(Path::new(&path)).ok());
        assert!(original == copy, "deploy/helm/update wasn't run");
    }
}

#[test]
fn the_image_compiles_every_crate_of_the_workspace() {
    let (workspace, dockerfile) = (read("Cargo.toml"), read("deploy/Dockerfile"));
    let members = workspace.lines().find(|line| line.starts_with("members = ")).unwrap();
    for member in members.split('"').skip(1).step_by(2) {
        let copied = format!("\nCOPY {member}/Cargo.toml {member}/\n");
        assert!(dockerfile.contains(&copied), "deploy/Dockerfile doesn't know {member}");
    }
}
