# Python 3.11. A producer, workers that share its queue, and the end of the work: task_done and join.
import asyncio
from asyncio import Queue, TaskGroup, sleep

TICK = 0.025


class Lcg:
    """Random numbers that are the same in every language."""

    def __init__(self, seed):
        self.state = seed

    def draw(self, below):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % below


async def producer(queue):
    lcg = Lcg(1)
    for job in range(9):
        ticks = 1 + lcg.draw(11)
        await queue.put((job, ticks))
        print(f"job {job} will take {ticks}")


async def worker(name, queue, done):
    while True:
        job, ticks = await queue.get()
        await sleep(ticks * TICK)
        print(f"{name} has done job {job}")
        done[name] += 1
        queue.task_done()


async def main():
    queue, done = Queue(1), {"ann": 0, "bob": 0, "eve": 0}
    async with TaskGroup() as group:
        workers = [group.create_task(worker(name, queue, done)) for name in done]
        await producer(queue)
        print("no more jobs,", queue.qsize(), "in the queue")
        await queue.join()
        print("all jobs are done")
        for task in workers:
            task.cancel()
    for name, jobs in done.items():
        print(f"{name}: {jobs}")


if __name__ == "__main__":
    asyncio.run(main())
