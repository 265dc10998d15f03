# Python 3.11. A pool of threads: futures, map, callbacks, the first of several, and the same from a loop.
import asyncio
from concurrent.futures import FIRST_COMPLETED, CancelledError, ThreadPoolExecutor, as_completed, wait
from threading import Event

TEXT = "the quick brown fox jumps over the lazy dog".split()


def checksum(word):
    """Takes a while for long words."""
    total = 7
    for _ in range(1000 * len(word)):
        total = (31 * total + len(word)) % 65521
    return total


def gated(gate, name):
    gate.wait()
    return name


def in_order(pool):
    for word, total in zip(TEXT, pool.map(checksum, TEXT)):
        print(f"{word}: {total}")
    jobs = {pool.submit(checksum, word): word for word in TEXT[:3]}
    print("all are done:", sorted((jobs[job], job.result()) for job in as_completed(jobs)))


def one_at_a_time():
    gate = Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        first, second, third = (pool.submit(gated, gate, name) for name in ("first", "second", "third"))
        second.add_done_callback(lambda job: print("the second was cancelled:", job.cancelled()))
        print("cancelled:", second.cancel())
        done, pending = wait([first, second], timeout=0, return_when=FIRST_COMPLETED)
        gate.set()
        print(first.result(), third.result(), "and", len(pending) + len(done), "were waited for")
    try:
        second.result()
    except CancelledError:
        print("the second has no result")
    try:
        pool.submit(len, "late")
    except RuntimeError:
        print("the pool is shut down")


def failing(pool):
    job = pool.submit(int, "12x")
    print("there is an error:", isinstance(job.exception(), ValueError))
    results = pool.map(int, ["1", "2", "x", "4"])
    print(next(results), next(results))
    try:
        next(results)
    except ValueError:
        print("and no more")


async def main():
    with ThreadPoolExecutor(max_workers=3) as pool:
        in_order(pool)
        failing(pool)
        loop = asyncio.get_running_loop()
        sums = await asyncio.gather(*(loop.run_in_executor(pool, checksum, word) for word in TEXT[:4]))
        print("from the loop:", *sums)
        print("once more:", await asyncio.wrap_future(pool.submit(checksum, "fox")))
    one_at_a_time()


if __name__ == "__main__":
    asyncio.run(main())
