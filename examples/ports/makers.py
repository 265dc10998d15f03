# Python 3.11. Makers draw numbers, each at its own pace, until they have one that is large enough.
import asyncio
from asyncio import gather, sleep

TICK = 0.025


class Lcg:
    """Random numbers that are the same in every language."""

    def __init__(self, seed):
        self.state = seed

    def draw(self, below):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % below


async def make(index, least):
    lcg, draws = Lcg(70 + index), 1
    while (number := lcg.draw(10)) < least:
        print(f"maker {index} drew {number}, which is less than {least}")
        draws += 1
        await sleep((3 + 2 * index) * TICK)
    print(f"maker {index} keeps {number}, draw number {draws}")
    return number


async def main():
    numbers = await gather(*(make(index, 9 - index) for index in (1, 2, 3)))
    print("made:", *numbers)


if __name__ == "__main__":
    asyncio.run(main())
