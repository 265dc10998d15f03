# One side of the pipes of tests/process_communicate.rs, by asyncio: `peer.py child`, or `peer.py parent PROGRAM ARGUMENTS`.
import asyncio
import sys

SIZE = 3 << 20


async def standard_streams():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    # So that `drain` waits until all of it is in the pipe.
    transport.set_write_buffer_limits(0)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def child():
    reader, writer = await standard_streams()
    while (line := await reader.readline()) != b"\n":
        writer.write(line.upper())
        await writer.drain()
    frame = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    writer.write(frame)
    await writer.drain()
    assert await reader.read() == b""
    writer.write(b"bye\n")
    await writer.drain()
    writer.close()
    return 7


async def start(program):
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe)
    while await process.stdout.readline() != b"ready\n":
        pass
    return process


async def parent(program):
    process = await start(program)
    for n in range(100):
        process.stdin.write(b"line %d\n" % n)
        await process.stdin.drain()
        assert await process.stdout.readline() == b"LINE %d\n" % n
    frame = bytes(n * 7919 >> 8 & 255 for n in range(SIZE))
    process.stdin.write(b"\n" + SIZE.to_bytes(4, "big") + frame)
    await process.stdin.drain()
    assert await process.stdout.readexactly(SIZE) == frame
    process.stdin.close()
    assert await process.stdout.read() == b"bye\n"
    assert await process.wait() == 7

    process = await start(program)
    said, _ = await process.communicate(b"one\ntwo\n\n\0\0\0\x04abcd")
    assert said == b"ONE\nTWO\nabcdbye\n", said
    assert process.returncode == 7
    return 0


if sys.argv[1] == "child":
    sys.exit(asyncio.run(child()))
sys.exit(asyncio.run(parent(sys.argv[2:])))
