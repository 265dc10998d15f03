# The program that program.rs is a port of; printed.txt holds what CPython 3.13 prints for it.
import asyncio
from asyncio import Queue, QueueShutDown, TaskGroup, sleep


async def producer(name, pause, q):
    for i in range(3):
        await sleep(pause / 1000)
        await q.put(f"{name}{i}")
        print(f"{name} has put {i}")


async def consumer(q):
    try:
        while True:
            print("consumer got", await q.get())
            await sleep(0.5)
    except QueueShutDown:
        print("consumer saw the end")


async def program():
    q = Queue(1)
    async with TaskGroup() as outer:
        outer.create_task(consumer(q))
        async with TaskGroup() as inner:
            inner.create_task(producer("a", 100, q))
            inner.create_task(producer("b", 170, q))
        q.shutdown()
        print("all have put")


if __name__ == "__main__":
    asyncio.run(program())
