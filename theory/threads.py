"""Threads: one for the small products of linear algebra, several for long passes over atoms."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")

# A pass is cut into this many parts whatever the machine, so that sums over the parts, taken in
# order, round alike everywhere.
PARTS = 4
# Shorter passes are over before the threads have started.
PARALLEL_FROM = 200_000


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """Hold linear algebra to one thread: the loop's products are so small that a pool's start, and
    its wait for a busy core, would take longer than they do."""
    limit: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=min(PARTS, os.cpu_count() or 1))


# Threads do not survive a fork; a child process makes its own.
os.register_at_fork(after_in_child=_pool.cache_clear)


def over_parts(size: int, work: Callable[[slice], Result]) -> list[Result]:
    """Apply ``work`` to consecutive slices of ``range(size)``, in threads when it is long."""
    if size < PARALLEL_FROM:
        return [work(slice(0, size))]
    bounds = [size * part // PARTS for part in range(PARTS + 1)]
    parts = [slice(start, stop) for start, stop in pairwise(bounds)]
    return list(_pool().map(work, parts))
