# Python 3.11. Conditions and barriers: tasks that wait for what others do, and for each other.
import asyncio
from asyncio import Barrier, BrokenBarrierError, Condition, TaskGroup, sleep

TICK = 0.025


class Shelf:
    """Room for two loaves."""

    def __init__(self):
        self.condition, self.loaves = Condition(), []


async def baker(shelf):
    for loaf in range(1, 6):
        await sleep(TICK)
        async with shelf.condition:
            await shelf.condition.wait_for(lambda: len(shelf.loaves) < 2)
            shelf.loaves.append(loaf)
            print(f"loaf {loaf} is on the shelf")
            shelf.condition.notify_all()


async def customer(name, shelf, number, pace):
    for _ in range(number):
        async with shelf.condition:
            await shelf.condition.wait_for(lambda: shelf.loaves)
            loaf = shelf.loaves.pop(0)
            print(f"{name} takes loaf {loaf}")
            shelf.condition.notify_all()
        await sleep(pace * TICK)


async def hiker(name, barrier, pace):
    for place in ("bridge", "summit"):
        await sleep(pace * TICK)
        print(f"{name} is at the {place}")
        if await barrier.wait() == 2:
            print(f"{name} was the last")


async def late(name, barrier, ticks):
    try:
        await sleep(ticks * TICK)
        await barrier.wait()
    except BrokenBarrierError:
        print(f"{name} goes home")


async def main():
    shelf = Shelf()
    async with TaskGroup() as group:
        group.create_task(customer("ann", shelf, 3, 6))
        group.create_task(baker(shelf))
        await sleep(5 * TICK)
        group.create_task(customer("bob", shelf, 2, 3))
    print("loaves left:", len(shelf.loaves))

    barrier = Barrier(3)
    async with TaskGroup() as group:
        for name, pace in [("lea", 1), ("max", 3), ("tom", 2)]:
            group.create_task(hiker(name, barrier, pace))

    async with TaskGroup() as group:
        group.create_task(late("lea", barrier, 1))
        group.create_task(late("max", barrier, 4))
        await sleep(2 * TICK)
        print("waiting:", barrier.n_waiting)
        await barrier.abort()


if __name__ == "__main__":
    asyncio.run(main())
