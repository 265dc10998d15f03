# Python 3.11. Philosophers at a round table, with one fork between two of them.
import asyncio
from asyncio import Lock, TaskGroup, sleep

TICK = 0.025
NAMES = ["Anna", "Berta", "Cora", "Dora", "Emma"]


async def dine(seat, forks, thinks, eats):
    name = NAMES[seat]
    # Who takes the fork with the lower number first can't be part of a circle of waiters.
    first, second = sorted((seat, (seat + 1) % len(forks)))
    await sleep(thinks * TICK)
    async with forks[first]:
        print(f"{name} has fork {first}")
        async with forks[second]:
            print(f"{name} has fork {second}, and eats")
            await sleep(eats * TICK)
            print(f"{name} is full")


async def main():
    forks = [Lock() for _ in NAMES]
    async with TaskGroup() as group:
        for seat in range(len(NAMES)):
            group.create_task(dine(seat, forks, 1 + seat, 6))
    if not any(fork.locked() for fork in forks):
        print("all forks are on the table")


if __name__ == "__main__":
    asyncio.run(main())
