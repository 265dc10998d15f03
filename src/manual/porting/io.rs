//! Streams, servers, transports, sockets, subprocesses.
//!
//! cede has the shapes of std here, not those of asyncio: a stream is [`Read`](std::io::Read) and [`Write`](std::io::Write), a
//! listener accepts. A call that would block suspends its task, so that a program which was written for threads and
//! std's sockets is already what `StreamReader` and `StreamWriter` were made for. See below for what is not there yet.
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
//! `start_server` accepts in tasks that nobody sees, and only reports what goes wrong in them. Here the loop is yours: what becomes of a
//! handler that fails is said by `try_spawn` (reported) or by a [`scope`](crate::scope) around the loop (ends the server). How many
//! there may be at a time is a [`Semaphore`](crate::sync::Semaphore). The example `echo_server` is a whole program.
//!
//! | asyncio | cede |
//! |---|---|
//! | `open_connection(host, port)` | [`TcpStream::connect((host, port))`](crate::net::TcpStream::connect): where there are several, with happy eyeballs |
//! | `open_connection(..., happy_eyeballs_delay=, interleave=, local_addr=)` | [`TcpConnector`](crate::net::TcpConnector): `attempt_delay`, `interleave`, `local_addr`; where asyncio has no delay by default, cede has 250 ms |
//! | `open_connection(..., sock=)` | `TcpStream::try_from` a socket of std, [`TcpSocket::connect`](crate::net::TcpSocket::connect) |
//! | `open_connection(..., ssl=)`, `start_tls` | not there yet |
//! | `start_server(f, host, port)` | [`TcpListener::bind`](crate::net::TcpListener::bind), a loop over [`incoming`](crate::net::TcpListener::incoming), a task for each |
//! | `start_server(..., backlog=, reuse_address=, reuse_port=, keep_alive=)` | [`TcpSocket`](crate::net::TcpSocket), and its `listen(backlog)` |
//! | `open_unix_connection`, `start_unix_server` | [`UnixStream::connect`](crate::net::UnixStream::connect), [`UnixListener::bind`](crate::net::UnixListener::bind) |
//! | `server.sockets` | [`local_addr`](crate::net::TcpListener::local_addr) |
//! | `server.serve_forever()`, `start_serving()` | the loop |
//! | `server.close()`, `wait_closed()` | cancel and join the task of the loop; the listener closes with it |
//! | `server.close_clients()`, `abort_clients()` | cancel the tasks of the clients: those of a `TaskGroup` by its [`cancel`](crate::TaskGroup::cancel) |
//! | `server.is_serving()` | the loop's task `is_finished()` |
//!
//! | `StreamReader` | cede |
//! |---|---|
//! | `read(n)`; `read()` | [`read`](std::io::Read::read) into a buffer of `n`; [`read_to_end`](std::io::Read::read_to_end) |
//! | `readexactly(n)` | [`read_exact`](std::io::Read::read_exact); `IncompleteReadError` is `UnexpectedEof` |
//! | `IncompleteReadError.partial` | what was read is in the buffer, whose length std does not tell: read in a loop where it matters |
//! | `readline()` | [`BufRead::read_line`](std::io::BufRead::read_line), or `read_until(b'\n')` for bytes |
//! | `readuntil(sep)` | [`BufRead::read_until`](std::io::BufRead::read_until), one byte; several bytes or several separators: not there yet |
//! | `async for line in reader` | [`BufRead::lines`](std::io::BufRead::lines) |
//! | `at_eof()` | a read of 0 bytes; [`BufRead::fill_buf`](std::io::BufRead::fill_buf) that gives nothing |
//! | the limit of 64 KiB, `LimitOverrunError` | no limit by itself: [`Read::take`](std::io::Read::take) around the stream |
//! | `set_exception`, `feed_data`, `feed_eof` | nothing: any `Read` takes its place in a test |
//! | a second reader at the same time: an error | allowed: each waits for its turn, and gets what comes then |
//!
//! | `StreamWriter` | cede |
//! |---|---|
//! | `write(data)` and `await drain()` | [`write_all`](std::io::Write::write_all): waits until the system has taken the bytes |
//! | `write(data)` alone, that buffers without bound | nothing; a [`BufWriter`](std::io::BufWriter) for small pieces |
//! | `writelines(parts)` | [`write_vectored`](std::io::Write::write_vectored) |
//! | high and low water marks: `set_write_buffer_limits`, `get_write_buffer_size`, `pause_writing`, `resume_writing` | nothing: the system's buffer is the only one |
//! | `write_eof()`, `can_write_eof()` | [`shutdown(Shutdown::Write)`](crate::net::TcpStream::shutdown) |
//! | `close()`, `wait_closed()` | dropping the stream; errors of a `BufWriter` come from `flush` |
//! | `is_closing()` | nothing: a stream that is there is open |
//! | `get_extra_info("peername")`, `"sockname"` | [`peer_addr`](crate::net::TcpStream::peer_addr), [`local_addr`](crate::net::TcpStream::local_addr) |
//! | `get_extra_info("socket")` | [`AsFd`](std::os::fd::AsFd); `nodelay`, `ttl`, `linger`, `keepalive`, sizes of buffers and their setters |
//! | `get_extra_info("peercred")` | [`UnixStream::peer_cred`](crate::net::UnixStream::peer_cred) |
//!
//! Reading and writing at the same time needs no halves: `&TcpStream` reads and writes, and may be used by several tasks. Where halves are
//! wanted all the same, there are [`split`](crate::net::TcpStream::split) and [`into_split`](crate::net::TcpStream::into_split).
//!
//! # Timeouts
//!
//! `wait_for(reader.read(n), s)` cancels the read. Here a read has its own deadline, which costs no unwind:
//! [`set_read_timeout`](crate::net::TcpStream::set_read_timeout) and an error of kind `TimedOut`. A
//! [`timeout`](crate::timeout) around several operations is the other way. An interrupted `read` has read nothing; what an
//! interrupted `read_exact` had read already is lost, where asyncio's `readexactly` leaves it in its buffer. Where the stream is
//! to be used on after that, read piece by piece into a buffer that outlives the timeout.
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
//! | `transport.abort()` | [`set_linger(Some(Duration::ZERO))`](crate::net::TcpStream::set_linger) and dropping the stream |
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
//! asyncio has none, and `aiofiles` runs each call on a thread. Files of their own kind are not there yet: use std's, in
//! [`unblock`](crate::runtime::unblock) where they are slow.
//!
//! # Subprocesses
//!
//! | asyncio | cede |
//! |---|---|
//! | `create_subprocess_exec`, `create_subprocess_shell`, `loop.subprocess_exec`, `subprocess_shell` | not there yet |
//! | `process.wait()`, `communicate()`, `send_signal`, `terminate`, `kill`, `returncode`, `pid` | not there yet |
//! | `SubprocessProtocol`, `SubprocessTransport`, `PidfdChildWatcher` and the others | not there yet |
//!
//! Until then [`std::process::Command`] does it, in [`unblock`](crate::runtime::unblock), which is as good as
//! `communicate()` where nothing has to be said to the child while it runs:
//!
//! ```
//! use std::process::Command;
//!
//! let output = cede::run(|| cede::runtime::unblock(|| Command::new("echo").arg("hello").output()))?;
//! assert_eq!(output.stdout, b"hello\n");
//! # Ok::<_, std::io::Error>(())
//! ```
