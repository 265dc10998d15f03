//! What buffered streams cost beside raw reads and writes: `cargo bench --bench io`.
//!
//! Every figure is for one message that goes to a task over a TCP connection of this machine, and comes back. Both sides do it in the same
//! way; the size of the message is known to them.
//!
//! | way | a message is read by | and written by |
//! |---|---|---|
//! | `raw` | `read_exact` of the socket | `write_all` of the socket |
//! | `std` | `read_exact` of a `BufReader` | `write_all` and `flush` of a `BufWriter` |
//! | `streams` | `readexactly` of a `StreamReader` | `write_all` and `drain` of a `StreamWriter` |
//! | `lines` | `readline` of a `StreamReader` | as in `streams` |

use std::hint::black_box;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::time::{Duration, Instant};

use cede::io::{Shared, StreamReader, StreamWriter};
use cede::net::{Shutdown, TcpListener, TcpStream};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: &[usize] = &[16, 1 << 10, 16 << 10, 32 << 10, 64 << 10, 256 << 10];

/// How messages are read and written.
struct Way {
    name: &'static str,
    client: fn(&Shared<TcpStream>, &[u8], u64) -> io::Result<Duration>,
    server: fn(&Shared<TcpStream>, usize) -> io::Result<()>,
}

const WAYS: &[Way] = &[
    Way { name: "raw", client: raw_client, server: raw_server },
    Way { name: "std", client: std_client, server: std_server },
    Way { name: "streams", client: streams_client, server: streams_server },
    Way { name: "lines", client: lines_client, server: lines_server },
];

/// Sends a message so often, and waits for it each time.
fn timed(times: u64, mut round: impl FnMut() -> io::Result<()>) -> io::Result<Duration> {
    let start = Instant::now();
    for _ in 0..times {
        round()?;
    }
    Ok(start.elapsed())
}

/// Goes on until the peer ends.
fn until_the_end(mut round: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match round() {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            result => result?,
        }
    }
}

fn raw_client(stream: &Shared<TcpStream>, message: &[u8], times: u64) -> io::Result<Duration> {
    let mut stream = &**stream;
    let mut answer = vec![0; message.len()];
    timed(times, || {
        stream.write_all(message)?;
        stream.read_exact(&mut answer)
    })
}

fn raw_server(stream: &Shared<TcpStream>, size: usize) -> io::Result<()> {
    let mut stream = &**stream;
    let mut message = vec![0; size];
    until_the_end(|| {
        stream.read_exact(&mut message)?;
        stream.write_all(&message)
    })
}

fn std_client(stream: &Shared<TcpStream>, message: &[u8], times: u64) -> io::Result<Duration> {
    let (mut reader, mut writer) = (BufReader::new(&**stream), BufWriter::new(&**stream));
    let mut answer = vec![0; message.len()];
    timed(times, || {
        writer.write_all(message)?;
        writer.flush()?;
        reader.read_exact(&mut answer)
    })
}

fn std_server(stream: &Shared<TcpStream>, size: usize) -> io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(&**stream), BufWriter::new(&**stream));
    let mut message = vec![0; size];
    until_the_end(|| {
        reader.read_exact(&mut message)?;
        writer.write_all(&message)?;
        writer.flush()
    })
}

/// As [`streams`](cede::io::streams), of a stream that is kept.
fn buffered(
    stream: &Shared<TcpStream>,
) -> (StreamReader<Shared<TcpStream>>, StreamWriter<Shared<TcpStream>>) {
    (StreamReader::of_stream(stream.clone()), StreamWriter::new(stream.clone()))
}

fn streams_client(stream: &Shared<TcpStream>, message: &[u8], times: u64) -> io::Result<Duration> {
    let (mut reader, mut writer) = buffered(stream);
    timed(times, || {
        writer.write_all(message)?;
        writer.drain()?;
        black_box(reader.readexactly(message.len())?);
        Ok(())
    })
}

fn streams_server(stream: &Shared<TcpStream>, size: usize) -> io::Result<()> {
    let (mut reader, mut writer) = buffered(stream);
    until_the_end(|| {
        writer.write_all(&reader.readexactly(size)?)?;
        writer.drain()
    })
}

fn lines_client(stream: &Shared<TcpStream>, message: &[u8], times: u64) -> io::Result<Duration> {
    let (mut reader, mut writer) = buffered(stream);
    timed(times, || {
        writer.write_all(message)?;
        writer.drain()?;
        black_box(reader.readline()?);
        Ok(())
    })
}

fn lines_server(stream: &Shared<TcpStream>, _: usize) -> io::Result<()> {
    let (mut reader, mut writer) = buffered(stream);
    for line in &mut reader {
        writer.write_all(&line?)?;
        writer.drain()?;
    }
    Ok(())
}

/// The time that so many messages take.
fn measure(way: &'static Way, size: usize, times: u64) -> io::Result<Duration> {
    cede::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let client = Shared::new(TcpStream::connect(listener.local_addr()?)?);
        let stream = Shared::new(listener.accept()?.0);
        client.set_nodelay(true)?;
        stream.set_nodelay(true)?;
        let server = cede::try_spawn(move || (way.server)(&stream, size));
        let mut message = vec![b'x'; size];
        message[size - 1] = b'\n';
        let took = (way.client)(&client, &message, times)?;
        client.shutdown(Shutdown::Write)?;
        server.join()?;
        Ok(took)
    })
}

fn echo(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("io_echo");
    for &size in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        // A line may have 64 KiB.
        for way in WAYS.iter().filter(|way| way.name != "lines" || size <= 64 << 10) {
            group.bench_function(BenchmarkId::new(way.name, size), |bencher| {
                bencher.iter_custom(|times| measure(way, size, times).expect("both sides are here"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, echo);
criterion_main!(benches);
