//! A collector of traces that isn't ours: Python's OTLP sink.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::wait;

/// How long spans may take to arrive. The machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// The collector. Gone when dropped.
#[derive(Debug)]
pub struct Collector {
    process: Child,
    address: String,
    spans: Arc<Mutex<Vec<Value>>>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Collector {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one that speaks TLS with `cert.pem` and `key.pem` of `directory`, to those whom `authority` vouches for.
    pub fn encrypted(directory: &Path, authority: &Path) -> Self {
        Self::start_with(&[directory, authority])
    }

    fn start_with(files: &[&Path]) -> Self {
        let python = std::env::var_os("PORTALS_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/otlp_sink.py");
        let mut command = Command::new(python);
        command.arg(script).args(files).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| panic!("python3 can't be run: {error}"));
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut address = String::new();
        lines.read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        assert!(address.contains(':'), "no sink: `tests/run` installs what it needs (or set PORTALS_TEST_PYTHON)");
        let spans = Arc::<Mutex<Vec<Value>>>::default();
        let all = Arc::clone(&spans);
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                all.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { process, address, spans }
    }

    /// The settings that have traces sent here, without much ado.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        let endpoint = format!("http://{}", self.address);
        [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned())]
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Everything that has arrived.
    pub fn spans(&self) -> Vec<Value> {
        self.spans.lock().unwrap().clone()
    }

    /// The spans of a trace, once `enough` of them are there.
    pub fn trace(&self, id: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let of_trace = || self.spans().into_iter().filter(|span| span["trace"] == id).collect::<Vec<_>>();
        let found = wait::find(PATIENCE, || Some(of_trace()).filter(|spans| enough(spans)));
        found.unwrap_or_else(|| panic!("spans are missing: {:#?}", of_trace()))
    }
}
