# Python 3.11. What a task makes of its cancellation: it ends, cleans up first, goes on, or hands it down.
import asyncio
from asyncio import CancelledError, create_task, current_task, sleep

TICK = 0.03


async def cleans_up():
    try:
        await sleep(100 * TICK)
        return "slept well"
    finally:
        print("cleaning up")
        await sleep(2 * TICK)
        print("clean")


async def goes_on():
    try:
        await sleep(100 * TICK)
    except CancelledError:
        print("no, thanks; requests:", current_task().cancelling())
        print("one taken back, left:", current_task().uncancel())
    await sleep(TICK)
    return "still here"


async def never_begins():
    return "this is never returned"


async def waits_for(other):
    try:
        return await other
    except CancelledError:
        print("what it waits for was cancelled")
        raise


async def cancels_itself():
    current_task().cancel()
    print("it goes on to the next wait")
    await sleep(TICK)
    return "and not beyond it"


async def outcome(name, task):
    try:
        print(f"{name}: {await task}")
    except CancelledError:
        print(f"{name}: cancelled")


async def main():
    tasks = [create_task(cleans_up()), create_task(goes_on())]
    await sleep(TICK)
    never = create_task(never_begins())
    for task in [*tasks, never]:
        task.cancel()
    await outcome("never_begins", never)
    await outcome("goes_on", tasks[1])
    await outcome("cleans_up", tasks[0])
    if not tasks[0].cancel():
        print("too late to cancel it again")

    inner = create_task(cleans_up())
    outer = create_task(waits_for(inner))
    await sleep(TICK)
    outer.cancel()
    await outcome("waits_for", outer)
    await outcome("cancels_itself", create_task(cancels_itself()))


if __name__ == "__main__":
    asyncio.run(main())
