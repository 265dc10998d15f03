//! With Python's `socket` module at the other end: UDP, multicast, Unix sockets with descriptors and credentials, TCP.
//!
//! Where there is no `python3` the tests say so and do nothing.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use cede::net::{DatagramBatch, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};

/// A Python program that runs beside the test.
struct Python {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Python {
    /// None where there is no Python, which is said.
    fn start(program: &str, arguments: &[&str]) -> Option<Self> {
        let mut command = Command::new("python3");
        command.env("PYENV_VERSION", "3.13.0").args(["-u", "-c", program]).args(arguments);
        let has_python = Command::new("python3")
            .env("PYENV_VERSION", "3.13.0")
            .args(["-c", "import sys, socket; sys.exit(sys.version_info < (3, 9))"])
            .status()
            .is_ok_and(|status| status.success());
        if !has_python {
            eprintln!("skipped: there is no python3 of version 3.9 or later");
            return None;
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Some(Python { child, stdout })
    }

    /// The next line that it writes.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }

    fn port(&mut self) -> u16 {
        self.line().parse().expect("the program says its port")
    }

    fn ends_well(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that goes with this.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cede-interop-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn patiently(socket: &UdpSocket) {
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
}

#[test]
fn udp_goes_to_python_and_comes_back() {
    const PROGRAM: &str = r#"
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])
for _ in range(20):
    data, peer = s.recvfrom(2000)
    s.sendto(data[::-1], peer)
"#;
    let Some(mut python) = Python::start(PROGRAM, &[]) else { return };
    let address = (Ipv4Addr::LOCALHOST, python.port());
    cede::run(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        patiently(&socket);
        let mut buffer = [0; 2000];
        for i in 0..10 {
            let text = format!("datagram {i}");
            socket.send_to(text.as_bytes(), address).unwrap();
            let (length, _) = socket.recv_from(&mut buffer).unwrap();
            assert!(buffer[..length].iter().rev().eq(text.as_bytes()));
        }
        let batch: Vec<_> = (0..10u8).map(|i| ([i, i + 1], address.into())).collect();
        assert_eq!(socket.send_batch(&batch).unwrap(), 10);
        let mut back = Vec::new();
        let mut batch = DatagramBatch::new(16, 100);
        while back.len() < 10 {
            socket.recv_batch(&mut batch).unwrap();
            back.extend(batch.iter().map(|one| one.data.to_vec()));
        }
        assert!(back.into_iter().eq((0..10u8).map(|i| vec![i + 1, i])));
    });
    python.ends_well();
}

#[test]
fn python_and_cede_are_members_of_one_multicast_group() {
    const PROGRAM: &str = r#"
import socket, struct, sys
group, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(("", port))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton("127.0.0.1"))
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
print("joined")
data, _ = s.recvfrom(100)
s.sendto(data + b" and python", (group, port))
"#;
    let group = Ipv4Addr::new(239, 77, 2, 2);
    cede::run(|| {
        let member = UdpSocket::bind_shared((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
        member.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
        member.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        patiently(&member);
        let port = member.local_addr().unwrap().port();
        let Some(mut python) = Python::start(PROGRAM, &[&group.to_string(), &port.to_string()]) else {
            return;
        };
        assert_eq!(python.line(), "joined");
        member.send_to(b"cede", (group, port)).unwrap();
        let mut buffer = [0; 100];
        let heard = [(); 2].map(|()| {
            let length = member.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        });
        assert_eq!(heard, ["cede", "cede and python"], "what it sent itself comes back too");
        python.ends_well();
    });
}

#[test]
fn python_sends_descriptors_and_takes_some() {
    const PROGRAM: &str = r#"
import os, socket, sys
path, data = sys.argv[1], sys.argv[2]
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.connect(path)
with open(data) as f:
    socket.send_fds(s, [b"from python"], [f.fileno()])
message, fds, flags, _ = socket.recv_fds(s, 100, 10)
assert message == b"from cede", message
assert len(fds) == 2 and flags & socket.MSG_CTRUNC == 0, (fds, flags)
os.write(fds[0], b"written by python")
for fd in fds:
    os.close(fd)
print("done")
"#;
    let folder = Folder::new("descriptors");
    let (path, data) = (folder.0.join("socket"), folder.0.join("data"));
    fs::write(&data, "read by cede").unwrap();
    cede::run(|| {
        let listener = UnixListener::bind(&path).unwrap();
        let Some(mut python) = Python::start(PROGRAM, &[path.to_str().unwrap(), data.to_str().unwrap()])
        else {
            return;
        };
        let (stream, peer) = listener.accept().unwrap();
        assert!(peer.is_unnamed());
        if cfg!(target_os = "linux") {
            assert_eq!(stream.peer_cred().unwrap().pid, Some(python.child.id()));
        }
        let mut buffer = [0; 100];
        let mut received = stream.recv_with_descriptors(&mut buffer).unwrap();
        assert_eq!(&buffer[..received.length], b"from python");
        let file = File::from(received.descriptors.remove(0));
        assert_eq!(io::read_to_string(file).unwrap(), "read by cede");
        let written = File::create(folder.0.join("written")).unwrap();
        let null = File::open("/dev/null").unwrap();
        stream.send_with_descriptors(b"from cede", &[written.as_fd(), null.as_fd()]).unwrap();
        assert_eq!(python.line(), "done");
        assert_eq!(fs::read_to_string(folder.0.join("written")).unwrap(), "written by python");
        python.ends_well();
    });
}

#[test]
fn unix_datagrams_go_both_ways() {
    const PROGRAM: &str = r#"
import socket, sys
ours, theirs = sys.argv[1], sys.argv[2]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(ours)
print("bound")
for _ in range(100):
    data, peer = s.recvfrom(100)
    assert peer == theirs, peer
    s.sendto(data.upper(), peer)
"#;
    let folder = Folder::new("datagrams");
    let (python_path, path) = (folder.0.join("python"), folder.0.join("cede"));
    let arguments = [python_path.to_str().unwrap(), path.to_str().unwrap()];
    let Some(mut python) = Python::start(PROGRAM, &arguments) else { return };
    assert_eq!(python.line(), "bound");
    cede::run(|| {
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut buffer = [0; 100];
        for i in 0..100 {
            socket.send_to(format!("number {i}").as_bytes(), &python_path).unwrap();
            let (length, peer) = socket.recv_from(&mut buffer).unwrap();
            assert_eq!(buffer[..length], *format!("NUMBER {i}").as_bytes());
            assert_eq!(peer.as_pathname(), Some(&*python_path));
        }
    });
    python.ends_well();
}

#[cfg(target_os = "linux")]
#[test]
fn python_listens_in_the_abstract_namespace() {
    use std::os::linux::net::SocketAddrExt;
    const PROGRAM: &str = r#"
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind("\0" + sys.argv[1])
s.listen()
print("listens")
c, _ = s.accept()
while data := c.recv(65536):
    c.sendall(data)
"#;
    let name = format!("cede-interop-{}", std::process::id());
    let Some(mut python) = Python::start(PROGRAM, &[&name]) else { return };
    assert_eq!(python.line(), "listens");
    cede::run(|| {
        let address = cede::net::unix::SocketAddr::from_abstract_name(&name).unwrap();
        let stream = UnixStream::connect_addr(&address).unwrap();
        let data: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
        let mut back = Vec::new();
        cede::scope(|s| {
            s.spawn(|| {
                (&stream).write_all(&data).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            });
            s.spawn(|| (&stream).read_to_end(&mut back).unwrap());
        })
        .unwrap();
        assert!(back == data);
    });
    python.ends_well();
}

#[test]
fn a_python_client_gets_a_file_and_half_closes() {
    const PROGRAM: &str = r#"
import socket, sys
s = socket.create_connection(("localhost", int(sys.argv[1])))
s.sendall(b"the file, please")
s.shutdown(socket.SHUT_WR)
data = b""
while part := s.recv(65536):
    data += part
print(len(data), sum(data))
"#;
    let folder = Folder::new("send-file");
    let data: Vec<u8> = (0..3_000_000u32).map(|i| (i % 241) as u8).collect();
    fs::write(folder.0.join("file"), &data).unwrap();
    cede::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let Some(mut python) = Python::start(PROGRAM, &[&port]) else { return };
        let (stream, _) = listener.accept().unwrap();
        assert_eq!(io::read_to_string(&stream).unwrap(), "the file, please");
        let sent = stream.send_file(File::open(folder.0.join("file")).unwrap(), &mut 0, None).unwrap();
        assert_eq!(sent, data.len() as u64);
        drop(stream);
        let sum: u64 = data.iter().map(|&byte| u64::from(byte)).sum();
        assert_eq!(python.line(), format!("{} {sum}", data.len()));
        python.ends_well();
    });
}

#[test]
fn a_python_server_that_resets_is_an_error_with_its_address() {
    const PROGRAM: &str = r#"
import socket, struct
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])
c, _ = s.accept()
c.recv(1)
c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
c.close()
"#;
    let Some(mut python) = Python::start(PROGRAM, &[]) else { return };
    let port = python.port();
    cede::run(|| {
        let stream = TcpStream::connect(("localhost", port)).unwrap();
        (&stream).write_all(b"x").unwrap();
        let error = (&stream).read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(error.to_string().starts_with(&format!("can't read from 127.0.0.1:{port}: ")), "{error}");
    });
    python.ends_well();
}
