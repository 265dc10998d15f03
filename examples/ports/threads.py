# Python 3.11. Work in other threads, and calls from them into the loop.
import asyncio
from asyncio import Event, gather, get_running_loop, run_coroutine_threadsafe, sleep, to_thread
from threading import Thread

TICK = 0.03


def steps_to_one(number):
    """Blocks its thread for as long as it takes."""
    steps = 0
    while number != 1:
        number = 3 * number + 1 if number % 2 else number // 2
        steps += 1
    return steps


def digits(text):
    return int(text)


async def double(number):
    await sleep(TICK)
    return 2 * number


def outsider(loop, event):
    future = run_coroutine_threadsafe(double(21), loop)
    print("the outsider gets", future.result())
    loop.call_soon_threadsafe(event.set)


async def main():
    print("27 needs", await to_thread(steps_to_one, 27), "steps")
    print("others need:", *await gather(*(to_thread(steps_to_one, number) for number in (97, 871, 6171))))
    try:
        await to_thread(digits, "12x")
    except ValueError:
        print("that is no number")

    event = Event()
    thread = Thread(target=outsider, args=(get_running_loop(), event))
    thread.start()
    await event.wait()
    print("the outsider has called")
    await to_thread(thread.join)


if __name__ == "__main__":
    asyncio.run(main())
