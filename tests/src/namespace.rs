//! Network namespaces: a process that has a network of its own, and cables to it that can be pulled out.
//!
//! Made with `ip`, which needs root. What a cable loses is lost in the kernel: nobody is told that a connection has ended, and
//! neither side's process has a part in it.

use std::{
    net::{IpAddr, Ipv4Addr},
    process::{self, Command, Output},
    sync::atomic::{AtomicU16, Ordering},
};

use crate::{Direction, process::is_root};

/// Networks of four addresses each in 169.254.0.0/16, below that of the addresses where clouds keep their secrets.
const NETWORKS: u16 = 169 * 64;
/// No network card has it: it is one that somebody made up.
const NOBODY: &str = "02:00:5e:00:53:01";

/// A network namespace. Removed when dropped, with the cables to it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new one, without any way out; `None` for who isn't root and so can't make any. Root must be able to: a test that passes
    /// because it did nothing proves nothing, and `tests/run` is root's wherever it counts.
    pub fn new() -> Option<Self> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        if !is_root() {
            return None;
        }
        let name = format!("portals-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let made = ip(&["netns", "add", &name]);
        assert!(
            made.status.success(),
            "root can't make a network namespace here (in a container it takes CAP_NET_ADMIN and CAP_SYS_ADMIN): {}",
            said(&made)
        );
        let namespace = Self { name };
        namespace.must(&["link", "set", "lo", "up"]);
        Some(namespace)
    }

    /// A command that runs `program` in it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Lays a cable to it.
    pub fn cable(&self) -> Cable {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Another run of the tests begins elsewhere.
        let begin = u16::try_from(process::id() % u32::from(NETWORKS)).unwrap();
        for _ in 0..NETWORKS {
            let network = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % NETWORKS;
            let interface = format!("portals{network}");
            let added =
                ip(&["link", "add", &interface, "type", "veth", "peer", "name", &interface, "netns", &self.name]);
            if added.status.success() {
                let [high, low] = [network / 64, network % 64 * 4].map(|part| u8::try_from(part).unwrap());
                let address = |last| Ipv4Addr::new(169, 254, high, low + last);
                let cable = Cable { namespace: self.name.clone(), interface, near: address(1), far: address(2) };
                cable.connect();
                return cable;
            }
            // Another run's.
            assert!(said(&added).contains("exists"), "{}", said(&added));
        }
        panic!("every network is somebody's");
    }

    fn must(&self, arguments: &[&str]) {
        must(&[&["-n", &self.name], arguments].concat());
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What still runs in it keeps it until its end: it has no name any more, and goes with it.
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

/// A cable between this machine and a namespace. Removed when dropped.
#[derive(Debug)]
pub struct Cable {
    namespace: String,
    /// The name of both ends, each on its side.
    interface: String,
    near: Ipv4Addr,
    far: Ipv4Addr,
}

impl Cable {
    /// This machine's address.
    pub fn near(&self) -> IpAddr {
        self.near.into()
    }

    /// The namespace's.
    pub fn far(&self) -> IpAddr {
        self.far.into()
    }

    /// Pulls it out of the namespace, which is told so: what isn't sent yet has no way any more.
    pub fn pull(&self) {
        self.within(&["link", "set", &self.interface, "down"]);
    }

    /// Loses without a word whatever goes that way, from the namespace ([`Direction::There`]) or to it, and nothing that goes the
    /// other way: it is sent to a network card that nobody has. A route into nowhere would tell the sender, and one of this
    /// machine's would have it refuse what comes from there, too, where it asks for the way back (`rp_filter`); what `tc` has for
    /// this is a module that not every kernel comes with.
    pub fn lose(&self, direction: Direction) {
        let (near, far) = (self.near.to_string(), self.far.to_string());
        let to = |address| ["neigh", "replace", address, "lladdr", NOBODY, "dev", &self.interface, "nud", "permanent"];
        match direction {
            Direction::There => self.within(&to(&near)),
            Direction::Back => must(&to(&far)),
        }
    }

    /// As it was.
    pub fn mend(&self) {
        let (near, far) = (self.near.to_string(), self.far.to_string());
        // One that was never said refuses to go.
        let _ = ip(&["neigh", "delete", &far, "dev", &self.interface]);
        let _ = ip(&["-n", &self.namespace, "neigh", "delete", &near, "dev", &self.interface]);
        self.within(&["link", "set", &self.interface, "up"]);
    }

    fn connect(&self) {
        let (near, far) = (format!("{}/30", self.near), format!("{}/30", self.far));
        must(&["address", "add", &near, "dev", &self.interface]);
        must(&["link", "set", &self.interface, "up"]);
        self.within(&["address", "add", &far, "dev", &self.interface]);
        self.within(&["link", "set", &self.interface, "up"]);
    }

    fn within(&self, arguments: &[&str]) {
        must(&[&["-n", &self.namespace], arguments].concat());
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        // Gone already where the namespace is.
        let _ = ip(&["link", "delete", &self.interface]);
    }
}

fn ip(arguments: &[&str]) -> Output {
    Command::new("ip").args(arguments).output().unwrap_or_else(|error| panic!("ip (iproute2) can't be run: {error}"))
}

#[track_caller]
fn must(arguments: &[&str]) {
    let output = ip(arguments);
    assert!(output.status.success(), "ip {arguments:?}: {}", said(&output));
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        process::Stdio,
        time::Duration,
    };

    use super::*;
    use crate::wait;

    /// Sends back what it gets, in a line of its own each.
    const ECHO: &str = "import socket, sys\n\
                        far = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n\
                        while data := far.recv(1): far.sendall(data); print(data.decode(), flush=True)";

    fn arrives(stream: &mut TcpStream, patience: Duration) -> bool {
        stream.set_read_timeout(Some(patience)).unwrap();
        stream.read_exact(&mut [0; 1]).is_ok()
    }

    #[test]
    fn a_cable_loses_what_it_is_told_to_and_nothing_else() {
        let Some(namespace) = Namespace::new() else { return };
        let cable = namespace.cable();
        let listener = TcpListener::bind((cable.near(), 0)).unwrap();
        let (address, port) = (cable.near().to_string(), listener.local_addr().unwrap().port().to_string());
        let mut command = namespace.command("python3");
        let mut far = command.args(["-uc", ECHO, &address, &port]).stdout(Stdio::piped()).spawn().unwrap();
        let (mut near, _) = listener.accept().unwrap();
        let mut heard = far.stdout.take().unwrap();
        for (fault, is_heard) in [(None, false), (Some(Direction::There), true), (Some(Direction::Back), false)] {
            near.write_all(b"a").unwrap();
            assert!(arrives(&mut near, Duration::from_secs(10)), "{fault:?}: it is whole before");
            heard.read_exact(&mut [0; 2]).unwrap();
            fault.map_or_else(|| cable.pull(), |direction| cable.lose(direction));
            near.write_all(b"b").unwrap();
            if is_heard {
                // Alone the way from there is lost.
                heard.read_exact(&mut [0; 2]).unwrap();
            }
            assert!(!arrives(&mut near, Duration::from_millis(300)), "{fault:?}");
            cable.mend();
            assert!(arrives(&mut near, Duration::from_mins(1)), "{fault:?}: what was lost is sent again");
            if !is_heard {
                heard.read_exact(&mut [0; 2]).unwrap();
            }
        }
        drop(near);
        wait::need("the other side's end", Duration::from_secs(30), || far.try_wait().unwrap());
        let name = namespace.name.clone();
        drop(cable);
        drop(namespace);
        assert!(!String::from_utf8_lossy(&ip(&["netns", "list"]).stdout).contains(&name));
    }
}
