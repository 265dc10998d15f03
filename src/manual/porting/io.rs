//! Streams, servers, transports, sockets, subprocesses.
//!
//! A stream is [`Read`](std::io::Read) and [`Write`](std::io::Write) here, in the shapes of std, and a call that would block suspends
//! its task. So a program that was written for threads and std's sockets is already what asyncio's streams were made for. For ports
//! these are there as well: [`StreamReader`](crate::io::StreamReader) and [`StreamWriter`](crate::io::StreamWriter) over anything that
//! reads and writes, with the verbs, limits and errors of asyncio's.
//!
//! # Streams and servers
//!
//! ```python
//! import asyncio
//!
//! async def serve(reader, writer):
//!     while line := await reader.readline():
//!         writer.write(line.upper())
//!         await writer.drain()
//!     writer.close()
//!
//! async def main():
//!     server = await asyncio.start_server(serve, "127.0.0.1", 0)
//!     host, port = server.sockets[0].getsockname()
//!
//!     reader, writer = await asyncio.open_connection(host, port)
//!     writer.write(b"hello\nworld\n")
//!     writer.write_eof()
//!     assert await reader.read() == b"HELLO\nWORLD\n"
//!     writer.close()
//!     await writer.wait_closed()
//!     server.close()
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::net::{TcpReader, TcpWriter, open_connection, start_server};
//! use std::io;
//!
//! fn serve(mut reader: TcpReader, mut writer: TcpWriter) -> io::Result<()> {
//!     for line in &mut reader {
//!         writer.write_nowait(&line?.to_ascii_uppercase())?;
//!         writer.drain()?;
//!     }
//!     writer.close()
//! }
//!
//! cede::run(|| {
//!     let server = start_server("127.0.0.1:0", serve)?;
//!     let address = server.local_addr()?;
//!
//!     let (mut reader, mut writer) = open_connection(address)?;
//!     writer.write_nowait(b"hello\nworld\n")?;
//!     writer.write_eof()?;
//!     assert_eq!(reader.read_to_eof()?, b"HELLO\nWORLD\n");
//!     writer.close()?;
//!     writer.wait_closed()?;
//!     server.close();
//!     Ok::<_, io::Error>(())
//! })?;
//! # Ok::<_, io::Error>(())
//! ```
//!
//! **What is written is sent by `drain`**, by `close`, or when it is more than the high-water mark: nobody sends it in the background, as
//! asyncio's transport does. A port that writes and then waits for an answer without a `drain` in between waits for ever; put one
//! there, or say `write_all` to the stream itself.
//!
//! The same in the shapes of std, which need no port of anything:
//!
//! ```
//! use cede::net::{Shutdown, TcpListener, TcpStream};
//! use std::io::{self, BufRead, BufReader, Read, Write};
//!
//! fn serve(stream: TcpStream) -> io::Result<()> {
//!     for line in BufReader::new(&stream).lines() {
//!         writeln!(&stream, "{}", line?.to_uppercase())?;
//!     }
//!     Ok(())
//! }
//!
//! fn accept(listener: TcpListener) -> io::Result<()> {
//!     for stream in listener.incoming() {
//!         let stream = stream?;
//!         cede::try_spawn(move || serve(stream));
//!     }
//!     Ok(())
//! }
//!
//! cede::run(|| {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let address = listener.local_addr()?;
//!     let server = cede::try_spawn(move || accept(listener));
//!
//!     let mut stream = TcpStream::connect(address)?;
//!     stream.write_all(b"hello\nworld\n")?;
//!     stream.shutdown(Shutdown::Write)?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer)?;
//!     assert_eq!(answer, "HELLO\nWORLD\n");
//!     server.cancel();
//!     Ok::<_, io::Error>(())
//! })?;
//! # Ok::<_, io::Error>(())
//! ```
//!
//! Here the loop is yours: what becomes of a handler that fails is said by `try_spawn` (reported) or by a
//! [`scope`](crate::scope) around the loop (ends the server). How many there may be at a time is a
//! [`Semaphore`](crate::sync::Semaphore). The examples `echo_server`, `chat` and `proxy` are whole programs.
//!
//! | asyncio | cede |
//! |---|---|
//! | `open_connection(host, port)` | [`open_connection((host, port))`](crate::net::open_connection()); without buffers [`TcpStream::connect`](crate::net::TcpStream::connect). where there are several addresses, with happy eyeballs |
//! | `open_connection(..., limit=)` | [`reader.set_limit(n)`](crate::io::StreamReader::set_limit) |
//! | `open_connection(..., happy_eyeballs_delay=, interleave=, local_addr=)` | [`TcpConnector`](crate::net::TcpConnector): `attempt_delay`, `interleave`, `local_addr`; where asyncio has no delay by default, cede has 250 ms. [`streams`](crate::io::streams) adds the buffers |
//! | `open_connection(..., sock=)` | [`streams`](crate::io::streams) of a `TcpStream::try_from` a socket of std, or of a [`TcpSocket::connect`](crate::net::TcpSocket::connect) |
//! | `open_connection(..., ssl=)`, `start_tls` | not there yet |
//! | `start_server(f, host, port)` | [`start_server((host, port), f)`](crate::net::start_server()): a handler returns a `Result`, and its errors and panics go to the task hook |
//! | `start_server(..., sock=, limit=, start_serving=)` | [`ServerBuilder`](crate::net::ServerBuilder) |
//! | `start_server(..., backlog=, reuse_address=, reuse_port=, keep_alive=)` | [`TcpSocket`](crate::net::TcpSocket) and its `listen(backlog)`, whose listener `ServerBuilder` takes |
//! | `open_unix_connection`, `start_unix_server` | [`open_unix_connection`](crate::net::open_unix_connection), [`start_unix_server`](crate::net::start_unix_server); without buffers [`UnixStream::connect`](crate::net::UnixStream::connect), [`UnixListener::bind`](crate::net::UnixListener::bind) |
//! | `async with server` | dropping it closes it |
//! | `server.sockets` | [`local_addrs`](crate::net::Server::local_addrs), [`local_addr`](crate::net::Server::local_addr) |
//! | `server.start_serving()`, `is_serving()` | [`start_serving`](crate::net::Server::start_serving), [`is_serving`](crate::net::Server::is_serving) |
//! | `server.serve_forever()` | [`serve_forever`](crate::net::Server::serve_forever); after a `close` by another task it returns, where asyncio's is cancelled |
//! | `server.close()`, `wait_closed()` | [`close`](crate::net::Server::close), in effect in the next tick; [`wait_closed`](crate::net::Server::wait_closed) waits for the handlers, not only for their connections |
//! | `server.close_clients()`, `abort_clients()` | [`close_clients`](crate::net::Server::close_clients), [`abort_clients`](crate::net::Server::abort_clients); [`cancel_clients`](crate::net::Server::cancel_clients) cancels the handlers |
//!
//! | `StreamReader` | cede, also without its `StreamReader` |
//! |---|---|
//! | `read(n)`; `read()` | [`read_up_to(n)`](crate::io::StreamReader::read_up_to), [`read_to_eof`](crate::io::StreamReader::read_to_eof); [`read`](std::io::Read::read), [`read_to_end`](std::io::Read::read_to_end) of std |
//! | `readexactly(n)` | [`readexactly(n)`](crate::io::StreamReader::readexactly); [`read_exact`](std::io::Read::read_exact) into a buffer, whose `IncompleteReadError` is `UnexpectedEof` |
//! | `IncompleteReadError.partial`, `.expected` | [`IncompleteReadError`](crate::io::IncompleteReadError) |
//! | `readline()` | [`readline`](crate::io::StreamReader::readline); [`BufRead::read_line`](std::io::BufRead::read_line) without a limit |
//! | `readuntil(sep)`, `readuntil((sep, sep))` | [`readuntil(sep)`](crate::io::StreamReader::readuntil), `readuntil([sep, sep])`; [`BufRead::read_until`](std::io::BufRead::read_until) for one byte |
//! | `async for line in reader` | `for line in &mut reader`; [`BufRead::lines`](std::io::BufRead::lines) |
//! | `at_eof()` | [`at_eof`](crate::io::StreamReader::at_eof): only a read finds the end |
//! | `LimitOverrunError`, and `ValueError` of `readline` | [`LimitOverrunError`](crate::io::LimitOverrunError); an error of kind `InvalidData` with one inside |
//! | `exception()` | [`error`](crate::io::StreamReader::error): of a connection that broke. What had come before is read first; asyncio gives it up |
//! | `set_exception`, `feed_data`, `feed_eof` | nothing: any `Read` takes its place in a test |
//! | a second reader at the same time: an error | does not compile; of a stream without a buffer allowed: each waits for its turn, and gets what comes then |
//!
//! | `StreamWriter` | cede, also without its `StreamWriter` |
//! |---|---|
//! | `write(data)` and `await drain()` | [`write_nowait(data)`](crate::io::StreamWriter::write_nowait), [`drain`](crate::io::StreamWriter::drain), which sends all of it; [`write_all`](std::io::Write::write_all) to the stream: waits until the system has taken the bytes |
//! | `write(data)` alone, that buffers without bound | `write_nowait`; `write_all` sends what is large at once, as far as the stream takes it, and waits above the high-water mark |
//! | `writelines(parts)` | [`writelines`](crate::io::StreamWriter::writelines); [`write_vectored`](std::io::Write::write_vectored) |
//! | `set_write_buffer_limits`, `get_write_buffer_limits`, `get_write_buffer_size` | [`set_write_buffer_limits(high, low)`](crate::io::StreamWriter::set_write_buffer_limits), [`write_buffer_limits`](crate::io::StreamWriter::write_buffer_limits), [`write_buffer_size`](crate::io::StreamWriter::write_buffer_size) |
//! | `pause_writing`, `resume_writing` | nothing: what is over the mark waits |
//! | `write_eof()`, `can_write_eof()` | [`write_eof`](crate::io::StreamWriter::write_eof), for what has [`ShutDown`](crate::io::ShutDown); [`shutdown(Shutdown::Write)`](crate::net::TcpStream::shutdown) |
//! | `close()`, `wait_closed()` | [`close`](crate::io::StreamWriter::close) sends what is left, waits for that, and tells of its errors; [`wait_closed`](crate::io::StreamWriter::wait_closed) |
//! | `is_closing()` | [`is_closing`](crate::io::StreamWriter::is_closing) |
//! | `transport.abort()` | [`abort`](crate::io::StreamWriter::abort) |
//! | `get_extra_info("peername")`, `"sockname"`, `"socket"` | [`writer.get_ref()`](crate::io::StreamWriter::get_ref) is the stream: `peer_addr`, `local_addr`; `nodelay`, `linger`, `keepalive`, sizes of buffers and their setters; [`AsFd`](std::os::fd::AsFd) |
//! | `get_extra_info("peercred")` | [`UnixStream::peer_cred`](crate::net::UnixStream::peer_cred) |
//!
//! Reading and writing at the same time needs no halves: `&TcpStream` reads and writes, and may be used by several tasks. Where halves are
//! wanted all the same, there are [`split`](crate::net::TcpStream::split) and [`into_split`](crate::net::TcpStream::into_split).
//!
//! # What is generic over `Read` and `Write`
//!
//! It just works, since nothing has to be `async`: parsers, encoders, compressors. Here csv and flate2 read and write sockets, and neither
//! has ever heard of cede. While one of them waits in a `read` deep inside, the others run.
//!
//! ```
//! use cede::io::StreamWriter;
//! use cede::net::{Shutdown, TcpListener, TcpStream};
//! use flate2::{Compression, read::GzDecoder, write::GzEncoder};
//! use std::error::Error;
//!
//! // Packed tables come in, packed sums go out.
//! fn sums(stream: &TcpStream) -> Result<(), Box<dyn Error>> {
//!     let mut rows = csv::Reader::from_reader(GzDecoder::new(stream));
//!     let mut sums = csv::Writer::from_writer(GzEncoder::new(StreamWriter::new(stream), Compression::fast()));
//!     for row in rows.records() {
//!         let sum: u64 = row?.iter().filter_map(|cell| cell.parse::<u64>().ok()).sum();
//!         sums.write_record([sum.to_string()])?;
//!     }
//!     sums.flush()?;
//!     Ok(())
//! }
//!
//! cede::run(|| -> Result<(), Box<dyn Error>> {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let address = listener.local_addr()?;
//!     let server = cede::try_spawn(move || sums(&listener.accept()?.0));
//!
//!     let stream = TcpStream::connect(address)?;
//!     let mut table = csv::Writer::from_writer(GzEncoder::new(&stream, Compression::fast()));
//!     table.write_record(["a", "b"])?;
//!     table.write_record(["1", "2"])?;
//!     table.write_record(["30", "40"])?;
//!     drop(table);
//!     stream.shutdown(Shutdown::Write)?;
//!     let text = std::io::read_to_string(GzDecoder::new(&stream))?;
//!     assert_eq!(text, "3\n70\n");
//!     server.join()?;
//!     Ok(())
//! })
//! # .unwrap();
//! ```
//!
//! # Copying
//!
//! [`io::copy`](crate::io::copy) is std's, and flushes where there is no more for now; [`copy_buf`](crate::io::copy_buf) loses nothing
//! when it is cancelled; [`copy_bidirectional`](crate::io::copy_bidirectional) and [`Relay`](crate::io::Relay) are a proxy, with
//! half-closes handed on. asyncio has none of them: a port replaces its two loops.
//!
//! # Timeouts
//!
//! `wait_for(reader.read(n), s)` cancels the read. Here a read has its own deadline, which costs no unwind:
//! [`set_read_timeout`](crate::net::TcpStream::set_read_timeout) and an error of kind `TimedOut`. A
//! [`timeout`](crate::timeout) around several operations is the other way. An interrupted `read` has read nothing, and whatever verb of a
//! [`StreamReader`](crate::io::StreamReader) is interrupted, as much as it had read is in its buffer, as in asyncio. So a message
//! that was half there when the time was over is read on later. What an interrupted `read_exact` of a stream without a buffer had read is
//! lost.
//!
//! # Transports and protocols
//!
//! A protocol is a set of callbacks that a transport calls, for want of a way to wait. What they do is a loop here:
//!
//! | asyncio | cede |
//! |---|---|
//! | `create_connection`, `create_server` with a protocol factory | a task with a stream, as above |
//! | `connection_made`, `data_received`, `eof_received`, `connection_lost` | before the loop, in the loop, a read of 0 bytes, after the loop |
//! | `pause_reading`, `resume_reading`, `is_reading` | not reading |
//! | `get_protocol`, `set_protocol` | another function with the same stream |
//! | `BufferedProtocol` | `read` into a buffer of your own |
//! | `transport.abort()` | [`StreamWriter::abort`](crate::io::StreamWriter::abort); [`set_linger(Some(Duration::ZERO))`](crate::net::TcpStream::set_linger) and dropping the stream |
//! | `create_datagram_endpoint`, `sendto`, `datagram_received`, `error_received` (UDP) | [`UdpSocket`](crate::net::UdpSocket): `send_to`, a loop over `recv_from`, whose error is what was received |
//! | `create_unix_connection`, `create_unix_server` | a task with a [`UnixStream`](crate::net::UnixStream) |
//! | `connect_read_pipe`, `connect_write_pipe` | [`PipeReader`](crate::io::PipeReader), [`PipeWriter`](crate::io::PipeWriter), [`stdin`](crate::io::stdin()), [`stdout`](crate::io::stdout()) |
//! | `connect_accepted_socket` | `TcpStream::try_from` a stream of std |
//! | `loop.sendfile`, `sock_sendfile` | [`send_file`](crate::net::TcpStream::send_file) |
//! | `SendfileNotAvailableError` | nothing: where the system does not copy, cede does |
//!
//! # Sockets and descriptors
//!
//! | asyncio | cede |
//! |---|---|
//! | `add_reader(fd, f)`, `remove_reader`, `add_writer`, `remove_writer` | a task that waits for [`Watched::readable`](crate::io::Watched::readable) and [`writable`](crate::io::Watched::writable) in a loop |
//! | `sock_recv`, `sock_recv_into`, `sock_recvfrom`, `sock_recvfrom_into`, `sock_sendall`, `sock_sendto`, `sock_connect`, `sock_accept` | [`Watched::read_with`](crate::io::Watched::read_with), [`write_with`](crate::io::Watched::write_with) around the call |
//! | `getaddrinfo` | [`ToSocketAddrs`](crate::net::ToSocketAddrs) in `connect` and `bind`; by itself std's, in [`unblock`](crate::runtime::unblock) |
//! | `getnameinfo` | not there yet |
//!
//! [`Watched`](crate::io::Watched) makes any descriptor wait for its task, also one of a kind of which cede knows nothing. What std has works with it:
//!
//! ```
//! use cede::io::Watched;
//! use std::net::UdpSocket;
//!
//! cede::run(|| {
//!     let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
//!     let address = other.local_addr()?;
//!     let (one, other) = (Watched::new(one)?, Watched::new(other)?);
//!     cede::try_spawn(move || one.write_with(|socket| socket.send_to(b"hello", address)));
//!
//!     let mut buffer = [0; 64];
//!     let (length, _) = other.read_with(|socket| socket.recv_from(&mut buffer))?;
//!     assert_eq!(&buffer[..length], b"hello");
//!     Ok::<_, std::io::Error>(())
//! })?;
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! # Files
//!
//! asyncio has none. What `aiofiles` has is in the chapter [`files`](super::files).
//!
//! # Subprocesses
//!
//! ```python
//! import asyncio, signal
//! from asyncio.subprocess import PIPE
//!
//! async def main():
//!     process = await asyncio.create_subprocess_exec("sort", "-r", stdin=PIPE, stdout=PIPE)
//!     stdout, stderr = await process.communicate(b"a\nb\n")
//!     assert (stdout, stderr, process.returncode) == (b"b\na\n", None, 0)
//!
//!     process = await asyncio.create_subprocess_shell("while read x; do echo got $x; done; exit 3", stdin=PIPE, stdout=PIPE)
//!     for word in (b"one", b"two"):
//!         process.stdin.write(word + b"\n")
//!         await process.stdin.drain()
//!         assert await process.stdout.readline() == b"got " + word + b"\n"
//!     process.stdin.close()
//!     assert await process.wait() == 3
//!
//!     process = await asyncio.create_subprocess_exec("sleep", "1000")
//!     process.send_signal(signal.SIGTERM)
//!     assert await process.wait() == -signal.SIGTERM
//!
//! asyncio.run(main())
//! ```
//!
//! ```
//! use cede::io::{StreamReader, StreamWriter};
//! use cede::process::{Command, Stdio, shell};
//! use std::io::{self, Write};
//! use std::os::unix::process::ExitStatusExt;
//!
//! cede::run(|| -> io::Result<()> {
//!     let mut process = Command::new("sort").arg("-r").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//!     let output = process.communicate("a\nb\n")?;
//!     assert_eq!((&*output.stdout, output.status.code()), (&b"b\na\n"[..], Some(0)));
//!
//!     let mut command = shell("while read x; do echo got $x; done; exit 3");
//!     let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//!     let mut stdin = StreamWriter::new(process.stdin.take().unwrap());
//!     let mut stdout = StreamReader::new(process.stdout.take().unwrap());
//!     for word in ["one", "two"] {
//!         writeln!(stdin, "{word}")?;
//!         stdin.drain()?;
//!         assert_eq!(stdout.readline()?, format!("got {word}\n").as_bytes());
//!     }
//!     drop(stdin);
//!     assert_eq!(process.wait()?.code(), Some(3));
//!
//!     let mut process = Command::new("sleep").arg("1000").spawn()?;
//!     process.terminate()?;
//!     assert_eq!(process.wait()?.signal(), Some(15));
//!     Ok(())
//! })
//! # .unwrap();
//! ```
//!
//! | asyncio | cede |
//! |---|---|
//! | `create_subprocess_exec(program, *args)` | [`Command::new(program).args(args).spawn()`](crate::process::Command) |
//! | `create_subprocess_shell(line)` | [`shell(line).spawn()`](crate::process::shell) |
//! | `stdin=PIPE`, `DEVNULL`, a file or descriptor; `None`, as this process has it | [`Stdio::piped()`](crate::process::Stdio), `null()`, `Stdio::from` a file or a pipe; `inherit()` |
//! | `stderr=STDOUT` | a pipe for both: `let (reader, writer) = io::pipe()?`, then `stdout(writer.try_clone()?)` and `stderr(writer)` |
//! | `env=`, `cwd=`, `user=`, `group=`, `process_group=` | `env_clear().envs(…)`, `current_dir`, `uid`, `gid`, [`process_group`](crate::process::Command::process_group) |
//! | `preexec_fn=`, `pass_fds=`, `start_new_session=` | `pre_exec` of [`as_std_mut`](crate::process::Command::as_std_mut), which is unsafe, for good reason: Python's may deadlock |
//! | `limit=` | [`StreamReader::with_limit`](crate::io::StreamReader::with_limit) |
//! | `process.stdin`, `stdout`, `stderr` | the same names: [`Write`](std::io::Write) and [`Read`](std::io::Read), in a [`StreamWriter`](crate::io::StreamWriter) and a [`StreamReader`](crate::io::StreamReader) where their verbs are wanted |
//! | `process.pid`, `returncode` | [`id`](crate::process::Child::id), [`try_wait`](crate::process::Child::try_wait), which looks; a negative one is [`signal`](std::os::unix::process::ExitStatusExt::signal) |
//! | `wait()` | [`waiting().wait()`](crate::process::Child::waiting), by any number of tasks; [`wait`](crate::process::Child::wait), which closes the input first, as std's |
//! | `communicate(input)` | [`communicate`](crate::process::Child::communicate). Cancelled it loses nothing, where asyncio's loses what it had read: call it again, or look at [`said_so_far`](crate::process::Child::said_so_far) |
//! | `wait_for(process.wait(), s)`, `wait_for(process.communicate(), s)` | [`wait_timeout`](crate::process::Child::wait_timeout), [`communicate_timeout`](crate::process::Child::communicate_timeout) |
//! | `send_signal(n)`, `terminate()`, `kill()` | the same; of one that has ended: nothing, where asyncio raises `ProcessLookupError` |
//! | `os.killpg(process.pid, n)` | [`send_signal_to_group`](crate::process::Child::send_signal_to_group), which reaches no stranger when the process has ended; [`shut_down_group`](crate::process::Child::shut_down_group), [`kill_group_on_drop`](crate::process::Command::kill_group_on_drop) |
//! | `terminate()`, and `kill()` after a while | [`shut_down(grace)`](crate::process::Child::shut_down) |
//! | a process that is forgotten is killed when its transport is collected | it goes on, as std's, and leaves no zombie; [`kill_on_drop`](crate::process::Command::kill_on_drop) |
//! | `subprocess.run(…, capture_output=True)` | [`output`](crate::process::Command::output), [`status`](crate::process::Command::status) |
//! | `loop.subprocess_exec`, `subprocess_shell`, `SubprocessProtocol`: `pipe_data_received`, `pipe_connection_lost`, `process_exited` | tasks that read the pipes, and one that waits |
//! | `SubprocessTransport`: `get_pid`, `get_returncode`, `get_pipe_transport` | as of the process, above |
//! | `PidfdChildWatcher`, `ThreadedChildWatcher` | the one where the system has it, else the other; nothing is to be set up, and children are waited for on any thread |
//!
//! The example `supervisor` is a whole program: it starts programs again when they end, writes what they say, and has them end in good order.
