//! Helm (`PORTALS_TEST_HELM`), and what it makes of our chart.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

use crate::{clients, rules::tree};

/// Where the chart is.
pub fn chart() -> PathBuf {
    tree::root().join("deploy/helm/portals")
}

/// The manifests that `helm template` with these arguments makes, of a release named `p`.
pub fn manifests(arguments: &[&str]) -> Vec<Value> {
    let output = template(arguments, None);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    parsed(&String::from_utf8_lossy(&output.stdout))
}

/// Why `helm template` with these arguments fails.
#[track_caller]
pub fn refusal(arguments: &[&str]) -> String {
    let output = template(arguments, None);
    assert!(!output.status.success(), "{arguments:?} is accepted");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// YAML documents as JSON.
pub fn parsed(yaml: &str) -> Vec<Value> {
    serde_json::from_value(clients::python("manifests.py", &[], yaml)).unwrap()
}

/// The manifests of one kind, by name.
pub fn of_kind<'a>(manifests: &'a [Value], kind: &str) -> Vec<(&'a str, &'a Value)> {
    let found = manifests.iter().filter(|manifest| manifest["kind"] == kind);
    found.map(|manifest| (manifest["metadata"]["name"].as_str().unwrap(), manifest)).collect()
}

/// The template of a pod that a manifest makes, if it makes one.
pub fn pod(manifest: &Value) -> Option<&Value> {
    match manifest["kind"].as_str() {
        Some("Pod") => Some(manifest),
        _ => manifest["spec"].get("template"),
    }
}

/// The plain variables of a pod's container.
pub fn variables(pod: &Value) -> Vec<(String, String)> {
    let variables = pod["spec"]["containers"][0]["env"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    variables.iter().map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect()
}

fn template(arguments: &[&str], kubeconfig: Option<&Path>) -> Output {
    let helm = env::var_os("PORTALS_TEST_HELM").expect("PORTALS_TEST_HELM isn't set: tests/run installs it");
    let mut command = Command::new(helm);
    command.args(["template", "p"]).arg(chart()).args(arguments);
    if let Some(kubeconfig) = kubeconfig {
        command.args(["--dry-run=server", "--disable-openapi-validation", "--kubeconfig"]).arg(kubeconfig);
    }
    command.output().unwrap_or_else(|error| panic!("helm can't be run: {error}"))
}

/// A cluster in which these objects are (`Secret/p-portals-keys`), as far as Helm can tell.
#[derive(Debug)]
pub struct Cluster {
    process: Child,
    directory: tempfile::TempDir,
}

impl Cluster {
    /// Starts its API server.
    pub fn with(objects: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = tree::root().join("tests/clients/kubernetes_api.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(directory.path().join("kubeconfig")).args(objects);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n");
        Self { process, directory }
    }

    /// As [`manifests`], rendered in the cluster; or why not.
    pub fn manifests(&self, arguments: &[&str]) -> Result<Vec<Value>, String> {
        let output = template(arguments, Some(&self.directory.path().join("kubeconfig")));
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if output.status.success() { Ok(parsed(&stdout)) } else { Err(stderr) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
