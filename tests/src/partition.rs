//! A network between two parts that can be cut in either direction, and heals.
//!
//! What is sent while it is cut is kept and arrives after it has healed, as TCP does: so that an answer from before the cut
//! arrives long after it was asked for.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How long an accept waits before it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);

/// A way through the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From who connects to who listens.
    There,
    /// Back.
    Back,
}

/// The cuts, by direction.
#[derive(Debug, Default)]
struct Cuts {
    cut: Mutex<[bool; 2]>,
    changed: Condvar,
    ended: AtomicBool,
}

impl Cuts {
    /// Waits until the way is open; answers whether it will be used again.
    fn pass(&self, direction: Direction) -> bool {
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        while cut[direction as usize] && !self.ended.load(Ordering::Relaxed) {
            cut = self.changed.wait(cut).unwrap_or_else(PoisonError::into_inner);
        }
        !self.ended.load(Ordering::Relaxed)
    }

    fn set(&self, value: [bool; 2]) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = value;
        self.changed.notify_all();
    }
}

/// A proxy on a port of its own. Ends when dropped.
#[derive(Debug)]
pub struct Partition {
    address: SocketAddr,
    cuts: Arc<Cuts>,
}

impl Partition {
    /// Before the server at `target`, which needn't listen yet.
    pub fn before(target: SocketAddr) -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into(), target)
    }

    /// The same at a port of this address.
    pub fn at(near: IpAddr, target: SocketAddr) -> Self {
        let listener = TcpListener::bind((near, 0)).unwrap();
        let (address, cuts) = (listener.local_addr().unwrap(), Arc::new(Cuts::default()));
        listener.set_nonblocking(true).unwrap();
        let kept = Arc::clone(&cuts);
        thread::spawn(move || accept(&listener, target, &kept));
        Self { address, cuts }
    }

    /// Where to connect instead of to the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets nothing through, either way.
    pub fn cut(&self) {
        self.cuts.set([true, true]);
    }

    /// Lets nothing through in this direction, and everything in the other.
    pub fn cut_one_way(&self, direction: Direction) {
        self.cuts.set([direction == Direction::There, direction == Direction::Back]);
    }

    /// Lets everything through again, what was kept first.
    pub fn heal(&self) {
        self.cuts.set([false, false]);
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        self.cuts.ended.store(true, Ordering::Relaxed);
        self.heal();
    }
}

fn accept(listener: &TcpListener, target: SocketAddr, cuts: &Arc<Cuts>) {
    while !cuts.ended.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => {
                let cuts = Arc::clone(cuts);
                thread::spawn(move || connect(&stream, target, &cuts));
            }
            Err(_) => thread::sleep(LOOK),
        }
    }
}

/// Carries both directions of one connection. The connection itself waits, too, while the way there is cut.
fn connect(near: &TcpStream, target: SocketAddr, cuts: &Arc<Cuts>) {
    near.set_nonblocking(false).unwrap();
    if !cuts.pass(Direction::There) {
        return;
    }
    // Dropping `near` says that nobody listens.
    let Ok(far) = TcpStream::connect(target) else { return };
    for stream in [near, &far] {
        stream.set_nodelay(true).unwrap();
    }
    let ways = [(near, &far, Direction::There), (&far, near, Direction::Back)];
    for (from, to, direction) in ways {
        let (from, to, cuts) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(cuts));
        thread::spawn(move || carry(from, to, direction, &cuts));
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, direction: Direction, cuts: &Cuts) {
    let mut bytes = [0; 16 << 10];
    loop {
        let read = from.read(&mut bytes).unwrap_or(0);
        // What was read before the cut isn't there yet, nor is the end of a connection.
        if !cuts.pass(direction) || read == 0 || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    // Failing means that the other side has closed it already.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets, a network before it, and a client of it.
    fn echo() -> (Partition, TcpStream) {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let partition = Partition::before(server.local_addr().unwrap());
        thread::spawn(move || {
            let (stream, _) = server.accept().unwrap();
            std::io::copy(&mut stream.try_clone().unwrap(), &mut &stream)
        });
        let client = TcpStream::connect(partition.address()).unwrap();
        (partition, client)
    }

    fn answered(client: &mut TcpStream, patience: Duration) -> bool {
        client.set_read_timeout(Some(patience)).unwrap();
        client.read_exact(&mut [0; 1]).is_ok()
    }

    #[test]
    fn cuts_hold_bytes_back_and_healing_delivers_them() {
        let cuts: [fn(&Partition); 3] = [
            Partition::cut,
            |partition| partition.cut_one_way(Direction::There),
            |partition| partition.cut_one_way(Direction::Back),
        ];
        for cut in cuts {
            let (partition, mut client) = echo();
            client.write_all(b"a").unwrap();
            assert!(answered(&mut client, Duration::from_secs(10)));
            cut(&partition);
            client.write_all(b"b").unwrap();
            assert!(!answered(&mut client, Duration::from_millis(200)));
            partition.heal();
            assert!(answered(&mut client, Duration::from_secs(10)));
        }
    }
}
