"""What tests on images share: real CIFAR-10, a run that takes a second, and processes."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpu_experiments.classifier_training import ClassifierSettings
from gpu_experiments.experiment import ImageExperiment, Places
from gpu_experiments.flow import FlowSettings

VARIABLE = "CURATED_LOOPS_CIFAR10"
# Seconds after which a process hangs.
PATIENCE = 100


@pytest.fixture(scope="session")
def cifar10_path() -> Path:
    """CIFAR-10 in any layout: where the variable says, or else in a folder beside the checkout."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    beside = Path(__file__).resolve().parents[3] / "shared" / "cifar10"
    if not beside.is_dir():
        pytest.skip(f"no CIFAR-10 here: {VARIABLE} can name a folder with it")
    return beside


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the models that the tests share."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def tiny(models: Path) -> ImageExperiment:
    """Digits with a network that has learnt nothing: its samples are noise, in a tenth of a second
    per round."""
    return ImageExperiment(
        data="digits",
        reward="class",
        gamma=5.0,
        K=2,
        kept=10,
        iterations=2,
        # Every device drops other units; without that, their number changes no number.
        model=replace(FlowSettings.smoke(), dropout=0.0),
        classifier=replace(ClassifierSettings.digits(), epochs=1),
        comparisons=20,
        limit=60,
        compared=20,
        saved=4,
        places=Places(models=models),
    )


@pytest.fixture(scope="session")
def processes() -> Any:
    """Makes processes; that their imports are done before is for speed alone."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["gpu_experiments.__main__", "lightning_fabric.strategies", "torchcfm", "sklearn.datasets"]
    )
    return context


@pytest.fixture
def doing(processes: Any) -> Any:
    """Starts a process that runs a piece of code with some names; what is left is killed."""
    started = []

    def start(code: str, **names: Any) -> Any:
        process = processes.Process(target=exec, args=(code, names))
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


@pytest.fixture
def pair(doing: Any, tmp_path: Path) -> Callable[..., tuple[list[int], list[str]]]:
    """Runs a piece of code in two processes that torchrun could have started.

    Gives their exit statuses and what they printed; killed are processes that hang.
    """

    def run(code: str, **names: Any) -> tuple[list[int], list[str]]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        began = []
        for rank in range(2):
            (tmp_path / f"printed-{rank}").unlink(missing_ok=True)
            environment = {
                "TORCHELASTIC_RUN_ID": "none",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "WORLD_SIZE": "2",
                "LOCAL_WORLD_SIZE": "2",
                "GROUP_RANK": "0",
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
            }
            began.append(
                doing(
                    PREPARED + code,
                    environment=environment,
                    printed=str(tmp_path / f"printed-{rank}"),
                    rank=rank,
                    folder=tmp_path,
                    **names,
                )
            )
        for process in began:
            process.join(PATIENCE)
            process.kill()
            process.join()
        printed = [(tmp_path / f"printed-{rank}").read_text() for rank in range(2)]
        return [process.exitcode for process in began], printed

    return run


PREPARED = """
import os, sys
os.environ.update(environment)
for number in (1, 2):
    os.dup2(os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
"""
