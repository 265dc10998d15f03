# Python 3.11. Asynchronous generators in a pipeline, left early, and as partners that answer.
import asyncio
from asyncio import TaskGroup, sleep
from contextlib import aclosing

TICK = 0.022


async def readings(name, number, pace):
    try:
        for i in range(number):
            await sleep(pace * TICK)
            yield i * i % 11
    finally:
        await sleep(TICK)
        print(f"{name} is switched off")


async def large(source):
    async for value in source:
        if value > 2:
            yield value


async def pairs(source):
    held = []
    async for value in source:
        held.append(value)
        if len(held) == 2:
            yield held
            held = []
    if held:
        yield held


async def show(name, number, pace):
    async for pair in pairs(large(readings(name, number, pace))):
        print(f"{name}: {pair}")


async def total():
    sum = 0
    while True:
        sum += yield sum


async def main():
    async with TaskGroup() as group:
        group.create_task(show("the left sensor", 4, 4))
        group.create_task(show("the right sensor", 5, 5))

    async with aclosing(readings("the last sensor", 100, 1)) as source:
        async for value in source:
            print("the last sensor:", value)
            if value == 9:
                break
    print("that was enough")

    sums = total()
    await anext(sums)
    for value in (5, 7, 30):
        print("the total is", await sums.asend(value))
    await sums.aclose()


if __name__ == "__main__":
    asyncio.run(main())
