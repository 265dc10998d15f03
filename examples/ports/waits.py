# Python 3.11. Ways to wait: for the first, for a while, for all in the order in which they end, and shielded.
import asyncio
from asyncio import FIRST_COMPLETED, FIRST_EXCEPTION
from asyncio import as_completed, create_task, shield, sleep, wait, wait_for

TICK = 0.025


async def fetch(name, ticks):
    await sleep(ticks * TICK)
    print(f"{name} is here")
    return name


async def refuse(ticks):
    await sleep(ticks * TICK)
    raise PermissionError


async def for_a_while():
    print("got", await wait_for(fetch("a letter", 1), 3 * TICK))
    try:
        await wait_for(fetch("a parcel", 9), 2 * TICK)
    except TimeoutError:
        print("the parcel is late")
    parcel = create_task(fetch("a second parcel", 9))
    try:
        await wait_for(parcel, TICK)
    except TimeoutError:
        print("the second parcel is late;", "cancelled" if parcel.cancelled() else "on its way")


async def for_some():
    tasks = [create_task(fetch(name, ticks)) for name, ticks in [("tea", 6), ("milk", 1), ("bread", 4)]]
    done, pending = await wait(tasks, return_when=FIRST_COMPLETED)
    print(f"{len(done)} done, {len(pending)} pending")
    done, pending = await wait(tasks, timeout=TICK)
    print(f"{len(done)} done, {len(pending)} pending")
    done, pending = await wait([*tasks, create_task(refuse(1))], return_when=FIRST_EXCEPTION)
    print(f"{len(done)} done, {len(pending)} pending")
    done, pending = await wait(tasks)
    print(f"{len(done)} done, {len(pending)} pending")


async def as_they_come():
    guests = [create_task(fetch(f"guest {number}", 5 - number)) for number in (1, 2, 3)]
    for guest in as_completed(guests):
        print("welcome,", await guest)
    guests = [create_task(fetch(f"guest {number}", ticks)) for number, ticks in [(4, 1), (5, 9)]]
    try:
        for guest in as_completed(guests, timeout=3 * TICK):
            print("welcome,", await guest)
    except TimeoutError:
        print("we begin without the others")


async def shielded():
    saving = create_task(fetch("the saved file", 3))
    try:
        await wait_for(shield(saving), TICK)
    except TimeoutError:
        print("it is still being saved")
    print("waited for", await saving)


async def main():
    await for_a_while()
    await for_some()
    await as_they_come()
    await shielded()


if __name__ == "__main__":
    asyncio.run(main())
