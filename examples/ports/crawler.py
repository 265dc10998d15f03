# Python 3.11. A crawler: each page is a task, which adds tasks for the pages that it links to.
import asyncio
from asyncio import TaskGroup, sleep

TICK = 0.03
SITE = {
    "home": (2, ["news", "shop", "about"]),
    "news": (3, ["home", "today", "archive"]),
    "shop": (6, ["gears", "bolts"]),
    "about": (9, ["home", "jobs"]),
    "today": (5, ["news"]),
    "archive": (8, []),
    "gears": (4, ["shop", "bolts"]),
    "bolts": (7, ["gears"]),
}


async def load(page):
    ticks, links = SITE[page]
    await sleep(ticks * TICK)
    return links


async def visit(group, seen, page, depth):
    try:
        links = await load(page)
    except KeyError:
        print(f"{page} does not exist")
        return
    print(f"{page} has {len(links)} links and is {depth} away")
    for link in links:
        if link not in seen:
            seen.add(link)
            group.create_task(visit(group, seen, link, depth + 1))


async def main():
    seen = {"home"}
    async with TaskGroup() as group:
        group.create_task(visit(group, seen, "home", 0))
    print("seen:", *sorted(seen))


if __name__ == "__main__":
    asyncio.run(main())
