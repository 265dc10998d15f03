# Python 3.11. Context variables: values that tasks inherit, and change for themselves alone.
import asyncio
from asyncio import TaskGroup, create_task, get_running_loop, sleep
from contextvars import ContextVar, copy_context

TICK = 0.03
request = ContextVar("request", default="none")
depth = ContextVar("depth")


def log(text):
    print(f"[{request.get()}] {text}")


async def query(ticks):
    log("a query begins")
    await sleep(ticks * TICK)
    log("the query is done")


async def handle(name, ticks):
    request.set(name)
    log("hello")
    task = create_task(query(ticks))
    request.set(f"{name}, the answer")
    await task
    log("good-bye")


async def nested(level):
    token = depth.set(level)
    if level < 3:
        await nested(level + 1)
    print("depth:", depth.get())
    depth.reset(token)


async def main():
    async with TaskGroup() as group:
        for name, ticks in [("one", 3), ("two", 1), ("three", 2)]:
            group.create_task(handle(name, ticks))
    log("what tasks set is theirs")

    await nested(1)
    print("depth outside:", depth.get(0))

    request.set("main")
    context = copy_context()
    request.set("main, later")
    context.run(log, "in the copy")
    context.run(request.set, "changed in the copy")
    context.run(log, "in the copy again")
    log("outside")
    get_running_loop().call_soon(log, "in a callback")
    request.set("main, much later")
    await sleep(TICK)


if __name__ == "__main__":
    asyncio.run(main())
