# Python 3.11. Groups of tasks: the first error ends the others, and all errors come together.
import asyncio
from asyncio import CancelledError, TaskGroup, sleep

TICK = 0.03


class Refused(Exception):
    pass


class Dirty(Exception):
    pass


async def work(name, ticks, reason=None):
    try:
        await sleep(ticks * TICK)
    except CancelledError:
        print(f"{name} is cancelled")
        raise
    if reason is not None:
        raise Refused(f"{name}: {reason}")
    print(f"{name} is done")
    return ticks


async def messy(name):
    try:
        await sleep(100 * TICK)
    except CancelledError:
        raise Dirty(f"{name} could not clean up") from None


async def all_well():
    async with TaskGroup() as group:
        a = group.create_task(work("a", 2))
        b = group.create_task(work("b", 1))
    print("sum:", a.result() + b.result())


async def one_fails():
    try:
        async with TaskGroup() as group:
            group.create_task(work("c", 1))
            group.create_task(work("d", 2, "no paper"))
            group.create_task(work("e", 3))
            await work("the body", 9)
    except* Refused as errors:
        print("refused:", *errors.exceptions)


async def several_fail():
    try:
        async with TaskGroup() as group:
            group.create_task(messy("f"))
            group.create_task(work("g", 1, "no ink"))
            group.create_task(messy("h"))
    except* Refused as errors:
        print("refused:", *errors.exceptions)
    except* Dirty as errors:
        print("dirty:", len(errors.exceptions))


async def the_body_fails():
    try:
        async with TaskGroup() as group:
            group.create_task(work("i", 3))
            await work("the body", 1, "no light")
    except* Refused as errors:
        print("refused:", *errors.exceptions)


async def main():
    await all_well()
    await one_fails()
    await several_fail()
    async with TaskGroup() as group:
        group.create_task(the_body_fails())
        group.create_task(work("j", 2))


if __name__ == "__main__":
    asyncio.run(main())
