# Python 3.11. Below the tasks: callbacks, soon and later, and futures that somebody completes.
import asyncio
from asyncio import CancelledError, InvalidStateError, create_task, get_running_loop, sleep

TICK = 0.03


async def wait_for_word(name, word):
    try:
        print(f"{name} hears {await word}")
    except LookupError as error:
        print(f"{name} hears of an error: {error.args[0]}")
    except CancelledError:
        print(f"{name} hears nothing")


async def calls(loop):
    loop.call_soon(print, "soon, first")
    loop.call_soon(print, "soon, second")
    print("not yet")
    await sleep(0)
    print("now they have been called")

    loop.call_later(3 * TICK, print, "three ticks later")
    loop.call_later(TICK, print, "one tick later")
    regretted = loop.call_later(2 * TICK, print, "this is not printed")
    loop.call_at(loop.time() + 4 * TICK, print, "at the fourth tick")
    regretted.cancel()
    if regretted.cancelled():
        print("one was taken back")
    await sleep(5 * TICK)


async def main():
    loop = get_running_loop()
    await calls(loop)

    word = loop.create_future()
    word.add_done_callback(lambda _: print("the word is there"))
    hearers = [create_task(wait_for_word(name, word)) for name in ("ann", "bob")]
    loop.call_later(TICK, word.set_result, "peace")
    for hearer in hearers:
        await hearer
    try:
        word.set_result("war")
    except InvalidStateError:
        print("it has been said already")
    print("once more:", await word)

    word = loop.create_future()
    word.set_exception(LookupError("no such word"))
    await wait_for_word("eve", word)

    word = loop.create_future()
    hearer = create_task(wait_for_word("joe", word))
    await sleep(TICK)
    word.cancel()
    await hearer


if __name__ == "__main__":
    asyncio.run(main())
