# Python 3.11. Locks, semaphores and events: who waits, who goes first, and who is let in.
import asyncio
from asyncio import BoundedSemaphore, Event, Lock, Semaphore, TaskGroup, sleep

TICK = 0.025


class Account:
    def __init__(self):
        self.lock, self.balance = Lock(), 100


async def withdraw(name, account, amount):
    async with account.lock:
        balance = account.balance
        await sleep(2 * TICK)
        if balance < amount:
            print(f"{name} gets nothing, {balance} are left")
            return
        account.balance = balance - amount
        print(f"{name} gets {amount}")


async def download(name, slots, ticks):
    if slots.locked():
        print(f"{name} waits")
    async with slots:
        print(f"{name} begins")
        await sleep(ticks * TICK)
        print(f"{name} is done")


async def runner(name, start):
    await start.wait()
    print(f"{name} runs")


async def main():
    account = Account()
    async with TaskGroup() as group:
        for name, amount in [("ann", 60), ("bob", 50), ("eve", 40)]:
            group.create_task(withdraw(name, account, amount))
    print("balance:", account.balance)

    slots = Semaphore(2)
    async with TaskGroup() as group:
        for name, ticks in [("a.iso", 2), ("b.iso", 5), ("c.iso", 6), ("d.iso", 1)]:
            group.create_task(download(name, slots, ticks))

    tokens = BoundedSemaphore(1)
    await tokens.acquire()
    tokens.release()
    try:
        tokens.release()
    except ValueError:
        print("there is no more than one token")

    start = Event()
    async with TaskGroup() as group:
        for name in ("first", "second", "third"):
            group.create_task(runner(name, start))
        await sleep(TICK)
        print("go")
        start.set()


if __name__ == "__main__":
    asyncio.run(main())
