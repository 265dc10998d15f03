# Python 3.11. Coroutines that count at the same time; gather waits for all, and keeps their order.
import asyncio
from asyncio import create_task, gather, sleep
from time import monotonic

TICK = 0.025


async def count(name, to, pace):
    total = 0
    for number in range(1, to + 1):
        await sleep(pace * TICK)
        print(f"{name} counts {number}")
        total += number
    return total


async def divide(dividend, divisor):
    await sleep((divisor + 1) * TICK)
    return dividend // divisor


async def main():
    begin = monotonic()
    a, b, c = await gather(count("a", 3, 5), count("b", 4, 7), count("c", 2, 9))
    print("totals:", a, b, c)
    if monotonic() - begin < 50 * TICK:
        print("one after the other they would need longer")

    # One of them fails. Its error is what the gather gives, and the others go on.
    tasks = [create_task(divide(60, divisor)) for divisor in (2, 0, 3)]
    try:
        await gather(*tasks)
    except ZeroDivisionError:
        print("failed when", sum(task.done() for task in tasks), "of", len(tasks), "had ended")

    for quotient in await gather(*tasks, return_exceptions=True):
        if isinstance(quotient, ZeroDivisionError):
            print("no quotient")
        else:
            print("quotient:", quotient)


if __name__ == "__main__":
    asyncio.run(main())
