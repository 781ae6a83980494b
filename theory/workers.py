"""Calls in worker processes: on this machine, or those of a Dask cluster."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import joblib

# Seconds to wait for a scheduler, and for its first worker.
PATIENCE = 10.0


class NoCluster(ConnectionError):
    """No Dask scheduler answers at the address, or it has no workers; the message is one
    sentence."""


def unordered(
    calls: Iterable[Any], processes: int, scheduler: str | None = None
) -> Generator[Any, None, None]:
    """Results of calls, each as soon as it is there; those that still run are ended on closing.

    Parameters
    ----------
    calls
        Each as ``joblib.delayed(function)(*arguments)``, taken when a worker is free for it.
    processes
        Worker processes on this machine.
    scheduler
        Address of a Dask scheduler whose workers are used in their place.

    Raises
    ------
    NoCluster
        When the scheduler does not answer, or has no workers.
    """
    with ExitStack() as stack:
        stack.enter_context(_replacements_untold())
        if scheduler is None:
            workers = processes
            stack.enter_context(joblib.parallel_config("loky", n_jobs=processes))
        else:
            workers = stack.enter_context(_cluster(scheduler))
            stack.enter_context(joblib.parallel_config("dask", n_jobs=workers))
        parallel = joblib.Parallel(return_as="generator_unordered", pre_dispatch=workers)
        with _children_deaf_to_interrupts():
            results = parallel(calls)
            stack.callback(_end, results)
        # Not `yield from`, which would close the results before _end can.
        for found in results:  # noqa: UP028
            yield found


def _end(results: Generator[Any, None, None]) -> None:
    """End the calls that still run; that they are not awaited is no news."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*still being processed by the workers", UserWarning)
        results.close()


@contextmanager
def _replacements_untold() -> Iterator[None]:
    """A worker whose memory has grown ends after its call, and another one takes its place: the
    warning of it is for those who wonder about lost time, and no call is lost."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        yield


@contextmanager
def _cluster(address: str) -> Iterator[int]:
    """A connection to the scheduler, and the number of threads behind it."""
    try:
        from distributed import Client
    except ImportError:
        raise NoCluster("--scheduler needs Dask: pip install 'curated-loops[cluster]'.") from None
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=True)
    except (OSError, ValueError, TypeError) as error:
        raise NoCluster(
            f"No Dask scheduler answers at {address} ({type(error).__name__}): start one with "
            "`dask scheduler` and `dask worker`, or leave --scheduler out."
        ) from None
    with client:
        threads = sum(client.nthreads().values())
        if threads == 0:
            raise NoCluster(
                f"The scheduler at {address} has no workers: start some with `dask worker`."
            )
        yield threads


@contextmanager
def _children_deaf_to_interrupts() -> Iterator[None]:
    """Processes started meanwhile leave Ctrl-C to this one, which ends them, and print nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Only what is ignored stays so in a new program: a Ctrl-C in this moment is lost here as well.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
