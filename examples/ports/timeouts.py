# Python 3.11. Timeouts around any code: nested, moved, and told apart from other cancellations.
import asyncio
from asyncio import CancelledError, create_task, get_running_loop, sleep, timeout

TICK = 0.03


async def read(name, ticks):
    try:
        await sleep(ticks * TICK)
    except CancelledError:
        print(f"{name} is interrupted")
        raise
    print(f"{name} is read")
    return ticks


async def simple():
    async with timeout(4 * TICK):
        ticks = await read("a short text", 2)
    print("in time, it took", ticks)
    try:
        async with timeout(2 * TICK):
            await read("a long text", 9)
    except TimeoutError:
        print("too late")


async def nested():
    try:
        async with timeout(5 * TICK):
            try:
                async with timeout(2 * TICK):
                    await read("the inner text", 9)
            except TimeoutError:
                print("the inner time is up")
            await read("the outer text", 9)
    except TimeoutError:
        print("the outer time is up")


async def moved():
    loop = get_running_loop()
    try:
        async with timeout(3 * TICK) as deadline:
            for part in (1, 2, 3):
                await read(f"part {part}", 2 * part)
                deadline.reschedule(loop.time() + 5 * TICK)
    except TimeoutError:
        print("no progress")


async def patient():
    async with timeout(9 * TICK):
        return await read("a text nobody wants", 20)


async def main():
    await simple()
    await nested()
    await moved()
    task = create_task(patient())
    await sleep(2 * TICK)
    task.cancel()
    try:
        await task
    except TimeoutError:
        print("the time was up")
    except CancelledError:
        print("somebody else has cancelled it")


if __name__ == "__main__":
    asyncio.run(main())
