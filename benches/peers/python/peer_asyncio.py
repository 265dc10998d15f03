"""asyncio, on its own loop or on uvloop's: `peer_asyncio.py NAME WORKLOAD NUMBER...`

NAME is asyncio or uvloop; with -proto at its end `echo` is written as a Protocol, whose callbacks are no tasks, and nothing
else is done.
"""
import asyncio
import random

from peer import *


async def yields(tasks, each):
    async def task():
        for _ in range(each):
            await asyncio.sleep(0)

    begin = clock()
    await asyncio.gather(*[asyncio.create_task(task()) for _ in range(tasks)])
    report(tasks * each, clock() - begin)


async def spawns(tasks, batch):
    async def task(number):
        return number

    begin = clock()
    total = 0
    for first in range(0, tasks, batch):
        for spawned in [asyncio.create_task(task(first + number)) for number in range(batch)]:
            total += await spawned
    assert total == sum_below(tasks)
    report(tasks, clock() - begin)


async def messages(count):
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def ping():
        for number in range(count // 2):
            await there.put(number)
            assert await back.get() == number

    async def pong():
        for _ in range(count // 2):
            await back.put(await there.get())

    begin = clock()
    await asyncio.gather(ping(), pong())
    report(count, clock() - begin)


async def tree(first, leaves):
    if leaves == 1:
        return first
    part = leaves // 10
    children = [asyncio.create_task(tree(first + child * part, part)) for child in range(10)]
    total = 0
    for child in children:
        total += await child
    return total


async def skynet(leaves, times):
    for _ in range(times):
        begin = clock()
        assert await asyncio.create_task(tree(0, leaves)) == sum_below(leaves)
        last = clock() - begin
    report(tasks_of_tree(leaves), last)


async def idle(tasks):
    begun = 0

    async def task():
        nonlocal begun
        begun += 1
        await asyncio.sleep(FOREVER)

    before = memory()
    held = {asyncio.create_task(task()) for _ in range(tasks)}
    while begun < len(held):
        await asyncio.sleep(0)
    await asyncio.sleep(SETTLING)
    report_memory(tasks, memory() - before)
    leave()


async def timers(tasks):
    length = random.Random(1)
    before = cpu_time()
    spawned = [asyncio.create_task(asyncio.sleep(length.randrange(1_000_000) / 1e6)) for _ in range(tasks)]
    for task in spawned:
        await task
    report_cpu(tasks, cpu_time() - before)


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def echo_stream(reader, writer):
    try:
        while data := await reader.read(ECHO_BUFFER):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def echo():
    if name.endswith("-proto"):
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", numbers[0])
    else:
        server = await asyncio.start_server(echo_stream, "127.0.0.1", numbers[0])
    ready()
    await server.serve_forever()


async def http():
    from aiohttp import web

    async def hello(_):
        return web.Response(text="Hello, world!", content_type="text/plain")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", numbers[0]).start()
    ready()
    await asyncio.sleep(FOREVER)


one_thread_only()
if name.endswith("-proto") and workload != "echo":
    unsupported()
if name.startswith("uvloop"):
    from uvloop import run
else:
    from asyncio import run
if workload == "yield":
    run(yields(numbers[0], numbers[1]))
elif workload == "spawn":
    run(spawns(numbers[0], numbers[2]))
elif workload == "pingpong":
    run(messages(numbers[0]))
elif workload == "skynet":
    run(skynet(numbers[0], numbers[2]))
elif workload == "idle":
    run(idle(numbers[0]))
elif workload == "timers":
    run(timers(numbers[0]))
elif workload == "echo":
    run(echo())
elif workload == "http":
    run(http())
else:
    unsupported()
