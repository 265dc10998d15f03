#!/usr/bin/env python3
"""Conformance oracle for the crate `cede` (see SPEC.md).

A program in the small JSON language is translated into Python source (real
generator functions, real `async def` coroutines), executed by CPython 3.13
under a loop with virtual time, and its trace is a list of strings.

    python3 oracle.py run  < programs.jsonl   one JSON trace per line on stdout
    python3 oracle.py check FILE...           recompute and compare the traces
    python3 oracle.py compare FILE < traces   compare the traces that another gives
    python3 oracle.py coverage FILE...        what the programs of FILE reach
    python3 oracle.py show FILE ID            a program, its Python, its trace

Needs CPython 3.13 (3.13.0 recorded the traces).
"""
import asyncio
import collections
import contextlib
import gc
import heapq
import inspect
import json
import sys
import warnings

if sys.version_info[:2] != (3, 13):
    sys.exit("oracle.py needs CPython 3.13 (3.13.0 recorded the traces), and this is %d.%d.%d" % sys.version_info[:3])

MAX_TRACE = 4000
MAX_PASSES = 20000
MAX_DEADLOCKS = 5


class Runaway(BaseException):
    """The program is too large; never part of a corpus."""


EXC = {c.__name__: c for c in (
    BaseException, Exception, ValueError, LookupError, KeyError, RuntimeError,
    TypeError, AttributeError, StopIteration, GeneratorExit, TimeoutError,
    asyncio.CancelledError, asyncio.InvalidStateError, asyncio.QueueEmpty,
    asyncio.QueueFull, asyncio.QueueShutDown, asyncio.BrokenBarrierError, BaseExceptionGroup,
    ExceptionGroup)}
NO_PAYLOAD = (GeneratorExit, asyncio.CancelledError, asyncio.InvalidStateError,
              asyncio.QueueEmpty, asyncio.QueueFull, asyncio.QueueShutDown,
              asyncio.BrokenBarrierError)
REASONS = (
    ("generator already executing", "already-executing"),
    ("ignored GeneratorExit", "ignored-exit"),
    ("raised StopIteration", "raised-stop"),
    ("just-started", "just-started"),
    ("no attribute 'send'", "no-send"),
    ("empty-slot", "empty-slot"),
    ("Lock is not acquired", "not-acquired"),
    ("on un-acquired lock", "not-acquired"),
    ("BoundedSemaphore released", "released-too-often"),
    ("task_done() called too", "done-too-often"),
    ("cannot await on itself", "await-self"),
    ("is finished", "group-finished"),
    ("is shutting down", "group-shutting-down"),
    ("change state of expiring", "timeout-expiring"),
    ("change state of expired", "timeout-expired"),
    ("change state of finished", "timeout-finished"),
    ("interacts badly", "stop-in-future"),
    ("does not support set_", "task-no-set"),
)


def fmt(v):
    """A value as it stands in a trace."""
    if v is None:
        return "null"
    if isinstance(v, BaseException):
        return fmt_exc(v)
    if isinstance(v, (list, tuple)):
        return "[" + ",".join(fmt(x) for x in v) + "]"
    return str(int(v))


def fmt_exc(e):
    name = type(e).__name__
    if isinstance(e, BaseExceptionGroup):
        return name + "[" + ",".join(fmt_exc(x) for x in e.exceptions) + "]"
    if isinstance(e, NO_PAYLOAD) or not e.args or e.args[0] is None:
        return name + "()"
    arg = e.args[0]
    if isinstance(arg, int):
        return f"{name}({arg})"
    for text, word in REASONS:
        if text in str(arg):
            return f"{name}({word})"
    return f"{name}(?{arg})"


def bare():
    """The exception being handled, without its traceback and context: these
    keep frames, and so the generators that frames refer to, alive."""
    e = sys.exception()
    if e is not None:
        e.__traceback__ = e.__context__ = e.__cause__ = None
    return e


def payload(e):
    """What `except ... as var` binds."""
    if isinstance(e, BaseExceptionGroup):
        return len(e.exceptions)
    if isinstance(e, NO_PAYLOAD) or not e.args or not isinstance(e.args[0], int):
        return None
    return e.args[0]


def make(name, value):
    cls = EXC[name]
    if cls in NO_PAYLOAD or value is None:
        return cls()
    return cls(value)


def make_group(members):
    return BaseExceptionGroup("group", [make(n, v) for n, v in members])


def wrap(n):
    return (n + 2 ** 63) % 2 ** 64 - 2 ** 63


def add(a, b):
    return wrap((a or 0) + (b or 0))


def sub(a, b):
    return wrap((a or 0) - (b or 0))


def less(a, b):
    return int((a or 0) < (b or 0))


def same(a, b):
    return int(a == b and (a is None) == (b is None))


def invert(a):
    return int(not a)


def val(v):
    """The value of an awaited slot: a gather's list counts its members."""
    return len(v) if isinstance(v, list) else v


class Slots(dict):
    def __missing__(self, key):
        raise KeyError("empty-slot")


# ---------------------------------------------------------------- translation

class Emit:
    """Translates one body into Python source."""

    def __init__(self, cov=False):
        self.lines, self.depth, self.n, self.cov = [], 0, 0, cov

    def put(self, text):
        self.lines.append("    " * self.depth + text)

    def fresh(self, stem):
        self.n += 1
        return f"{stem}{self.n}"

    def expr(self, e):
        if e is None or isinstance(e, int):
            return repr(e)
        if isinstance(e, str):
            self.names.add(e)
            return "v_" + e
        op = e[0]
        if op == "g":
            return f"G.get({e[1]!r})"
        fn = {"+": "add", "-": "sub", "<": "less", "==": "same", "not": "invert"}[op]
        return f"{fn}({', '.join(self.expr(x) for x in e[1:])})"

    def exprs(self, es):
        return ", ".join(self.expr(e) for e in es)

    def target(self, var):
        if var is None:
            return "_"
        self.names.add(var)
        return "v_" + var

    def new(self, body, args):
        return f"b_{body}({self.exprs(args)})"

    def member(self, m):
        return f"F[{m!r}]" if isinstance(m, str) else self.new(m[1], m[2])

    def members(self, ms):
        return "[" + ", ".join(self.member(m) for m in ms) + "]"

    def body(self, name, spec, mode):
        self.mode, self.names = mode, set(spec.get("params", []))
        head = len(self.lines)
        self.depth = 1
        if mode == "gen":
            # In a `try`, for 3.13 would else close a generator that waits at a
            # yield outside of any by emptying its frame, outermost loop first.
            self.nested("try:", spec["code"])
            self.put("finally: pass")
        else:
            self.block(spec["code"])
        params = ", ".join("v_" + p for p in spec.get("params", []))
        start = [f"{'def' if mode == 'gen' else 'async def'} b_{name}({params}):"]
        for n in sorted(self.names - set(spec.get("params", []))):
            start.append(f"    v_{n} = None")
        if mode != "async":
            start.append("    if 0: yield")
        self.lines[head:head] = start
        self.depth = 0

    def block(self, stmts):
        if not stmts:
            self.put("pass")
        for s in stmts:
            if self.cov:
                self.put(f"COV({s[0]!r})")
            if self.cov and s[0] not in ("if", "loop", "while", "try"):
                self.put("try:")
                self.depth += 1
                getattr(self, "s_" + s[0])(*s[1:])
                self.depth -= 1
                self.put(f"except BaseException as _x: COVX({s[0]!r}, _x); raise")
            else:
                getattr(self, "s_" + s[0])(*s[1:])

    def nested(self, head, stmts):
        self.put(head)
        self.depth += 1
        self.block(stmts)
        self.depth -= 1

    # control flow, both kinds
    def s_log(self, tag, *es):
        self.put(f"LOG('log', {tag!r}, {self.exprs(es)})")

    def s_exc(self, tag):
        self.put(f"LOG('exc', {tag!r}, exception())")

    def s_set(self, var, e):
        self.put(f"{self.target(var)} = {self.expr(e)}")

    def s_gset(self, name, e):
        self.put(f"G[{name!r}] = {self.expr(e)}")

    def s_return(self, e):
        self.put("return" if self.mode == "agen" else f"return {self.expr(e)}")

    def s_raise(self, exc, e):
        self.put(f"raise make({exc!r}, {self.expr(e)})")

    def s_raisegroup(self, ms):
        inner = ", ".join(f"({n!r}, {self.expr(e)})" for n, e in ms)
        self.put(f"raise make_group([{inner}])")

    def s_reraise(self):
        self.put("raise")

    def s_try(self, body, handlers, orelse, final):
        self.nested("try:", body)
        for classes, var, block in handlers:
            self.put(f"except ({', '.join(classes)},):")
            self.depth += 1
            self.put(f"{self.target(var)} = payload(bare())")
            if self.cov:
                self.put("COVX('except', exception())")
            self.block(block)
            self.depth -= 1
        if orelse is not None:
            self.nested("else:", orelse)
        if final is not None:
            self.put("finally:")
            self.depth += 1
            if self.mode == "gen":
                self.put("bare()")
            self.block(final)
            self.depth -= 1

    def s_if(self, cond, then, other):
        self.nested(f"if {self.expr(cond)}:", then)
        if other:
            self.nested("else:", other)

    def s_loop(self, n, block):
        self.nested(f"for {self.fresh('_k')} in range({n}):", block)

    def s_while(self, cond, limit, block):
        self.put(f"for {self.fresh('_k')} in range({limit}):")
        self.depth += 1
        self.put(f"if not {self.expr(cond)}: break")
        self.block(block)
        self.depth -= 1

    def s_break(self):
        self.put("break")

    def s_continue(self):
        self.put("continue")

    # generators
    def s_yield(self, e, var):
        self.put(f"{self.target(var)} = yield {self.expr(e)}")

    def s_yieldfrom(self, src, var):
        if src[0] == "new":
            what = self.new(src[1], src[2])
        elif src[0] == "gen":
            what = f"V[{src[1]!r}]"
        else:
            what = f"[{self.exprs(src[1])}]"
        self.put(f"{self.target(var)} = yield from {what}")

    def s_new(self, slot, body, args):
        self.put(f"V[{slot!r}] = {self.new(body, args)}")

    def s_next(self, slot, var):
        self.put(f"{self.target(var)} = next(V[{slot!r}])")

    def s_send(self, slot, e, var):
        self.put(f"{self.target(var)} = V[{slot!r}].send({self.expr(e)})")

    def s_throw(self, slot, exc, e, var):
        self.put(f"{self.target(var)} = V[{slot!r}].throw(make({exc!r}, {self.expr(e)}))")

    def s_close(self, slot, var):
        self.put(f"{self.target(var)} = V[{slot!r}].close()")

    def s_state(self, slot):
        self.put(f"LOG('state', {slot!r}, STATE({slot!r}))")

    def s_drop(self, slot):
        self.put(f"DROP({slot!r})")

    def s_for(self, src, var, limit, block):
        what = f"V[{src[1]!r}]" if src[0] == "gen" else self.new(src[1], src[2])
        k, i = self.fresh("_k"), self.fresh("_i")
        self.put(f"{k} = 0")
        self.put(f"for {i} in {what}:")
        self.depth += 1
        self.put(f"{self.target(var)} = {i}")
        self.block(block)
        if limit is not None:
            self.put(f"{k} += 1")
            self.put(f"if {k} >= {limit}: break")
        self.depth -= 1

    def s_list(self, src, var):
        what = f"V[{src[1]!r}]" if src[0] == "gen" else self.new(src[1], src[2])
        self.put(f"{self.target(var)} = len(list({what}))")

    # tasks
    def s_name(self):
        self.put("LOG('name', asyncio.current_task().get_name())")

    def s_time(self, var):
        self.put(f"{self.target(var)} = LOOP.time()")

    def s_sleep(self, ms):
        self.put(f"await asyncio.sleep({self.expr(ms)})")

    def s_call(self, body, args, var):
        self.put(f"{self.target(var)} = await {self.new(body, args)}")

    def s_spawn(self, slot, body, args):
        self.put(f"F[{slot!r}] = asyncio.create_task({self.new(body, args)})")

    def s_await(self, slot, var):
        self.put(f"{self.target(var)} = val(await F[{slot!r}])")

    def s_cancel(self, slot, var):
        self.put(f"{self.target(var)} = int(F[{slot!r}].cancel())")

    def s_status(self, slot):
        self.put(f"LOG('status', {slot!r}, STATUS({slot!r}))")

    def s_future(self, slot):
        self.put(f"F[{slot!r}] = LOOP.create_future()")

    def s_set_result(self, slot, e):
        self.put(f"F[{slot!r}].set_result({self.expr(e)})")

    def s_set_exception(self, slot, exc, e):
        self.put(f"F[{slot!r}].set_exception(make({exc!r}, {self.expr(e)}))")

    def s_done_cb(self, slot, tag):
        self.put(f"F[{slot!r}].add_done_callback(DONE_CB({tag!r}))")

    def s_gather(self, ms, rexc, tag):
        self.put(f"LOG('gather', {tag!r}, await GATHER({self.members(ms)}, {bool(rexc)}))")

    def s_gather_start(self, slot, ms, rexc):
        self.put(f"F[{slot!r}] = GATHER({self.members(ms)}, {bool(rexc)})")

    def s_wait(self, slots, timeout, when, tag):
        fs = self.fresh("_w")
        self.put(f"{fs} = {self.members(slots)}")
        self.put(f"LOG('wait', {tag!r}, FLAGS({fs}, await asyncio.wait({fs}, "
                 f"timeout={self.expr(timeout)}, return_when={when!r})))")

    def s_as_completed(self, slots, timeout, var, block):
        c, x = self.fresh("_c"), self.fresh("_x")
        self.put(f"for {c} in AS_COMPLETED({self.members(slots)}, {self.expr(timeout)}):")
        self.depth += 1
        self.put("try:")
        self.put(f"    {self.target(var)} = val(await {c})")
        self.put(f"except Exception as {x}:")
        self.put(f"    LOG('item raised', {x})")
        self.put("else:")
        self.depth += 1
        self.put(f"LOG('item', {self.target(var)})")
        self.block(block)
        self.depth -= 2

    def s_wait_for(self, m, ms, var):
        self.put(f"{self.target(var)} = val(await asyncio.wait_for({self.member(m)}, {self.expr(ms)}))")

    def s_shield(self, m, var):
        self.put(f"{self.target(var)} = val(await asyncio.shield({self.member(m)}))")

    def s_timeout(self, ms, slot, block):
        self.nested(f"async with asyncio.timeout({self.expr(ms)}) as TO[{slot!r}]:", block)

    def s_timeout_at(self, at, slot, block):
        self.nested(f"async with asyncio.timeout_at({self.expr(at)}) as TO[{slot!r}]:", block)

    def s_reschedule(self, slot, ms):
        when = "None" if ms is None else f"LOOP.time() + {self.expr(ms)}"
        self.put(f"TO[{slot!r}].reschedule({when})")

    def s_expired(self, slot, var):
        self.put(f"{self.target(var)} = int(TO[{slot!r}].expired())")

    def s_taskgroup(self, slot, block):
        self.nested(f"async with GROUP() as TG[{slot!r}]:", block)

    def s_tg_spawn(self, group, slot, body, args):
        self.put(f"F[{slot!r}] = TG[{group!r}].create_task({self.new(body, args)})")

    def s_uncancel(self, var):
        self.put(f"{self.target(var)} = asyncio.current_task().uncancel()")

    def s_cancelling(self, var):
        self.put(f"{self.target(var)} = asyncio.current_task().cancelling()")

    def action(self, act):
        kind, args = act[0], act[1:]
        inner = ", ".join(self.expr(a) if kind in ("log", "set_result") and i == 1 else repr(a)
                          for i, a in enumerate(args))
        return f"ACT({kind!r}, {inner})"

    def s_call_soon(self, slot, act):
        self.put(f"H[{slot!r}] = LOOP.call_soon({self.action(act)})")

    def s_call_later(self, slot, ms, act):
        self.put(f"H[{slot!r}] = LOOP.call_later({self.expr(ms)}, {self.action(act)})")

    def s_hcancel(self, slot):
        self.put(f"H[{slot!r}].cancel()")

    def s_event_set(self, o):
        self.put(f"O[{o!r}].set()")

    def s_event_clear(self, o):
        self.put(f"O[{o!r}].clear()")

    def s_event_wait(self, o):
        self.put(f"await O[{o!r}].wait()")

    def s_event_is_set(self, o, var):
        self.put(f"{self.target(var)} = int(O[{o!r}].is_set())")

    def s_acquire(self, o):
        self.put(f"await O[{o!r}].acquire()")

    def s_release(self, o):
        self.put(f"O[{o!r}].release()")

    def s_with(self, o, block):
        self.nested(f"async with O[{o!r}]:", block)

    def s_locked(self, o, var):
        self.put(f"{self.target(var)} = int(O[{o!r}].locked())")

    def s_cond_wait(self, o):
        self.put(f"await O[{o!r}].wait()")

    def s_cond_wait_for(self, o, cond):
        self.put(f"await O[{o!r}].wait_for(lambda: {self.expr(cond)})")

    def s_notify(self, o, n):
        self.put(f"O[{o!r}].notify({n})")

    def s_notify_all(self, o):
        self.put(f"O[{o!r}].notify_all()")

    def s_barrier_wait(self, o, var):
        self.put(f"{self.target(var)} = await O[{o!r}].wait()")

    def s_barrier_reset(self, o):
        self.put(f"await O[{o!r}].reset()")

    def s_barrier_abort(self, o):
        self.put(f"await O[{o!r}].abort()")

    def s_put(self, o, e):
        self.put(f"await O[{o!r}].put({self.expr(e)} or 0)")

    def s_get(self, o, var):
        self.put(f"{self.target(var)} = await O[{o!r}].get()")

    def s_put_nowait(self, o, e):
        self.put(f"O[{o!r}].put_nowait({self.expr(e)} or 0)")

    def s_get_nowait(self, o, var):
        self.put(f"{self.target(var)} = O[{o!r}].get_nowait()")

    def s_task_done(self, o):
        self.put(f"O[{o!r}].task_done()")

    def s_join(self, o):
        self.put(f"await O[{o!r}].join()")

    def s_queue_shutdown(self, o, immediate):
        self.put(f"O[{o!r}].shutdown({bool(immediate)})")

    def s_qsize(self, o, var):
        self.put(f"{self.target(var)} = O[{o!r}].qsize()")

    def s_emit(self, e):
        self.put(f"yield {self.expr(e)}")

    def s_afor(self, body, args, var, limit, block):
        it, k, i = self.fresh("_it"), self.fresh("_k"), self.fresh("_i")
        self.put(f"{k} = 0")
        self.put(f"async with aclosing({self.new(body, args)}) as {it}:")
        self.depth += 1
        self.put(f"async for {i} in {it}:")
        self.depth += 1
        self.put(f"{self.target(var)} = {i}")
        self.block(block)
        if limit is not None:
            self.put(f"{k} += 1")
            self.put(f"if {k} >= {limit}: break")
        self.depth -= 2

    # the driver of a generator program: every operation reports its outcome
    def driver(self, ops):
        self.names, self.mode = set(), "main"
        for op in ops:
            kind, args = op[0], op[1:]
            if self.cov:
                self.put(f"COV('main.{kind}')")
            if kind == "log":
                self.s_log(*args)
                continue
            if kind == "state":
                self.put(f"LOG('state', {args[0]!r}, STATE({args[0]!r}))")
                continue
            src = args[0]
            label = src if isinstance(src, str) else (src[1] if src[0] == "gen" else "*" + src[1])
            head = f"{kind} {label}:"
            self.put("try:")
            self.depth += 1
            if kind == "new":
                self.s_new(*args)
                ok = f"LOG({head!r}, 'ok')"
            elif kind == "next":
                self.put(f"_r = next(V[{src!r}])")
                ok = f"LOG({head!r}, 'yield', _r)"
            elif kind == "send":
                self.put(f"_r = V[{src!r}].send({self.expr(args[1])})")
                ok = f"LOG({head!r}, 'yield', _r)"
            elif kind == "throw":
                self.put(f"_r = V[{src!r}].throw(make({args[1]!r}, {self.expr(args[2])}))")
                ok = f"LOG({head!r}, 'yield', _r)"
            elif kind == "close":
                self.put(f"_r = V[{src!r}].close()")
                ok = f"LOG({head!r}, 'ok') if _r is None else LOG({head!r}, 'value', _r)"
            elif kind == "drop":
                self.s_drop(src)
                ok = f"LOG({head!r}, 'ok')"
            elif kind == "list":
                what = f"V[{src[1]!r}]" if src[0] == "gen" else self.new(src[1], src[2])
                self.put(f"_r = list({what})")
                ok = f"LOG({head!r}, _r)"
            elif kind == "for":
                what = f"V[{src[1]!r}]" if src[0] == "gen" else self.new(src[1], src[2])
                self.put("_k = 0; _r = 'end'")
                self.put(f"for _i in {what}:")
                self.put(f"    LOG({head!r}, 'item', _i); _k += 1")
                self.put(f"    if _k == {args[1]!r}: _r = 'break'; break")
                ok = f"LOG({head!r}, _r)"
            else:
                raise ValueError(kind)
            self.depth -= 1
            if kind in ("next", "send", "throw"):
                self.put(f"except StopIteration as _e: LOG({head!r}, 'stop', _e.value)")
            self.put("except Runaway: raise")
            self.put(f"except BaseException as _e: LOG({head!r}, 'raise', _e)")
            self.put(f"else: {ok}")


def translate(kind, program, cov=False):
    out = Emit(cov)
    for name, spec in program["bodies"].items():
        out.body(name, spec, "gen" if kind == "generator" else
                 "agen" if spec.get("agen") else "async")
    if kind == "generator":
        out.driver(program["main"])
    return "\n".join(out.lines) + "\n"


# ------------------------------------------------------------------ execution

class Trace:
    def __init__(self):
        self.lines, self.frozen = [], False

    def put(self, line):
        if self.frozen:
            return
        self.lines.append(line)
        if len(self.lines) > MAX_TRACE:
            raise Runaway("trace")


def words(args):
    return " ".join(a if isinstance(a, str) else fmt(a) for a in args)


def base_namespace(program, cov):
    ns = dict(EXC)
    ns.update(add=add, sub=sub, less=less, same=same, invert=invert, val=val,
              make=make, make_group=make_group, payload=payload, bare=bare, G={},
              exception=sys.exception, Runaway=Runaway)
    if cov is not None:
        ns["COV"] = lambda op: cov.update([op])
        ns["COVX"] = lambda op, e: cov.update([f"{op} ! {fmt_kind(e)}"])
    return ns


def fmt_kind(e):
    if isinstance(e, BaseExceptionGroup):
        return type(e).__name__
    text = fmt_exc(e)
    name, _, rest = text.partition("(")
    rest = rest[:-1]
    return f"{name}({rest})" if rest and not rest.lstrip("-").isdigit() else name


def run_generator(program, cov=None):
    trace, slots = Trace(), Slots()
    source = translate("generator", program, cov is not None)

    def state(slot):
        return inspect.getgeneratorstate(slots[slot]) if slot in slots else "EMPTY"

    def drop(slot):
        if slot not in slots:
            raise KeyError("empty-slot")
        del slots[slot]

    def log(*args):
        trace.put(words(args))

    ns = base_namespace(program, cov)
    ns.update(LOG=log, V=slots, STATE=state, DROP=drop)
    hook, sys.unraisablehook = sys.unraisablehook, lambda u: trace.put("unraisable " + fmt_exc(u.exc_value))
    try:
        exec(compile(source, "<program>", "exec"), ns)
        names = sorted(slots)
        for name in names:
            log("final", name, state(name))
        for name in names:
            log("release", name)
            slots.pop(name, None)
        log("end")
    finally:
        trace.frozen = True
        slots.clear()
        sys.unraisablehook = hook
    return trace.lines


class Timer(asyncio.TimerHandle):
    """Equal deadlines fire in order of creation."""
    __slots__ = ("seq",)

    def __lt__(self, other):
        return (self._when, self.seq) < (other._when, other.seq)


class VirtualLoop(asyncio.BaseEventLoop):
    def __init__(self, idle):
        super().__init__()
        self.now, self.seq, self.passes, self.idle = 0, 0, 0, idle

    def time(self):
        return self.now

    def call_at(self, when, callback, *args, context=None):
        timer = Timer(when, callback, args, self, context)
        self.seq += 1
        timer.seq = self.seq
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def create_task(self, coro, *, name=None, context=None):
        return self._task_factory(self, coro)   # which names it

    def _timer_handle_cancelled(self, handle):
        pass

    def _run_once(self):
        self.passes += 1
        if self.passes > MAX_PASSES:
            raise Runaway("passes")
        timers = self._scheduled
        while timers and timers[0].cancelled():
            heapq.heappop(timers)
        if not self._ready:
            if not timers:
                self.idle()
                return
            self.now = max(self.now, timers[0]._when)
        while timers and timers[0]._when <= self.now:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            self._ready.append(timer)
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()


class OrderedSet(dict):
    """Stands in for TaskGroup's set of children: creation order."""

    def add(self, item):
        self[item] = True

    def discard(self, item):
        self.pop(item, None)

    def __iter__(self):
        return iter(list(self.keys()))


def as_completed(fs, timeout, loop):
    """asyncio.as_completed, its set replaced by argument order."""
    todo, done, handle = list(dict.fromkeys(fs)), asyncio.Queue(), None

    def on_timeout():
        for f in todo:
            f.remove_done_callback(on_completion)
            done.put_nowait(None)
        todo.clear()

    def on_completion(f):
        if not todo:
            return
        todo.remove(f)
        done.put_nowait(f)
        if not todo and handle is not None:
            handle.cancel()

    async def one():
        f = await done.get()
        if f is None:
            raise TimeoutError
        return f.result()

    for f in todo:
        f.add_done_callback(on_completion)
    if todo and timeout is not None:
        handle = loop.call_later(timeout, on_timeout)
    for _ in range(len(todo)):
        yield one()


MAKE_OBJECT = {
    "event": asyncio.Event, "lock": asyncio.Lock, "semaphore": asyncio.Semaphore,
    "bsemaphore": asyncio.BoundedSemaphore, "barrier": asyncio.Barrier,
    "queue": asyncio.Queue, "lifo": asyncio.LifoQueue, "prio": asyncio.PriorityQueue,
}


def object_state(kind, o):
    if kind == "event":
        return f"set={int(o.is_set())}"
    if kind in ("lock", "condition"):
        return f"locked={int(o.locked())}"
    if kind in ("semaphore", "bsemaphore"):
        return f"value={o._value}"
    if kind == "barrier":
        return f"waiting={o.n_waiting} broken={int(o.broken)}"
    return f"size={o.qsize()}"


def outcome(f):
    if not f.done():
        return "pending"
    if f.cancelled():
        return "cancelled"
    if f.exception() is not None:
        return "raised " + fmt_exc(f.exception())
    return "result " + fmt(f.result())


def run_tasks(program, cov=None):
    trace, tasks, deadlocks, leftovers = Trace(), [], [0], []
    source = translate("tasks", program, cov is not None)
    slots, handles, timeouts, groups, objects = Slots(), Slots(), Slots(), Slots(), {}

    def log(*args):
        try:
            task = asyncio.current_task(loop)
        except RuntimeError:
            task = None
        trace.put(f"{loop.now} {task.get_name() if task else '-'} {words(args)}")

    def idle():
        deadlocks[0] += 1
        log("deadlock")
        if deadlocks[0] >= MAX_DEADLOCKS:
            log("abandoned")
            loop.stop()
        elif not tasks[0].done():
            tasks[0].cancel()
        else:
            for t in leftovers:
                if not t.done():
                    t.cancel()

    def factory(loop, coro, context=None):
        task = asyncio.Task(coro, loop=loop, name=f"T{len(tasks)}")
        task.body = coro.__name__[2:]
        tasks.append(task)
        return task

    def done_cb(tag):
        return lambda f: log("callback", tag, outcome(f))

    def act(kind, *args):
        def run():
            if kind == "log":
                log("call", *args)
            elif kind == "event_set":
                objects[args[0]].set()
            elif kind == "cancel":
                if args[0] in slots:
                    slots[args[0]].cancel()
            elif args[0] in slots and not slots[args[0]].done():
                slots[args[0]].set_result(args[1])
        return run

    def group():
        tg = asyncio.TaskGroup()
        tg._tasks = OrderedSet()
        return tg

    loop = VirtualLoop(idle)
    loop.set_task_factory(factory)
    loop.set_exception_handler(lambda loop, context: None)
    ns = base_namespace(program, cov)
    ns.update(asyncio=asyncio, aclosing=contextlib.aclosing, LOG=log, LOOP=loop,
              F=slots, H=handles, TO=timeouts, TG=groups, O=objects,
              GROUP=group, DONE_CB=done_cb, ACT=act,
              GATHER=lambda ms, rexc: asyncio.gather(*ms, return_exceptions=rexc),
              FLAGS=lambda fs, r: "".join("1" if f in r[0] else "0" for f in fs),
              AS_COMPLETED=lambda fs, t: as_completed(fs, t, loop),
              STATUS=lambda s: outcome(slots[s]) if s in slots else "empty")
    for name, kind, *args in program["objects"]:
        if kind == "condition":
            objects[name] = asyncio.Condition(objects[args[0]] if args else None)
        else:
            objects[name] = MAKE_OBJECT[kind](*args)
    hook, sys.unraisablehook = sys.unraisablehook, lambda u: None
    try:
        exec(compile(source, "<program>", "exec"), ns)
        main = loop.create_task(ns["b_main"]())
        try:
            loop.run_until_complete(main)
        except Runaway:
            raise
        except BaseException:
            pass
        log("main", outcome(main))
        if main.done():
            leftovers.extend(t for t in tasks if not t.done())
            if leftovers:
                log("shutdown", len(leftovers))
                for t in leftovers:
                    t.cancel()
                try:
                    loop.run_until_complete(asyncio.gather(*leftovers, return_exceptions=True))
                except Runaway:
                    raise
                except BaseException:
                    pass
        for t in tasks:
            left = f" cancelling={t.cancelling()}" if t.cancelling() else ""
            trace.put(f"final {t.get_name()} {t.body} {outcome(t)}{left}")
        for name, kind, *_ in program["objects"]:
            trace.put(f"object {name} {object_state(kind, objects[name])}")
        trace.put("end")
    finally:
        trace.frozen = True
        loop.close()
        for c in (slots, handles, timeouts, groups, objects, ns, tasks, leftovers):
            c.clear()
        main = t = None
        gc.collect()
        sys.unraisablehook = hook
    return trace.lines


def run_program(item, cov=None):
    """The trace of {"kind": ..., "program": ...}."""
    fn = run_generator if item["kind"] == "generator" else run_tasks
    return fn(item["program"], cov)


def quiet():
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda u: None
    gc.disable()
    gc.collect()
    gc.freeze()


# ------------------------------------------------------------------- commands

def cmd_run():
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(run_program(json.loads(line)), separators=(",", ":")), flush=True)
    return 0


def first_difference(expected, got):
    """The number of the first line in which two traces differ, and both forms of it."""
    for i in range(max(len(expected), len(got))):
        a, b = expected[i:i + 1], got[i:i + 1]
        if a != b:
            return i, a, b
    return None


def cmd_check(files):
    bad = 0
    for name in files:
        good = wrong = 0
        with open(name) as f:
            for line in f:
                item = json.loads(line)
                got = run_program(item)
                if got == item["trace"]:
                    good += 1
                    continue
                wrong += 1
                if wrong <= 3:
                    i, a, b = first_difference(item["trace"], got)
                    print(f"{item['id']} line {i}: recorded {a} now {b}")
        print(f"{name}: {good} traces agree, {wrong} differ")
        bad += wrong
    return 1 if bad else 0


def cmd_compare(name):
    """One JSON trace a line on stdin, in the order of the programs."""
    count, differ = 0, []
    with open(name) as f:
        for count, line in enumerate(f, 1):
            item, answer = json.loads(line), sys.stdin.readline()
            if not answer:
                print(f"{name}: there is no trace of {item['id']} and of what comes after it")
                return 1
            difference = first_difference(item["trace"], json.loads(answer))
            if difference is not None:
                differ.append(item["id"])
                if len(differ) <= 3:
                    i, a, b = difference
                    print(f"{item['id']} line {i}: CPython has {a}, the other {b}")
    print(f"{name}: {count} programs, {len(differ)} traces differ" + "".join(f" {ident}" for ident in differ))
    return 1 if differ else 0


def features(items):
    """Counts of what the traces themselves show."""
    seen = collections.Counter()
    for item in items:
        kinds = set()
        for line in item["trace"]:
            w = line.split(" ")
            if item["kind"] == "generator":
                if w[0] in ("unraisable", "final", "state"):
                    kinds.add(" ".join(w[:1] + w[-1:]) if w[0] != "unraisable" else line)
                elif "raise" in w:
                    kinds.add(f"{w[0]} raise {w[-1].split('(')[0]}({w[-1].split('(')[-1].strip(')0123456789-')})")
                elif len(w) > 2 and w[2] in ("stop", "break", "end", "item", "value"):
                    kinds.add(f"{w[0]} {w[2]}")
            elif w[0] == "final":
                kinds.add("final " + " ".join(x for x in w[3:] if x[:5] != "cance" or x == "cancelled").split("(")[0].split("[")[0].rstrip("0123456789- "))
            elif w[0] not in ("object", "end"):
                if w[2] in ("deadlock", "abandoned", "shutdown", "call", "callback", "main"):
                    kinds.add(" ".join(w[2:4] if w[2] in ("main",) else w[2:3]))
        seen.update(kinds)
    return seen


def cmd_coverage(files):
    for name in files:
        cov, seen, count, lines = collections.Counter(), collections.Counter(), 0, 0
        with open(name) as f:
            for line in f:
                item = json.loads(line)
                count, lines = count + 1, lines + len(item["trace"])
                seen.update(features([item]))
                try:
                    run_program(item, cov)
                except SyntaxError:     # the counting nests blocks too deeply
                    cov.update(["(not counted: nested too deeply)"])
        print(f"{name}: {count} programs, {lines} trace lines")
        print("statements executed:")
        for op in sorted(k for k in cov if "!" not in k):
            print(f"  {op:16} {cov[op]}")
        print("exceptions leaving a statement, or caught (except):")
        for op in sorted(k for k in cov if "!" in k):
            print(f"  {op:44} {cov[op]}")
        print("programs whose trace shows:")
        for k, n in sorted(seen.items()):
            print(f"  {k:44} {n}")
    return 0


def cmd_show(name, ident):
    with open(name) as f:
        for line in f:
            item = json.loads(line)
            if item["id"] == ident:
                print(json.dumps(item["program"]))
                print(translate(item["kind"], item["program"]))
                print("\n".join(run_program(item)))
                return 0
    return 1


def main(argv):
    quiet()
    if argv[:1] == ["run"]:
        return cmd_run()
    if argv[:1] == ["check"] and argv[1:]:
        return cmd_check(argv[1:])
    if argv[:1] == ["compare"] and len(argv) == 2:
        return cmd_compare(argv[1])
    if argv[:1] == ["coverage"] and argv[1:]:
        return cmd_coverage(argv[1:])
    if argv[:1] == ["show"] and len(argv) == 3:
        return cmd_show(*argv[1:])
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
