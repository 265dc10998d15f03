# Python 3.13. Queues that order what is in them, that refuse, and that are shut down.
import asyncio
from asyncio import LifoQueue, PriorityQueue, Queue, QueueEmpty, QueueFull, QueueShutDown, TaskGroup, sleep

TICK = 0.025


async def nurse(patients):
    try:
        while True:
            urgency, name = await patients.get()
            print(f"{name} is treated, urgency {urgency}")
            await sleep(5 * TICK)
    except QueueShutDown:
        print("nobody waits any more")


async def arrivals(patients):
    for urgency, name in [(5, "ann"), (3, "bob"), (4, "eve"), (1, "joe")]:
        await patients.put((urgency, name))
        print(f"{name} comes in")
        await sleep(2 * TICK)
    patients.shutdown()
    print("closed")


async def plates():
    stack = LifoQueue(3)
    for plate in ("blue", "green", "red"):
        stack.put_nowait(plate)
    try:
        stack.put_nowait("white")
    except QueueFull:
        print("the stack is full at", stack.qsize())
    while not stack.empty():
        print("plate:", stack.get_nowait())
    try:
        stack.get_nowait()
    except QueueEmpty:
        print("no plates are left")


async def sender(queue):
    try:
        for number in range(1, 100):
            await queue.put(number)
            print("sent", number)
    except QueueShutDown:
        print("nobody wants", number)


async def main():
    patients = PriorityQueue()
    async with TaskGroup() as group:
        group.create_task(nurse(patients))
        group.create_task(arrivals(patients))
    await plates()

    queue = Queue(2)
    async with TaskGroup() as group:
        group.create_task(sender(queue))
        for _ in range(3):
            await sleep(TICK)
            print("got", await queue.get())
        await sleep(TICK)
        queue.shutdown(immediate=True)
    print("thrown away, left:", queue.qsize())


if __name__ == "__main__":
    asyncio.run(main())
