# Python 3.11. A chat server and its clients, in one program: what one says all others hear.
import asyncio
from asyncio import TaskGroup, create_task, open_connection, sleep, start_server

TICK = 0.03
members = {}


async def tell(text):
    print("server:", text)
    for writer in list(members.values()):
        writer.write(f"{text}\n".encode())
        await writer.drain()


async def serve(reader, writer):
    name = (await reader.readline()).decode().strip()
    await tell(f"{name} comes in")
    members[name] = writer
    async for line in reader:
        await tell(f"{name} says {line.decode().strip()}")
    del members[name]
    writer.close()
    await tell(f"{name} has left")


async def listen(reader):
    return [line.decode().strip() async for line in reader]


async def client(port, name, begin, texts):
    await sleep(begin * TICK)
    reader, writer = await open_connection("127.0.0.1", port)
    writer.write(f"{name}\n".encode())
    listener = create_task(listen(reader))
    for text in texts:
        await sleep(4 * TICK)
        writer.write(f"{text}\n".encode())
        await writer.drain()
    await sleep(4 * TICK)
    writer.write_eof()
    heard = await listener
    writer.close()
    return heard


async def main():
    server = await start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with TaskGroup() as group:
        ann = group.create_task(client(port, "ann", 0, ["hello?", "is anybody here?", "well then"]))
        bob = group.create_task(client(port, "bob", 5, ["I am", "where are you?"]))
        eve = group.create_task(client(port, "eve", 7, ["me too"]))
    server.close()
    await server.wait_closed()
    for name, task in [("ann", ann), ("bob", bob), ("eve", eve)]:
        print(f"{name} has heard {len(task.result())} lines")
        for line in task.result():
            print(f"  {line}")


if __name__ == "__main__":
    asyncio.run(main())
