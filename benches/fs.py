"""What benches/fs.rs does, with aiofiles. Prints the seconds it took.

    python3 fs.py read|lines|write|copy PLACE THREADS
"""

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import aiofiles

TASKS = 64
BLOCK = 64 << 10


async def read(place, executor):
    folder = os.path.join(place, "small")
    paths = iter([os.path.join(folder, name) for name in os.listdir(folder)])

    async def worker():
        for path in paths:
            async with aiofiles.open(path, "rb", executor=executor) as file:
                await file.read()

    begin = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(TASKS)))
    return time.perf_counter() - begin


async def lines(place, executor):
    begin = time.perf_counter()
    count = 0
    async with aiofiles.open(os.path.join(place, "lines"), executor=executor) as file:
        async for line in file:
            count += len(line)
    return time.perf_counter() - begin


async def write(place, executor):
    with open(os.path.join(place, "lines")) as file:
        count = sum(1 for _ in file)
    begin = time.perf_counter()
    async with aiofiles.open(os.path.join(place, "copy"), "w", executor=executor) as file:
        for n in range(count):
            await file.write(f"this is line number {n} of many\n")
    return time.perf_counter() - begin


async def copy(place, executor):
    begin = time.perf_counter()
    async with aiofiles.open(os.path.join(place, "large"), "rb", executor=executor) as source:
        async with aiofiles.open(os.path.join(place, "copy"), "wb", executor=executor) as target:
            while block := await source.read(BLOCK):
                await target.write(block)
    return time.perf_counter() - begin


def main():
    what, place, threads = sys.argv[1:]
    with ThreadPoolExecutor(int(threads)) as executor:
        routine = {"read": read, "lines": lines, "write": write, "copy": copy}[what]
        print(asyncio.run(routine(place, executor)))


main()
