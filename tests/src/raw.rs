//! HTTP by hand, for requests that no client library would send and for comparing answers byte by byte.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    ops::Range,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Below the ports that the system gives to outgoing connections, one of which might take an address while the process that
/// had it is started again.
const PORTS: Range<u16> = 20_000..30_000;

/// An address of this machine that nothing listens on, and that nobody else in this process was given.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run of the tests begins elsewhere.
    let begin = u16::try_from(std::process::id() % u32::from(PORTS.end - PORTS.start)).unwrap();
    let free = |_| {
        let step = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start);
        TcpListener::bind(("127.0.0.1", PORTS.start + step)).ok()?.local_addr().ok()
    };
    PORTS.into_iter().find_map(free).unwrap()
}

/// Sends `request` on a connection of its own and reads until the server closes it.
pub fn exchange(address: SocketAddr, request: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // A server may answer and close before it has read everything: the answer counts, not the failed write.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

/// A request's bytes: the request line, `Host`, the given header lines, and a body with its length.
pub fn request(line: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    format!("{text}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The status of an answer.
pub fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no HTTP answer: {answer:?}"))
}

/// The status of a plain GET, if anybody answers.
pub fn get(address: SocketAddr, path: &str) -> Option<u16> {
    let answer = exchange(address, &request(&format!("GET {path}"), &[], "")).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// An answer with the request id (of whatever length) and the date made equal, as the specification allows them to vary.
/// The length of the id stays visible.
pub fn masked(answer: &str) -> String {
    let id = request_id(answer);
    let mut text = answer.replace(&id, &"#".repeat(id.len()));
    let date = text.to_ascii_lowercase().find("\r\ndate: ").unwrap_or_else(|| panic!("no Date in {answer}"));
    let end = date + 2 + text[date + 2..].find("\r\n").unwrap();
    text.replace_range(date..end, "\r\nDate: masked");
    text
}

fn request_id(answer: &str) -> String {
    let at = answer.find("\"request_id\":\"").unwrap_or_else(|| panic!("no request_id in {answer}"));
    answer[at + 14..].split('"').next().unwrap().to_owned()
}
