//! HTTP/2 clients that want much and give nothing (S15), frame by frame: bounded, and a good client goes on.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use suite::{Installation, count, figures, raw};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PATIENCE: Duration = Duration::from_secs(20);

/// `GET /` in HPACK: three entries of the static table, and an authority.
const GET: &[u8] = b"\x82\x84\x86\x41\x01x";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header that isn't indexed, of a name of one letter.
fn header(value: usize) -> Vec<u8> {
    assert!(value >= 127, "shorter lengths are written otherwise");
    let (mut bytes, mut rest) = (vec![0, 1, b'x', 0x7f], value - 127);
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).unwrap() | 0x80);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes.extend(vec![b'y'; value]);
    bytes
}

struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// What the server said in the end.
#[derive(Debug, Default)]
struct Heard {
    goaway: Option<u32>,
    resets: usize,
    answers: usize,
    closed: bool,
}

impl Client {
    fn open(address: SocketAddr, settings: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Whether the other end took it.
    fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Listens until the other end closes, `enough` has been heard, or for too long.
    fn hear(&mut self, enough: impl Fn(&Heard) -> bool) -> Heard {
        let (mut heard, begun) = (Heard::default(), Instant::now());
        while !heard.closed && !enough(&heard) && begun.elapsed() < PATIENCE {
            let mut bytes = [0; 1 << 14];
            match self.stream.read(&mut bytes) {
                Ok(0) => heard.closed = true,
                Ok(count) => self.read.extend(&bytes[..count]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                }
                Err(_reset) => heard.closed = true,
            }
            self.count(&mut heard);
        }
        heard
    }

    fn count(&mut self, heard: &mut Heard) {
        while self.read.len() >= 9 {
            let length = u32::from_be_bytes([0, self.read[0], self.read[1], self.read[2]]) as usize;
            if self.read.len() < 9 + length {
                return;
            }
            let frame: Vec<u8> = self.read.drain(..9 + length).collect();
            match frame[3] {
                GOAWAY => heard.goaway = Some(u32::from_be_bytes(frame[13..17].try_into().unwrap())),
                RST_STREAM => heard.resets += 1,
                HEADERS => heard.answers += 1,
                _ => {}
            }
        }
    }
}

/// Runs an attack on a gateway of its own, and checks that others are served meanwhile and that memory stays.
fn withstand(name: &str, attack: impl Fn(SocketAddr) -> String + Send + Sync) {
    let house = Installation::start();
    let address = house.bootstrap().address("gateway");
    for _ in 0..20 {
        assert_eq!(raw::get(address, "/"), Some(200));
    }
    let before = house.process().memory_kib("VmRSS");
    let mut longest = Duration::ZERO;
    let said = std::thread::scope(|scope| {
        let attackers: Vec<_> = (0..3).map(|_| scope.spawn(|| attack(address))).collect();
        while !attackers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let begun = Instant::now();
            assert_eq!(raw::get(address, "/"), Some(200), "a good client during {name}");
            longest = longest.max(begun.elapsed());
        }
        attackers.into_iter().map(|attacker| attacker.join().unwrap()).collect::<Vec<_>>()
    });
    let after = house.process().memory_kib("VmRSS");
    let grown = after.saturating_sub(before);
    figures(name, &format!("{}; a good client waited {longest:?} at most; memory grew by {grown} KiB", said[0]));
    assert!(grown < 64 << 10, "memory grew from {before} to {after} KiB");
    assert!(longest < Duration::from_secs(5), "a good client waited for {longest:?}");
}

#[test]
fn who_opens_and_resets_streams_is_sent_away() {
    withstand("rapid reset", |address| {
        let (mut client, mut sent) = (Client::open(address, &[]), 0);
        for stream in (1..count(20_001, 200_001)).step_by(2) {
            let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, GET);
            if !client.send(&[open, frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())].concat()) {
                break;
            }
            sent += 1;
        }
        let heard = client.hear(|_| false);
        assert!(heard.closed, "it may go on: {heard:?}");
        format!("sent away after {sent} streams at the latest")
    });
}

#[test]
fn headers_that_never_end_are_sent_away() {
    withstand("CONTINUATION flood", |address| {
        let (mut client, mut sent) = (Client::open(address, &[]), 0);
        client.send(&frame(HEADERS, END_STREAM, 1, GET));
        let more = header(8 << 10);
        for _ in 0..count(2_000, 20_000) {
            if !client.send(&frame(CONTINUATION, 0, 1, &more)) {
                break;
            }
            sent += 1;
        }
        let heard = client.hear(|_| false);
        assert!(heard.closed, "it may go on: {heard:?}");
        format!("sent away after {sent} frames of 8 KiB at the latest")
    });
    withstand("empty CONTINUATION flood", |address| {
        let (mut client, mut sent) = (Client::open(address, &[]), 0);
        client.send(&frame(HEADERS, END_STREAM, 1, GET));
        for _ in 0..count(20_000, 200_000) {
            if !client.send(&frame(CONTINUATION, 0, 1, b"")) {
                break;
            }
            sent += 1;
        }
        let heard = client.hear(|_| false);
        assert!(heard.closed, "it may go on: {heard:?}");
        format!("sent away after {sent} frames at the latest")
    });
}

#[test]
fn a_header_list_over_its_limit_is_refused() {
    let house = Installation::start();
    let mut client = Client::open(house.bootstrap().address("gateway"), &[]);
    let large = header(10 << 10);
    let open = frame(HEADERS, END_STREAM, 1, GET);
    client.send(&[open, frame(CONTINUATION, 0, 1, &large), frame(CONTINUATION, END_HEADERS, 1, &large)].concat());
    let heard = client.hear(|heard| heard.answers + heard.resets > 0 || heard.goaway.is_some());
    assert!(heard.closed || heard.goaway.is_some() || heard.resets + heard.answers > 0, "{heard:?}");
    assert!(!client.read.windows(7).any(|window| window == b"Portals"), "it was run");
    // Just below the limit it is fine.
    let mut client = Client::open(house.bootstrap().address("gateway"), &[]);
    let open = frame(HEADERS, END_STREAM, 1, GET);
    client.send(&[open, frame(CONTINUATION, END_HEADERS, 1, &header(12 << 10))].concat());
    let heard = client.hear(|heard| heard.answers > 0);
    assert_eq!((heard.answers, heard.goaway, heard.resets), (1, None, 0));
}

#[test]
fn frames_that_want_an_answer_each_fill_no_memory() {
    for (name, kind, payload) in [("PING flood", PING, &[0; 8][..]), ("SETTINGS flood", SETTINGS, &[0, 1, 0, 0, 16, 0])]
    {
        withstand(name, |address| {
            let (mut client, mut sent) = (Client::open(address, &[]), 0);
            let many = frame(kind, 0, 0, payload).repeat(1_000);
            for _ in 0..count(500, 5_000) {
                // Nobody reads the answers.
                if !client.send(&many) {
                    break;
                }
                sent += 1_000;
            }
            format!("{sent} frames were taken")
        });
    }
}

#[test]
fn answers_that_may_not_be_sent_fill_no_memory() {
    withstand("zero window", |address| {
        // SETTINGS_INITIAL_WINDOW_SIZE of nothing.
        let mut client = Client::open(address, &[0, 4, 0, 0, 0, 0]);
        let mut sent = 0;
        for stream in (1..count(4_001, 40_001)).step_by(2) {
            if !client.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, GET)) {
                break;
            }
            sent += 1;
        }
        let heard = client.hear(|heard| heard.resets + heard.answers >= sent);
        assert!(heard.answers <= 100, "more than 100 streams at once: {heard:?}");
        format!("{sent} requests were sent, {} answered, {} refused", heard.answers, heard.resets)
    });
}

#[test]
fn empty_data_does_not_go_on_for_ever() {
    withstand("empty DATA flood", |address| {
        let (mut client, mut sent) = (Client::open(address, &[]), 0);
        client.send(&frame(HEADERS, END_HEADERS, 1, GET));
        let many = frame(DATA, 0, 1, b"").repeat(100);
        for _ in 0..count(2_000, 20_000) {
            if !client.send(&many) {
                break;
            }
            sent += 100;
        }
        format!("{sent} frames were taken")
    });
}
