"""Asks a backend on behalf of many agents: limit, retries, budget, cache. One client serves all cells of a run."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from agents.prompted.backends import GOES_ON, Backend, PassingError, Question, Reply, RequestFailedError
from agents.prompted.client.answer_cache import AnswerCache, question_key
from agents.prompted.client.budget import Budget
from agents.prompted.client.first_answers import FirstAnswers
from agents.prompted.settings import ModelSettings
from c2c_env.errors import EndpointError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  # seconds between attempts, doubling, with jitter
STOPPED = "stopped"
T = TypeVar("T")


class Asker(Protocol):
    """What a team puts its questions to: a `Client`, or the answers of a transcript."""

    def run(self, jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
        """Run coroutines, which may ask; return their results in the same order."""

    async def ask(self, make: Callable[[], Question]) -> Reply:
        """Answer a question; raise a `RequestFailedError` if there is no answer."""

    def note(self, policy: str, steps: int, faults: Sequence[str]) -> None:
        """Take note of the steps that a policy has taken, and of what was wrong with each answer ("" if nothing)."""


class Client:
    """Runs in an event loop of its own thread; `run` and `check` may be called from any other."""

    def __init__(self, options: ModelSettings, backend: Backend, cache: AnswerCache) -> None:
        self.options, self.backend, self.cache = options, backend, cache
        self.meter = Budget(options)
        self.first_answers = FirstAnswers(options.most_invalid)
        self._slots = asyncio.Semaphore(options.concurrency)
        self._under_way: dict[str, asyncio.Future[Reply]] = {}
        self._checked: set[str] = set()
        self._pause_until = 0.0
        self._closed = False
        self._process = os.getpid()  # a child made by fork has no thread of its own here
        self._stopping = asyncio.Event()
        self._ended_by = ""  # why nothing more will ever come, until somebody tries again
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="language-model", daemon=True)
        self._thread.start()

    # --- from other threads ----------------------------------------------------------------------------------

    def run(self, jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
        """Run coroutines side by side; when one raises, the others are finished first, so that no answer is lost."""
        if self._closed:
            raise EndpointError(STOPPED)
        self._ended_by = ""
        return self._wait_for(_gather(jobs))

    def check(self, model: str) -> None:
        """Raise an `EndpointError` if the model cannot be used; asks once a model."""
        if model not in self._checked:
            self._wait_for(self.backend.check(model))
            self._checked.add(model)

    def note(self, policy: str, steps: int, faults: Sequence[str]) -> None:
        """Count steps of episodes, and look at the answers in them; see `FirstAnswers.add`."""
        self.meter.totals.steps += steps
        self.first_answers.add(policy, faults)

    @property
    def under_way(self) -> int:
        """Questions whose answers have not come yet."""
        return len(self._under_way)

    def close(self, patient: bool = True) -> None:
        """Ask nothing more, and let go of everything.

        Args:
            patient: wait for the answers that are under way, as long as an attempt may last (`timeout`), and keep them.
        """
        self._closed = True
        if self._loop.is_closed() or self._process != os.getpid():
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        while not self._stopping.is_set() or (patient and self._under_way):
            time.sleep(0.02)  # no coroutine waits here, since an interrupt at any moment would leave it behind
        self._wait_for(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.cache.close()

    def _wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._process != os.getpid():
            coroutine.close()
            raise EndpointError("a prompted team made before a fork cannot ask in the child; make the team there")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.backend.close()

    # --- in the loop -----------------------------------------------------------------------------------------

    async def ask(self, make: Callable[[], Question]) -> Reply:
        """The answer to a question, which is made when its turn has come.

        Raises:
            RequestFailedError: there is none.
            BudgetError, EndpointError: there will be no more.
        """
        async with self._slots:
            self._go_on()
            question = make()
            key = question_key(question.content(self.options))
            kept = self.cache.get(key)
            reply = Reply.restored(kept) if kept is not None else None
            if reply is not None:
                self.meter.totals.cached += 1
                return reply
            if key in self._under_way:  # the same question of another episode
                reply = await asyncio.shield(self._under_way[key])
                self.meter.totals.cached += 1
                return reply
            return await self._ask_once(key, question)

    async def _ask_once(self, key: str, question: Question) -> Reply:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._under_way[key] = future
        try:
            reply = await self._attempt_all(question)
            self.cache.put(key, reply.kept())
            future.set_result(reply)
        except BaseException as error:
            self._ended_by = str(error) if isinstance(error, EndpointError) else self._ended_by
            future.set_exception(error if isinstance(error, Exception) else RequestFailedError("interrupted"))
            future.exception()  # has been looked at, even if nobody else waits
            raise
        finally:
            del self._under_way[key]
        return reply

    async def _attempt_all(self, question: Question) -> Reply:
        attempts = AsyncRetrying(
            stop=stop_after_attempt(self.options.attempts),
            wait=self._pause,
            retry=retry_if_exception_type(PassingError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await attempts(self._attempt, question)
        except PassingError as error:
            if error.unreachable:
                raise EndpointError(f"{error}; {GOES_ON}") from None
            raise RequestFailedError(f"{error} ({self.options.attempts} attempts)") from None

    async def _attempt(self, question: Question) -> Reply:
        """One attempt, with what it may cost set aside before and settled after."""
        await self._wait_out_pause()
        most = (question.most_tokens, question.max_tokens)
        await self.meter.reserve(*most)
        spent: tuple[int, ...] = (0, 0)
        try:
            self._go_on()
            self.meter.totals.asked += 1
            reply = await self.backend.complete(question)
            spent = (reply.prompt_tokens, reply.completion_tokens, reply.prompt_tokens_cached)
            return reply
        except PassingError as error:
            spent = most if error.paid else spent
            self._note_pause(error)
            raise
        finally:
            await self.meter.settle(most, *spent)

    def _note_pause(self, error: PassingError) -> None:
        """A server that asks for a pause gets it from everybody."""
        if error.wait is None:
            return
        if error.wait > self.options.longest_wait:
            waits = f"it asks to wait {error.wait:g} s, longest_wait is {self.options.longest_wait:g} s"
            raise EndpointError(f"{self.options.base_url}: {error}; {waits}; {GOES_ON}") from None
        self._pause_until = max(self._pause_until, self._loop.time() + error.wait)

    async def _wait_out_pause(self) -> None:
        while (left := self._pause_until - self._loop.time()) > 0:
            await self._sleep(left)

    async def _sleep(self, seconds: float) -> None:
        """Wait, unless nothing more is to be asked."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        self._go_on()

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise EndpointError(STOPPED)
        if self._ended_by:
            raise EndpointError(self._ended_by)

    def _pause(self, state: RetryCallState) -> float:
        """Seconds until the next attempt: doubling, with jitter; none on top of a pause that the server asks for."""
        self.meter.totals.retries += 1
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, PassingError) and error.wait is not None and error.wait >= FIRST_PAUSE:
            return 0.0
        return random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (state.attempt_number - 1))


async def _gather(jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    results = await asyncio.gather(*(job() for job in jobs), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


# --- one client for each set of options -----------------------------------------------------------------------

_CLIENTS: dict[ModelSettings, Client] = {}
_OF_PARENT: list[Client] = []  # kept, since SQLite's connections must not be closed in a child
_LOCK = threading.Lock()


def client_of(options: ModelSettings) -> Client:
    """The client of this process for these options, so that its limit and budget hold for all who ask."""
    with _LOCK:
        if options not in _CLIENTS:
            _CLIENTS[options] = Client(options, _backend(options), AnswerCache(options.cache))
        return _CLIENTS[options]


def _begin_anew() -> None:
    """Leave the clients to the parent, after a fork; another thread may have held the lock."""
    global _LOCK
    _LOCK = threading.Lock()
    _OF_PARENT.extend(_CLIENTS.values())
    _CLIENTS.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_begin_anew)


def count_under_way() -> int:
    """Count the questions of all clients that wait for an answer."""
    return sum(client.under_way for client in list(_CLIENTS.values()))


def close_all(patient: bool = True) -> None:
    """End all clients, see `Client.close`; what waits for more answers fails."""
    with _LOCK:
        for options, client in list(_CLIENTS.items()):
            client.close(patient)
            del _CLIENTS[options]


def _backend(options: ModelSettings) -> Backend:
    """Libraries are loaded only for the backend that is asked for."""
    if options.backend == "transformers":
        from agents.prompted.backends.local import LocalModel

        return LocalModel(options)
    from agents.prompted.backends.openai_chat import OpenAIChat

    return OpenAIChat(options)
