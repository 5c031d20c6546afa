//! The settings of traces, named as OpenTelemetry names them everywhere.

use std::{path::PathBuf, str::FromStr, time::Duration};

use opentelemetry_sdk::trace::Sampler;

use super::tls::{Files, Tls};
use crate::{
    config::{Environment, Problem, Problems},
    error::chain,
};

/// The authority that vouches for the collector, the certificate that is shown to it, and that one's key.
const AUTHORITY: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];
const CERT: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"];
const KEY: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"];

/// How traces are exported. Headers, time-outs and attributes of the process are the exporter's own to read
/// (`OTEL_EXPORTER_OTLP_HEADERS`, `…_TIMEOUT`, `OTEL_RESOURCE_ATTRIBUTES`).
#[derive(Debug)]
pub struct Settings {
    /// The collector's URL. It may hold a credential: never shown.
    pub(super) endpoint: String,
    /// How an `https` one is spoken to.
    pub(super) tls: Option<Tls>,
    /// Which requests are traced.
    pub(super) sampler: Sampler,
    /// What the process is called; `None`: the environment says it where the exporter reads it.
    pub(super) service: Option<String>,
    /// The most spans that wait.
    pub(super) queue: usize,
    /// The most that are sent at once.
    pub(super) batch: usize,
    /// How long a span may wait for others.
    pub(super) pause: Duration,
    /// How long the collector may take.
    pub(super) patience: Duration,
}

impl Settings {
    /// What the environment says; `None`: nothing is exported. `service`: what the process is called unless the environment says.
    pub fn read(environment: &Environment, service: String) -> Result<Option<Self>, Problems> {
        let mut reading = Reading { environment, problems: Vec::new() };
        let endpoint = reading.endpoint();
        let tls = endpoint.as_deref().and_then(|endpoint| reading.tls(endpoint));
        let queue = reading.number("OTEL_BSP_MAX_QUEUE_SIZE", 2_048);
        let settings = Self {
            endpoint: endpoint.clone().unwrap_or_default(),
            tls,
            sampler: reading.sampler(),
            service: reading.is_unnamed().then_some(service),
            queue,
            batch: reading.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512).min(queue),
            pause: Duration::from_millis(reading.number("OTEL_BSP_SCHEDULE_DELAY", 2_000)),
            patience: Duration::from_millis(reading.number("OTEL_BSP_EXPORT_TIMEOUT", 10_000)),
        };
        match (endpoint, reading.problems) {
            (None, _) => Ok(None),
            (Some(_), problems) if problems.is_empty() => Ok(Some(settings)),
            (_, problems) => Err(Problems(problems)),
        }
    }
}

struct Reading<'a> {
    environment: &'a Environment,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    /// One that is set to nothing isn't set.
    fn get(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    fn refuse(&mut self, name: &str, why: &str) {
        self.problems.push(Problem::Other(format!("{name} {why}")));
    }

    /// The first that is set.
    fn first(&self, names: [&'static str; 2]) -> Option<(&'static str, String)> {
        names.into_iter().find_map(|name| Some((name, self.get(name)?.to_owned())))
    }

    /// Where traces go, if anywhere.
    fn endpoint(&mut self) -> Option<String> {
        let is_off = self.get("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        if is_off || self.get("OTEL_TRACES_EXPORTER") == Some("none") {
            return None;
        }
        let (name, endpoint) = self.first(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])?;
        let uri = http::Uri::try_from(&endpoint).ok();
        let uri = uri.filter(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")));
        if uri.is_none() {
            self.refuse(name, "must be the URL of a collector, http://… or https://…");
        }
        if self.get("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter != "otlp") {
            self.refuse("OTEL_TRACES_EXPORTER", "must be otlp or none");
        }
        let protocol = self.first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
        if let Some((name, _)) = protocol.filter(|(_, protocol)| protocol != "grpc") {
            self.refuse(name, "must be grpc: this is the only protocol that traces are exported by");
        }
        Some(endpoint)
    }

    /// How that endpoint is spoken to, if by TLS. Files that nothing would be done with aren't passed over in silence.
    fn tls(&mut self, endpoint: &str) -> Option<Tls> {
        let [authority, cert, key] = [AUTHORITY, CERT, KEY].map(|names| self.first(names));
        let given = [&authority, &cert, &key].map(|given| given.as_ref().map(|(name, _)| *name));
        // URIs are compared without regard to case; what is no URL was refused already.
        if !endpoint.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:")) {
            for name in given.into_iter().flatten() {
                self.refuse(name, "needs an endpoint that is https://…");
            }
            return None;
        }
        let path = |(_, path): (_, String)| PathBuf::from(path);
        let shown = match (cert, key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((path(cert), path(key))),
            (Some((name, _)), None) => {
                self.refuse(name, "needs its key, OTEL_EXPORTER_OTLP_CLIENT_KEY");
                return None;
            }
            (None, Some((name, _))) => {
                self.refuse(name, "needs its certificate, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE");
                return None;
            }
        };
        let opened = Tls::open(&Files { authority: authority.map(path), shown });
        let names: Vec<_> = given.into_iter().flatten().collect();
        opened.map_err(|error| self.refuse(&names.join(", "), &format!("can't be used: {}", chain(&error)))).ok()
    }

    fn number<T: FromStr + PartialOrd + From<u8>>(&mut self, name: &'static str, usual: T) -> T {
        match self.get(name).map(str::parse::<T>) {
            None => usual,
            Some(Ok(number)) if number >= T::from(1) => number,
            Some(_) => {
                self.refuse(name, "must be a whole number from 1");
                usual
            }
        }
    }

    fn sampler(&mut self) -> Sampler {
        let ratio = || self.get("OTEL_TRACES_SAMPLER_ARG").map_or(Some(1.0), |text| text.parse().ok());
        let ratio = ratio().filter(|ratio| (0.0..=1.0).contains(ratio));
        let ratio_or = |reading: &mut Self| {
            ratio.unwrap_or_else(|| {
                reading.refuse("OTEL_TRACES_SAMPLER_ARG", "must be a share from 0 to 1");
                1.0
            })
        };
        let of_parent = |root| Sampler::ParentBased(Box::new(root));
        match self.get("OTEL_TRACES_SAMPLER").unwrap_or("parentbased_always_on") {
            "always_on" => Sampler::AlwaysOn,
            "always_off" => Sampler::AlwaysOff,
            "traceidratio" => Sampler::TraceIdRatioBased(ratio_or(self)),
            "parentbased_always_on" => of_parent(Sampler::AlwaysOn),
            "parentbased_always_off" => of_parent(Sampler::AlwaysOff),
            "parentbased_traceidratio" => of_parent(Sampler::TraceIdRatioBased(ratio_or(self))),
            _ => {
                self.refuse(
                    "OTEL_TRACES_SAMPLER",
                    "must be always_on, always_off, traceidratio, or one of these after parentbased_",
                );
                Sampler::AlwaysOff
            }
        }
    }

    /// Whether the environment leaves open what the process is called.
    fn is_unnamed(&self) -> bool {
        let attributes = self.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let names = attributes.split(',').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.trim());
        self.get("OTEL_SERVICE_NAME").is_none() && !names.into_iter().any(|name| name == "service.name")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");

    fn read(given: &[(&str, &str)]) -> Result<Option<Settings>, Problems> {
        let environment = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::read(&environment, "portals-test".to_owned())
    }

    #[test]
    fn nothing_is_exported_unless_an_endpoint_is_set() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]).unwrap().is_none());
        assert!(read(&[ENDPOINT, ("OTEL_SDK_DISABLED", "True")]).unwrap().is_none());
        assert!(read(&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")]).unwrap().is_none());
        // A setting of somebody else's that nothing depends on stops nobody.
        assert!(read(&[("OTEL_TRACES_SAMPLER", "xray")]).unwrap().is_none());
        let settings = read(&[ENDPOINT]).unwrap().unwrap();
        assert_eq!((settings.queue, settings.batch, settings.service.as_deref()), (2_048, 512, Some("portals-test")));
        assert_eq!(format!("{:?}", settings.sampler), "ParentBased(AlwaysOn)");
    }

    #[test]
    fn what_is_set_counts() {
        let given = [
            ENDPOINT,
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces:4317"),
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=b, service.name=x"),
        ];
        let settings = read(&given).unwrap().unwrap();
        assert_eq!((settings.endpoint.as_str(), settings.queue, settings.batch), ("https://traces:4317", 100, 100));
        assert_eq!(format!("{:?}", settings.sampler), "TraceIdRatioBased(0.25)");
        assert_eq!(settings.service, None);
    }

    #[test]
    fn files_that_can_not_be_used_are_refused() {
        let tls = ("OTEL_EXPORTER_OTLP_ENDPOINT", "HTTPS://collector:4317");
        let [authority, cert, key] = [AUTHORITY, CERT, KEY].map(|[_, name]| name);
        assert!(read(&[tls]).unwrap().unwrap().tls.is_some());
        assert!(read(&[ENDPOINT]).unwrap().unwrap().tls.is_none());
        for (given, said) in [
            (vec![ENDPOINT, (authority, "/ca.pem")], "OTEL_EXPORTER_OTLP_CERTIFICATE needs an endpoint"),
            (vec![ENDPOINT, (KEY[0], "/key.pem")], "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY needs an endpoint"),
            (vec![tls, (cert, "/cert.pem")], "CLIENT_CERTIFICATE needs its key"),
            (vec![tls, (key, "/key.pem")], "CLIENT_KEY needs its certificate"),
            (vec![tls, (authority, "/no/ca.pem")], "OTEL_EXPORTER_OTLP_CERTIFICATE can't be used: /no/ca.pem"),
            (vec![tls, (cert, "/no/cert.pem"), (key, "/no/key.pem")], "CLIENT_KEY can't be used: /no/cert.pem"),
            (vec![tls, (authority, "/dev/null")], "/dev/null holds no certificate"),
        ] {
            let problems = read(&given).unwrap_err().to_string();
            assert!(problems.contains(said) && problems.lines().count() == 1, "{given:?}: {problems}");
        }
        assert!(read(&[(authority, "/no/ca.pem")]).unwrap().is_none(), "nothing depends on it");
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let wrong = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
            ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ];
        let problems = read(&wrong).unwrap_err().to_string();
        for name in wrong.map(|(name, _)| name).iter().filter(|name| **name != "OTEL_TRACES_SAMPLER") {
            assert!(problems.contains(name), "{name}: {problems}");
        }
        assert!(read(&[ENDPOINT, ("OTEL_TRACES_SAMPLER", "jaeger_remote")]).is_err());
    }
}
