# Python 3.11. Coroutines in a chain, each waiting for the one before; several chains at the same time.
import asyncio
from asyncio import create_task, sleep

TICK = 0.03
PRICES = {"bolt": 3, "nut": 2, "gear": 40}


async def look_up(order):
    await sleep((2 + order) * TICK)
    items = ["bolt", "nut", "gear"][:order]
    print(f"order {order}: {len(items)} items")
    return items


async def add_up(order, items):
    total = 0
    for item in items:
        await sleep((6 - 2 * order) * TICK)
        total += PRICES[item]
    print(f"order {order}: costs {total}")
    return total


async def bill(order):
    items = await look_up(order)
    total = await add_up(order, items)
    return f"order {order}: {', '.join(items)} for {total}"


async def main():
    bills = [create_task(bill(order)) for order in (1, 2, 3)]
    await sleep(0)
    print("all have begun")
    for task in bills:
        print(await task)
    print(await bill(2))


if __name__ == "__main__":
    asyncio.run(main())
