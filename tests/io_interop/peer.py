# One side of the conversation of tests/io_interop.rs, by asyncio's streams: `peer.py client PORT`, or `peer.py server`.
import asyncio
import sys

SIZE = 3 << 20


async def until(reader, separators):
    if sys.version_info >= (3, 13):
        return await reader.readuntil(separators)
    # Before, there was one separator at most.
    text = b""
    while not text.endswith(separators):
        text += await reader.readexactly(1)
    return text


async def serve(reader, writer):
    # Lines, until an empty one.
    while (line := await reader.readline()) != b"\n":
        writer.write(line.upper())
        await writer.drain()
    # Up to one of several separators.
    parts = [await until(reader, (b";", b"|", b"\r\n")) for _ in range(3)]
    writer.write(b",".join(b"%d" % len(part) for part in parts) + b"\n")
    await writer.drain()
    # A frame, of a length that comes first, back again.
    length = int.from_bytes(await reader.readexactly(4))
    frame = await reader.readexactly(length)
    writer.writelines([length.to_bytes(4), frame])
    await writer.drain()
    # A line over the limit, whose pieces are errors.
    errors = 0
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            errors += 1
            continue
        if line == b"end\n":
            break
    writer.write(b"too long\n" if errors else b"fine\n")
    await writer.drain()
    # A message that breaks off.
    try:
        await reader.readexactly(100)
    except asyncio.IncompleteReadError as error:
        writer.write(b"%d of %d\n" % (len(error.partial), error.expected))
    writer.close()
    await writer.wait_closed()


async def talk(reader, writer):
    for n in range(100):
        writer.write(b"line %d\n" % n)
        await writer.drain()
        assert await reader.readline() == b"LINE %d\n" % n
    # A byte at a time.
    for byte in b"\na;bc|def\r\n":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    assert await reader.readline() == b"2,3,5\n"
    frame = bytes(range(256)) * (SIZE // 256)
    writer.write(SIZE.to_bytes(4) + frame)
    await writer.drain()
    assert int.from_bytes(await reader.readexactly(4)) == SIZE
    assert await reader.readexactly(SIZE) == frame
    writer.write(b"x" * 300_000 + b"\nend\n")
    await writer.drain()
    assert await reader.readline() == b"too long\n"
    writer.write(b"half of it")
    writer.write_eof()
    assert await reader.read() == b"10 of 100\n"
    assert reader.at_eof()
    writer.close()
    await writer.wait_closed()


async def client(port):
    await talk(*await asyncio.open_connection("127.0.0.1", port))


async def server():
    done = asyncio.get_running_loop().create_future()

    async def handle(reader, writer):
        try:
            await serve(reader, writer)
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    async with listening:
        await done


asyncio.run(client(int(sys.argv[2])) if sys.argv[1] == "client" else server())
