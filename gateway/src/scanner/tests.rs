use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use kit::ambient::{Clock, Entropy, Instant};

use super::*;

/// The example of GitHub's documentation, and the keys that it publishes.
const ID: &str = "bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c";
const BODY: &[u8] =
    br#"[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]"#;
const SIGNED: &str = "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==";
const KEYS: &str = r#"{"public_keys":[
    {"key_identifier":"90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a","is_current":false,
     "key":"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq\nkCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==\n-----END PUBLIC KEY-----\n"},
    {"key_identifier":"bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c","is_current":true,
     "key":"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\nAjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n-----END PUBLIC KEY-----\n"}]}"#;

#[derive(Default)]
struct Held(AtomicU64);

impl Clock for Held {
    fn now(&self) -> Instant {
        Instant::UNIX_EPOCH
    }

    fn since_boot(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fn signature(key: &str, text: &str) -> Signature {
    let headers = [(KEY_IDENTIFIER, key), (SIGNATURE, text)].map(|(name, value)| (name, value.parse().unwrap()));
    Signature::of(&HeaderMap::from_iter(headers)).unwrap()
}

#[tokio::test]
async fn the_documented_example_is_admitted_and_nothing_like_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys.json");
    fs::write(&file, KEYS).unwrap();
    let scanner = Scanner::new(Source::File(file));
    let ambient = Ambient::system();
    assert!(scanner.admits(&signature(ID, SIGNED), BODY, &ambient).await.unwrap());
    let altered = BODY.to_ascii_uppercase();
    assert!(!scanner.admits(&signature(ID, SIGNED), &altered, &ambient).await.unwrap());
    let other = "90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a";
    for key in [other, "unknown", ""] {
        assert!(!scanner.admits(&signature(key, SIGNED), BODY, &ambient).await.unwrap(), "{key}");
    }
    for bad in ["", "AAAA", &SIGNED.replace("MEQ", "MEU"), &SIGNED.replace("V4xg==", "V4xw==")] {
        assert!(!scanner.admits(&signature(ID, bad), BODY, &ambient).await.unwrap(), "{bad}");
    }
}

#[tokio::test]
async fn keys_are_read_again_for_an_unknown_one_but_not_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys.json");
    let scanner = Scanner::new(Source::File(file.clone()));
    let clock = Arc::new(Held::default());
    let ambient = Ambient::new(Arc::<Held>::clone(&clock), Arc::new(Zeros));
    let ask = async || scanner.admits(&signature(ID, SIGNED), BODY, &ambient).await;
    assert!(ask().await.is_err(), "no file yet");
    fs::write(&file, KEYS).unwrap();
    assert!(ask().await.is_err(), "nobody reads again within the minute");
    clock.0.fetch_add(60, Ordering::SeqCst);
    assert!(ask().await.unwrap());
    // A key that was withdrawn counts no longer than an hour; one that can't be asked for counts on.
    fs::write(&file, KEYS.replace(ID, "renamed")).unwrap();
    clock.0.fetch_add(3_599, Ordering::SeqCst);
    assert!(ask().await.unwrap());
    fs::remove_file(&file).unwrap();
    clock.0.fetch_add(1, Ordering::SeqCst);
    assert!(ask().await.unwrap());
    fs::write(&file, KEYS.replace(ID, "renamed")).unwrap();
    clock.0.fetch_add(3_600, Ordering::SeqCst);
    assert!(!ask().await.unwrap());
}

#[test]
fn only_keys_of_the_curve_are_taken() {
    assert!(Keys::read(KEYS.as_bytes()).is_ok());
    for bad in ["", "[]", "{}", r#"{"public_keys":[]}"#, &KEYS.replace("AQcDQgAE", "AQcDQgAC").replace("MFkw", "MFow")]
    {
        assert!(Keys::read(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn nobody_on_the_way_can_put_keys_in() {
    for (url, expected) in [
        ("https://api.github.com/meta/public_keys/secret_scanning", true),
        ("http://127.0.0.1:1/keys", true),
        ("http://[::1]:1/keys", true),
        ("http://localhost/keys", true),
        ("http://api.github.com/keys", false),
        ("http://127.0.0.1.evil.example/keys", false),
        ("ftp://127.0.0.1/keys", false),
        ("/keys", false),
        ("", false),
    ] {
        assert_eq!(Source::url(url).is_some(), expected, "{url}");
    }
}
