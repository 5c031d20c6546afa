//! An address that leads to one server and then to another, as an address that moves on a failover does.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct State {
    target: Mutex<SocketAddr>,
    /// Connections of an earlier number are silent: what is sent on them goes nowhere, and nothing comes.
    number: AtomicU64,
    made: AtomicU64,
    ended: AtomicBool,
}

/// A proxy on a loopback port. Ends when dropped.
#[derive(Debug)]
pub struct Switch {
    address: SocketAddr,
    state: Arc<State>,
}

impl Switch {
    /// Before the server at `target`.
    pub fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let numbers = (AtomicU64::new(0), AtomicU64::new(0));
        let state =
            State { target: Mutex::new(target), number: numbers.0, made: numbers.1, ended: AtomicBool::new(false) };
        let state = Arc::new(state);
        let kept = Arc::clone(&state);
        thread::spawn(move || {
            while !kept.ended.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((near, _)) => connect(&near, &kept),
                    Err(_) => thread::sleep(LOOK),
                }
            }
        });
        Self { address, state }
    }

    /// Where to connect instead of to the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on connections lead to `target`. Those that there are fall silent without an end, as those to a machine whose
    /// power was cut.
    pub fn turn(&self, target: SocketAddr) {
        *self.state.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
        self.state.number.fetch_add(1, Ordering::SeqCst);
    }

    /// How many connections were made.
    pub fn made(&self) -> u64 {
        self.state.made.load(Ordering::SeqCst)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
    }
}

fn connect(near: &TcpStream, state: &Arc<State>) {
    near.set_nonblocking(false).unwrap();
    let number = state.number.load(Ordering::SeqCst);
    let target = *state.target.lock().unwrap_or_else(PoisonError::into_inner);
    // Dropping `near` says that nobody listens.
    let Ok(far) = TcpStream::connect(target) else { return };
    state.made.fetch_add(1, Ordering::SeqCst);
    for (from, to) in [(near, &far), (&far, near)] {
        from.set_nodelay(true).unwrap();
        let (from, to, state) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(state));
        thread::spawn(move || carry(from, to, number, &state));
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, number: u64, state: &State) {
    let mut bytes = [0; 16 << 10];
    loop {
        let read = from.read(&mut bytes).unwrap_or(0);
        while state.number.load(Ordering::SeqCst) != number {
            if state.ended.load(Ordering::Relaxed) {
                return;
            }
            thread::sleep(LOOK);
        }
        if read == 0 || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    // Failing means that the other side has closed it already.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
