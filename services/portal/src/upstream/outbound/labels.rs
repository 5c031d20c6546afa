//! What metrics call upstreams: by their hosts, as long as there are few. Whoever adds upstreams mustn't add series without end.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use metrics::SharedString;
use url::Url;

/// Hosts that have a label of their own: the first that are called.
const MOST: usize = 64;
/// What all others are called.
const OTHERS: &str = "(other)";

/// The labels that were given.
#[derive(Debug, Default)]
pub(super) struct Labels(RwLock<HashMap<String, Arc<str>>>);

impl Labels {
    /// What the upstream at `url` is called.
    pub(super) fn of(&self, url: &Url) -> SharedString {
        let host = url.host_str().unwrap_or_default();
        if let Some(label) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(host) {
            return SharedString::from_shared(Arc::clone(label));
        }
        let mut given = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if given.len() >= MOST && !given.contains_key(host) {
            return OTHERS.into();
        }
        SharedString::from_shared(Arc::clone(given.entry(host.to_owned()).or_insert_with(|| host.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_hosts_have_labels_of_their_own() {
        let labels = Labels::default();
        let of = |host: &str| labels.of(&format!("https://{host}:8443/graphql?key=x").parse().unwrap());
        for number in 0..200 {
            let (host, label) = (format!("h{number}.example"), of(&format!("h{number}.example")));
            assert_eq!(&*label, if number < MOST { &*host } else { OTHERS });
        }
        assert_eq!(&*of("h0.example"), "h0.example");
    }
}
