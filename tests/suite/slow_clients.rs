//! Clients that are slow, silent, or don't read (S14): each is cut off in time, and none holds up a good one.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::json;
use suite::{Installation, Portal, count, figures, path, wait, wire};

const HEADERS: Duration = Duration::from_secs(3);
const SETTINGS: [(&str, &str); 2] =
    [("GATEWAY_LIMITS__HEADER_TIMEOUT_MS", "3000"), ("GATEWAY_LIMITS__BODY_TIMEOUT_MS", "3000")];
/// The machine may be busy.
const SLACK: Duration = Duration::from_secs(30);

/// A client and what it says now and then.
struct Slow {
    stream: TcpStream,
    drip: &'static [u8],
}

impl Slow {
    fn open(address: SocketAddr, portal: &Portal, number: usize) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(false).unwrap();
        let body = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{{",
            path(&portal.slug),
            portal.token
        );
        let (begin, drip): (&[u8], &'static [u8]) = match number % 4 {
            0 => (b"", b""),
            1 => (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n"),
            2 => (body.as_bytes(), b" "),
            _ => (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", b""),
        };
        stream.write_all(begin).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, drip }
    }

    /// Says a little more. Answers whether the other end still listens.
    fn goes_on(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => return false,
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return false,
            _ => {}
        }
        self.drip.is_empty() || self.stream.write_all(self.drip).is_ok()
    }
}

fn descriptors(house: &Installation) -> usize {
    fs::read_dir(format!("/proc/{}/fd", house.process().id())).unwrap().count()
}

/// A good client's request on a connection of its own, and how long it took.
fn good(address: SocketAddr, portal: &Portal) -> Duration {
    let bearer = format!("Authorization: Bearer {}", portal.token);
    let begun = Instant::now();
    let reply = wire::Wire::to(address).send(&wire::post(&path(&portal.slug), &[&bearer], "{}")).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    begun.elapsed()
}

#[tokio::test]
async fn slow_clients_are_cut_off_and_do_not_stop_a_good_one() {
    let house = Installation::start_with(&SETTINGS);
    let portal = house.portal_of("{ viewer { id } }").await;
    let address = house.bootstrap().address("gateway");
    good(address, &portal);
    let (before, many) = (descriptors(&house), count(200, 2_000));
    let begun = Instant::now();
    let mut slow: Vec<_> = (0..many).map(|number| Slow::open(address, &portal, number)).collect();
    let mut longest = Duration::ZERO;
    let patience = begun.elapsed() + HEADERS + SLACK;
    let all_gone = wait::find(patience, || {
        longest = longest.max(good(address, &portal));
        slow.retain_mut(Slow::goes_on);
        slow.is_empty().then_some(())
    });
    assert!(all_gone.is_some(), "{} of {many} slow clients are still there after {:?}", slow.len(), begun.elapsed());
    let said = format!("{many} were gone after {:?}; a good one waited {longest:?} at most", begun.elapsed());
    figures("slow clients", &said);
    assert!(longest < Duration::from_secs(5), "a good client waited for {longest:?}");
    // A few stay for connections to the database and the like.
    wait::need("the descriptors to come back", SLACK, || (descriptors(&house) <= before + 10).then_some(()));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_answered_without_end() {
    let house = Installation::start_with(&SETTINGS);
    let portal = house.portal_of("{ viewer { id } }").await;
    let address = house.bootstrap().address("gateway");
    good(address, &portal);
    let before = house.process().memory_kib("VmRSS");
    let request = wire::request("GET /no-such-route", &[], "").repeat(50);
    let mut deaf: Vec<_> = (0..20)
        .map(|_| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
            stream
        })
        .collect();
    let mut sent = 0;
    for stream in &mut deaf {
        // Until nobody takes any more of it, or as much as would be hundreds of megabytes of answers.
        for _ in 0..20_000 {
            match stream.write(&request) {
                Ok(bytes) => sent += bytes,
                Err(_full) => break,
            }
        }
    }
    let after = house.process().memory_kib("VmRSS");
    figures(
        "deaf clients",
        &format!("took {} KiB of requests, memory grew by {} KiB", sent >> 10, after.saturating_sub(before)),
    );
    assert!(after < before + (96 << 10), "memory grew from {before} to {after} KiB");
    good(address, &portal);
    house.call(&portal, json!({})).await.data();
}
