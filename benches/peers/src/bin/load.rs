//! The client of the workloads `echo` and `http`: one loop over epoll that sends on each connection when it has its answer.
//!
//! `load WORKLOAD PORT CONNECTIONS MILLISECONDS WARM_UP_MILLISECONDS SERVER_PID IDLE` opens as many connections more as `IDLE` says,
//! on which nothing is sent while it measures, and prints one line of
//!
//! - `requests_per_s`, `p50_us`, `p99_us`;
//! - `server_cpu_ns`: the CPU time of the server's process for one request, the system's share included;
//! - `server_user_ns`: what of that was not the system's share, counted in ticks and so less exact;
//! - `client_busy`: how much of its core this client used. Near 1.00 it is the client that limits `requests_per_s`, which is
//!   then no more than a lower bound for the server; `server_cpu_ns` holds all the same.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use peers::{Peer, cpu_time, unsupported};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

const ECHO_REQUEST: &[u8] = &[b'x'; 64];
const HTTP_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
const HTTP_BODY: &[u8] = b"Hello, world!";

struct Protocol {
    request: &'static [u8],
    /// How long a whole answer is that begins with these bytes, as soon as they tell.
    answer_length: fn(&[u8]) -> Option<usize>,
    /// What a right answer ends with.
    ending: &'static [u8],
}

const ECHO: Protocol =
    Protocol { request: ECHO_REQUEST, answer_length: |_| Some(ECHO_REQUEST.len()), ending: ECHO_REQUEST };
const HTTP: Protocol =
    Protocol { request: HTTP_REQUEST, answer_length: http_answer_length, ending: HTTP_BODY };

fn http_answer_length(received: &[u8]) -> Option<usize> {
    let head = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    assert!(received.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(received));
    let length = received[..head].split(|&byte| byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked("content-length:".len())?;
        name.eq_ignore_ascii_case(b"content-length:").then(|| value.trim_ascii())
    });
    let length = length.and_then(|digits| str::from_utf8(digits).ok()?.parse::<usize>().ok());
    Some(head + length.expect("an answer that says how long it is"))
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    sent: Instant,
}

impl Connection {
    fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection { stream, answer: Vec::new(), sent: Instant::now() })
    }

    /// Waits for one answer. Whoever connected before has then been accepted too.
    fn settle(&mut self, protocol: &Protocol) -> io::Result<()> {
        self.stream.set_nonblocking(false)?;
        self.send(protocol.request)?;
        while self.receive(protocol)?.is_none() {}
        self.stream.set_nonblocking(true)
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.sent = Instant::now();
        self.stream.write_all(request)
    }

    /// Reads what is there; how long the answer took when that is all of it.
    fn receive(&mut self, protocol: &Protocol) -> io::Result<Option<Duration>> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed a connection")),
            Ok(length) => self.answer.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
        match (protocol.answer_length)(&self.answer) {
            Some(length) if self.answer.len() >= length => {
                assert_eq!(self.answer.len(), length, "one answer to one request");
                assert!(self.answer.ends_with(protocol.ending), "the right answer");
                self.answer.clear();
                Ok(Some(self.sent.elapsed()))
            }
            _ => Ok(None),
        }
    }
}

/// Opens so many connections, no more at once than a server keeps that has not accepted them yet: one beyond would be
/// tried again a second later.
fn open_all(port: u16, count: u64, protocol: &Protocol) -> io::Result<Vec<Connection>> {
    let open = |index| {
        let mut connection = Connection::open(port)?;
        if index % 64 == 63 {
            connection.settle(protocol)?;
        }
        Ok(connection)
    };
    (0..count).map(open).collect()
}

/// How often an answer took how long. The buckets are a 32nd of a power of two of nanoseconds, 3 % wide at most.
struct Latencies(Vec<u64>);

impl Latencies {
    fn new() -> Self {
        Latencies(vec![0; 64 * 32])
    }

    fn add(&mut self, latency: Duration) {
        let nanoseconds = (latency.as_nanos() as u64).max(32);
        let power = u64::from(nanoseconds.ilog2());
        self.0[(power * 32 + ((nanoseconds >> (power - 5)) & 31)) as usize] += 1;
    }

    /// The latency below which this share of all lies, in microseconds.
    fn quantile(&self, share: f64) -> f64 {
        let wanted = (self.0.iter().sum::<u64>() as f64 * share) as u64;
        let mut seen = 0;
        let bucket = self.0.iter().position(|&count| {
            seen += count;
            seen > wanted
        });
        bucket.map_or(0.0, |bucket| {
            let (power, part) = (bucket as i32 / 32, bucket as f64 % 32.0);
            2f64.powi(power) * (1.0 + (part + 0.5) / 32.0) / 1e3
        })
    }
}

/// The CPU time of another process so far.
fn cpu_time_of(process: u64) -> Duration {
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls write what they are given a pointer to, and nothing else.
    let failed = unsafe {
        libc::clock_getcpuclockid(process as libc::pid_t, &raw mut clock) != 0
            || libc::clock_gettime(clock, &raw mut time) != 0
    };
    assert!(!failed, "the server runs");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Which share of its CPU time another process has spent outside of the system since an earlier time: user and system time
/// in ticks, at that time and now.
fn user_share(before: [u64; 2], now: [u64; 2]) -> f64 {
    let [user, system] = [now[0] - before[0], now[1] - before[1]];
    user as f64 / (user + system).max(1) as f64
}

/// The user and the system time of another process so far, in ticks.
fn ticks_of(process: u64) -> [u64; 2] {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the server runs");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let mut fields = after_name.split_whitespace().skip(11).map(|field| field.parse().expect("a number"));
    std::array::from_fn(|_| fields.next().expect("a line of so many fields"))
}

/// What was used of clocks and processors between two moments.
struct Reading {
    at: Instant,
    own: Duration,
    server: Duration,
    server_ticks: [u64; 2],
}

impl Reading {
    fn now(server: u64) -> Self {
        Reading {
            at: Instant::now(),
            own: cpu_time(),
            server: cpu_time_of(server),
            server_ticks: ticks_of(server),
        }
    }
}

fn main() -> io::Result<()> {
    let peer = Peer::from_command_line("load");
    let protocol = match peer.workload() {
        "echo" => ECHO,
        "http" => HTTP,
        _ => unsupported(),
    };
    let (port, count) = (peer.number(0) as u16, peer.number(1));
    let (length, warm_up) = (Duration::from_millis(peer.number(2)), Duration::from_millis(peer.number(3)));
    let server = peer.number(4);

    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let idle = open_all(port, peer.number(5), &protocol)?;
    let mut connections = open_all(port, count, &protocol)?;
    for (index, connection) in (0..).zip(&connections) {
        epoll::add(&epoll, &connection.stream, epoll::EventData::new_u64(index), epoll::EventFlags::IN)?;
    }
    for connection in &mut connections {
        connection.send(protocol.request)?;
    }
    let warm = Instant::now() + warm_up;
    let mut events = Vec::with_capacity(1024);
    let (mut answers, mut latencies, mut begin) = (0u64, Latencies::new(), None);
    let patience = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    let begin = loop {
        rustix::io::retry_on_intr(|| epoll::wait(&epoll, spare_capacity(&mut events), Some(&patience)))?;
        match &begin {
            None if Instant::now() >= warm => {
                (answers, latencies, begin) = (0, Latencies::new(), Some(Reading::now(server)));
            }
            Some(Reading { at, .. }) if at.elapsed() >= length => break begin.take().expect("it has begun"),
            _ => {}
        }
        for event in events.drain(..) {
            let connection = &mut connections[event.data.u64() as usize];
            if let Some(latency) = connection.receive(&protocol)? {
                latencies.add(latency);
                answers += 1;
                connection.send(protocol.request)?;
            }
        }
    };
    report(answers, &latencies, &begin, &Reading::now(server));
    drop(idle);
    Ok(())
}

fn report(answers: u64, latencies: &Latencies, begin: &Reading, end: &Reading) {
    let took = (end.at - begin.at).as_secs_f64();
    let server_cpu_ns = (end.server - begin.server).as_secs_f64() * 1e9 / answers.max(1) as f64;
    println!(
        "requests_per_s={:.0} p50_us={:.1} p99_us={:.1} client_busy={:.2} server_cpu_ns={server_cpu_ns:.0} \
         server_user_ns={:.0} requests={answers}",
        answers as f64 / took,
        latencies.quantile(0.50),
        latencies.quantile(0.99),
        (end.own - begin.own).as_secs_f64() / took,
        server_cpu_ns * user_share(begin.server_ticks, end.server_ticks),
    );
}
