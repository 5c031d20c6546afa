//! HTTP/1.1 on one connection that stays open: for load and for timing, where a connection a request would be measured.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// A connection that is kept; opened again when the other side has closed it.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Wire {
    /// To the server there. Connects with the first request.
    pub fn to(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends the bytes of one request and reads the answer. An error means that nobody knows whether it ran.
    pub fn send(&mut self, request: &[u8]) -> std::io::Result<Reply> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address)?,
        };
        stream.get_mut().write_all(request)?;
        let (reply, stays) = read(&mut stream)?;
        if stays {
            self.stream = Some(stream);
        }
        Ok(reply)
    }
}

fn connect(address: SocketAddr) -> std::io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// Reads an answer with a length. Also answers whether the connection stays open.
fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<(Reply, bool)> {
    let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    let (mut length, mut stays) = (0, true);
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(cut());
        }
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok().ok_or_else(cut)?;
        }
        assert!(!header.starts_with("transfer-encoding:"), "an answer without a length");
        stays &= header != "connection: close";
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((Reply { status, body: String::from_utf8_lossy(&body).into_owned() }, stays))
}

/// The bytes of a `POST` with a JSON body and these further header lines.
pub fn post(path: &str, headers: &[&str], body: &str) -> Vec<u8> {
    request(&format!("POST {path}"), &[&["Content-Type: application/json"], headers].concat(), body)
}

/// The bytes of a request on a connection that is to stay open.
pub fn request(line: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    format!("{text}\r\n{body}").into_bytes()
}
