"""The command line: what it prints, what it writes and the exit status of each outcome."""

from __future__ import annotations

import errno
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_experiments.__main__ import main
from gpu_experiments.distributed import team_on
from gpu_experiments.experiment import ImageExperiment, Places
from gpu_experiments.presets import PRESETS, Preset
from sim.protocols import DivergedTraining
from sim.recording import record
from sim.runs import CONFIG, ENVIRONMENT, METRICS, SECONDS, RunFolder, read_lines
from theory.command_line import Terminated

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are given: below it are the models that they share."""
    return tmp_path_factory.mktemp("here")


@pytest.fixture
def here(
    folder: Path, tiny: ImageExperiment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """A preset of two runs that take a second, and a folder for them."""
    monkeypatch.chdir(folder)
    runs = {"one-0": tiny, "two-0": replace(tiny, reward="confidence", lam=1.0, iterations=1)}
    monkeypatch.setitem(PRESETS, "tiny", Preset("for tests", runs))
    return tmp_path / "runs"


def test_list_names_every_preset_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in PRESETS)
    assert all(run in printed for run in PRESETS["cifar10-paper"].runs)


def test_show_has_every_field_of_every_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "cifar10-paper"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == {
        name: json.loads(json.dumps(run.as_json()))
        for name, run in PRESETS["cifar10-paper"].runs.items()
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "digits"], "There is no preset 'digits': did you mean 'digits-quick'?"),
        (["show", "cifar-smoke"], "did you mean 'cifar10-smoke'?"),
        (["run", "tiny", "--only", "oen-0"], "There is no run 'oen-0' in tiny: did you mean 'one"),
        (["run", "tiny", "--device", "cuda"], "Device 'cuda' cannot be used here, which has 0"),
        (["run", "tiny", "--device", "tpu"], "Device 'tpu': give auto, cpu, cuda"),
        (["run", "tiny", "--data", "x"], "The digits come with scikit-learn and take no path (x)"),
        (["run", "tiny", "--inception", "x"], "Inception takes colour images"),
        (["run", "cifar10-smoke", "--inception", "x"], "X is no file with parameters of Inception"),
        (["run", "cifar10-smoke", "--data", "absent"], "Absent does not exist: give"),
        (["run", "tiny", "--only"], "--only names no run: give some after it"),
    ],
    ids=["preset", "show", "run", "cuda", "tpu", "path", "grey", "inception", "data", "only"],
)
def test_a_command_that_makes_no_sense_is_answered_in_one_line(
    arguments: list[str],
    message: str,
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["rum"], ["run"], ["run", "tiny", "--seeds", "3"]])
def test_an_unreadable_command_is_answered_in_one_line(
    arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_runs_are_recorded_each_in_its_folder_and_printed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "tiny", "--out", str(here)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert sorted(path.name for path in here.iterdir()) == ["one-0", "two-0"]
    rows = [line.split() for line in captured.out.splitlines()]
    assert [row[:2] for row in rows[1:5]] == [
        ["one-0", "0"],
        ["one-0", "2"],
        ["two-0", "0"],
        ["two-0", "1"],
    ]
    last = read_lines(here / "one-0" / METRICS)[-1]
    assert rows[2][2] == f"{last['reward']:.3g}"
    name = max(last["shares"], key=last["shares"].__getitem__)
    assert rows[2][4:6] == [name, f"{last['shares'][name]:.3f}"]
    assert rows[2][6] == f"{last['quality'][0]['frechet']:.3g}"
    assert "Results are in" in captured.out
    assert (here / "two-0" / "config.json").exists()


def test_a_log_has_a_line_for_every_tenth_of_a_fit(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "tiny", "--only", "one-0", "--out", str(here), "--log"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("one-0: 0 % of the fit of round 0")
    assert any(" % of the fit of round 1, loss " in line for line in lines)
    # The end of the last fit is no beginning of it.
    assert lines[-1].startswith("one-0: 100 % of the fit of round 2, loss ")
    assert len(set(lines)) == len(lines) <= 30


def test_only_the_named_runs_are_done_once_and_in_their_order(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    monkeypatch.setattr("gpu_experiments.__main__._one", lambda name, *_: begun.append(name))
    monkeypatch.setattr("gpu_experiments.__main__._print_results", lambda runs: begun.append(runs))
    assert main(["run", "tiny", "--only", "two-0", "one-0", "two-0", "--out", str(here)]) == 0
    *names, printed = begun
    assert names == ["two-0", "one-0"]
    assert printed == [("two-0", here / "two-0"), ("one-0", here / "one-0")]


def test_runs_go_below_the_folder_of_their_preset_by_default(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    assert main(["run", "tiny", "--only", "two-0"]) == 0
    assert (folder / "build/runs/images/tiny/two-0" / METRICS).exists()
    assert {file.suffix for file in (folder / "build/models").iterdir()} == {".pt", ".lock"}


def test_a_run_is_not_begun_twice_unless_resumed(
    here: Path, tiny: ImageExperiment, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "tiny", "--only", "one-0", "--out", str(here)]
    assert main(command) == 0
    before = (here / "one-0" / METRICS).read_bytes()
    capsys.readouterr()
    assert main(command) == 2
    assert "holds this run up to round 2 of 2: --resume goes on" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    assert "one-0" in capsys.readouterr().out
    assert (here / "one-0" / METRICS).read_bytes() == before
    # A complete run of another configuration is not taken for this one.
    runs = {"one-0": replace(tiny, gamma=4.0)}
    PRESETS["tiny"] = Preset("for tests", runs)
    assert main([*command, "--resume"]) == 2
    assert "gamma: 5.0 there, 4.0 here" in capsys.readouterr().err
    assert (here / "one-0" / METRICS).read_bytes() == before


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried"), "too little memory on the device"),
        (RuntimeError("[enforce fail] can't allocate memory: 1 byte"), "too little memory here"),
        (MemoryError("the memory does not suffice: give batch = 8"), "give batch = 8"),
        (MemoryError(), "MemoryError"),
        (DivergedTraining("training of p_1 diverged"), "Training of p_1 diverged"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
    ids=["device", "torch", "batch", "numpy", "diverged", "disk"],
)
def test_what_stops_a_run_has_exit_status_1_and_one_line(
    fault: Exception,
    message: str,
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise fault

    monkeypatch.setattr("gpu_experiments.experiment.measured", fail)
    assert main(["run", "tiny", "--only", "one-0", "--out", str(here)]) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("fault", [RuntimeError("shapes differ"), TypeError("no"), KeyError("t")])
def test_an_error_of_the_program_is_not_hidden(
    fault: Exception, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise fault

    monkeypatch.setattr("gpu_experiments.experiment.measured", fail)
    with pytest.raises(type(fault)):
        main(["run", "tiny", "--only", "one-0", "--out", str(here)])


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, Terminated])
def test_an_interruption_says_where_the_rounds_are_and_stays_what_it_is(
    interrupt: type[KeyboardInterrupt], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise interrupt

    monkeypatch.setattr("gpu_experiments.experiment.measured", fail)
    with pytest.raises(interrupt, match=r"^Interrupted in one-0: .*, and --resume goes on") as told:
        main(["run", "tiny", "--out", str(here)])
    assert type(told.value) is interrupt
    assert str(here) in str(told.value)


def test_a_folder_that_cannot_be_made_is_told(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["run", "tiny", "--out", str(tmp_path / "file" / "run")]) == 1
    captured = capsys.readouterr()
    assert str(tmp_path / "file") in captured.err
    assert captured.err.count("\n") == 1


COMMAND = """
import os, sys
os.chdir(folder)
if terminal:
    os.environ.update(TERM="xterm", COLUMNS="120")
    os.dup2(os.open(terminal, os.O_RDWR | os.O_NOCTTY), 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
else:
    for number in (1, 2):
        os.dup2(os.open(f"printed", os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
from gpu_experiments import __main__ as cli
from gpu_experiments.experiment import Places
from gpu_experiments.presets import PRESETS, Preset
from theory.command_line import ended
PRESETS["tiny"] = Preset("for tests", {"one-0": run})
cli.Places = lambda data, inception, device: Places(data, models, inception, device)
sys.argv = ["gpu_experiments", "run", "tiny", "--out", "runs", *words]
sys.exit(ended(cli.main))
"""


@pytest.mark.parametrize("quiet", [False, True], ids=["bar", "quiet"])
def test_on_a_terminal_progress_says_round_loss_and_reward(
    quiet: bool, doing: Any, tiny: ImageExperiment, models: Path, tmp_path: Path
) -> None:
    reader, writer = pty.openpty()
    words = ["--quiet"] if quiet else []
    process = doing(
        COMMAND,
        folder=tmp_path,
        terminal=os.ttyname(writer),
        run=tiny,
        models=models,
        words=words,
    )
    shown = b""
    os.set_blocking(reader, False)
    while process.is_alive():
        process.join(0.02)
        with suppress(BlockingIOError):
            shown += os.read(reader, 65536)
    os.close(reader)
    os.close(writer)
    assert process.exitcode == 0
    words_shown = [word in shown for word in (b"one-0", b"round 0", b"loss", b"reward", b"left")]
    assert words_shown == [not quiet] * 5
    assert quiet == (shown == b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_in_one_line_and_the_run_can_go_on(
    number: signal.Signals, doing: Any, tiny: ImageExperiment, models: Path, tmp_path: Path
) -> None:
    names = {"folder": tmp_path, "terminal": "", "models": models}
    long = replace(tiny, iterations=2000)
    process = doing(COMMAND, run=long, words=[], **names)
    path = tmp_path / "runs" / "one-0" / METRICS
    while len(read_lines(path)) < 2:
        assert process.is_alive()
        time.sleep(0.005)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == 128 + number
    assert (tmp_path / "printed").read_text() == (
        "Interrupted in one-0: the rounds so far are in runs, and --resume goes on.\n"
    )
    found = read_lines(path)
    whole = record(replace(tiny, iterations=len(found)), tmp_path / "whole").metrics()
    # The last round of the shorter run keeps nothing.
    assert found == whole[: len(found)]
    state = RunFolder(path.parent, long.as_json()).load()
    assert state is not None
    assert state["t"] >= len(found) - 1


def test_ctrl_c_during_the_imports_ends_in_one_line() -> None:
    # The handler is there from the first line of the module on, before the long imports.
    code = (
        "import os, signal, sys, runpy, threading, time\n"
        "sys.argv = ['gpu_experiments', 'list']\n"
        "def interrupt():\n"
        "    while 'torch' not in sys.modules: time.sleep(0.001)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=interrupt).start()\n"
        "runpy.run_module('gpu_experiments', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr == "Interrupted.\n"


def test_what_a_single_process_does_not_need_is_not_imported() -> None:
    code = (
        "import sys, gpu_experiments\n"
        "before = {name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names\n"
        "assert not before & {'numpy', 'torch', 'rich'}, before\n"
        "import gpu_experiments.__main__\n"
        "slow = {'lightning_fabric', 'torchcfm', 'diffusers', 'pooch', 'torchvision'}\n"
        "print(*sorted(slow & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


def test_torchrun_shares_a_run_out(tiny: ImageExperiment, models: Path, tmp_path: Path) -> None:
    import cloudpickle

    (tmp_path / "given").write_bytes(
        cloudpickle.dumps({"run": replace(tiny, iterations=0), "models": models})
    )
    (tmp_path / "tiny.py").write_text(
        "import pickle\nwords, terminal, folder = [], '', '.'\n"
        "globals().update(pickle.load(open('given', 'rb')))\n" + COMMAND
    )
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "tiny.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "printed").read_text().count("Results are in runs") == 1
    assert len(read_lines(tmp_path / "runs/one-0" / METRICS)) == 1


def test_real_cifar10_killed_and_resumed(
    cifar10_path: Path,
    doing: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "confidence-mixed-0"
    words = ["run", "cifar10-smoke", "--only", name, "--data", str(cifar10_path), "--resume"]
    process = doing(
        "import os\nos.chdir(folder)\nfrom gpu_experiments.__main__ import main\nmain(words)",
        folder=tmp_path,
        words=words,
    )
    path = tmp_path / "build/runs/images/cifar10-smoke" / name
    while not list(path.glob("checkpoint.pt")):
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    assert read_lines(path / METRICS) == []
    models = {file: file.stat().st_mtime_ns for file in Path("build/models").glob("*.pt")}
    assert main(words) == 0
    assert [line["t"] for line in read_lines(path / METRICS)] == [0, 1]
    assert models == {file: file.stat().st_mtime_ns for file in models}
    assert set(read_lines(path / METRICS)[0]["shares"]) >= {"airplane", "truck"}
    # Names are not cut to the width of the terminal.
    assert name in capsys.readouterr().out


def test_one_team_for_all_runs_of_a_command() -> None:
    assert team_on("cpu") is team_on("cpu")
    assert Places().device == "auto"


def test_a_lease_goes_on_where_a_command_left_it(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A preset of its own process cannot be the one that is patched in here.
    argv = ["lease", "cifar10-smoke", "--out", str(here), "--to", str(tmp_path / "home")]
    lacking = [*argv, "--data", str(tmp_path / "nowhere"), "--device", "cpu", "--seconds", "100"]
    assert main(lacking) == 2
    printed = capsys.readouterr().out
    assert "nowhere" in printed
    assert printed.endswith("the runs ended with status 2.\n")
    assert "nowhere" in (tmp_path / "home" / "log.txt").read_text()
    assert "started again" not in printed
    assert main(lacking) == 2
    told = "Runs were started again, since those before ended with status 2.\n"
    assert told in capsys.readouterr().out
    assert main(["unpack", str(tmp_path / "home"), str(tmp_path / "found")]) == 2
    assert "has no archive of runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--seconds", "0"], "--seconds 0.0 waits for nothing: give more than 0."),
        (["--seconds", "1", "--only", "nne-0"], "no run 'nne-0' in tiny: did you mean 'one-0'?"),
    ],
)
def test_a_lease_that_makes_no_sense_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    to = str(here.with_name("home"))
    assert main(["lease", "tiny", "--out", str(here), "--to", to, *argv]) == 2
    assert told in capsys.readouterr().err
    assert not here.exists()


def test_archives_are_not_put_among_the_runs(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = str(here / ".." / here.name)
    assert main(["lease", "tiny", "--out", str(here), "--to", to, "--seconds", "1"]) == 2
    assert f"--to {to} is the folder of the runs: name another" in capsys.readouterr().err
    assert not here.exists()


@pytest.mark.parametrize("command", [["profile"], ["solvers", "tiny"], ["costs", "RUNS"]])
def test_a_file_that_cannot_be_written_is_told_before_the_work(
    here: Path,
    command: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for work in ("profiling.profile", "solver_check.solver_check", "costs.as_json"):
        monkeypatch.setattr(f"gpu_experiments.{work}", lambda *_: pytest.fail("has begun"))
    RunFolder(here / "one-0", {})
    words = [word.replace("RUNS", str(here)) for word in command]
    assert main([*words, "--json", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"--json {tmp_path} is a folder: name a file.\n"
    (tmp_path / "file").write_text("")
    assert main([*words, "--json", str(tmp_path / "file" / "found.json")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err

    def refuse(**place: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(place["dir"]))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert main([*words, "--json", str(tmp_path / "found.json")]) == 1
    assert f"Read-only file system: '{tmp_path}'" in capsys.readouterr().err


def test_solvers_are_compared_on_the_pretrained_model(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "not there yet" / "solvers.json"
    assert main(["solvers", "tiny", "--json", str(file), "--images", "4", "--device", "cpu"]) == 0
    found = json.loads(file.read_text())
    assert (found["images"], found["reference_steps"]) == (4, 250)
    printed = capsys.readouterr().out
    assert f"reward: {found['reward']['here']:.4g}, reference" in printed


def test_finished_runs_are_held_against_the_theory(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "tiny", "--only", "one-0", "--out", str(here), "--device", "cpu"]) == 0
    capsys.readouterr()
    # What networks that have learnt nothing do is no matter here, but that it is told.
    status = main(["check", str(here)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["weight", "dominance"]
    assert status == (0 if all(" holds: " in line for line in lines) else 1)
    metrics = here / "one-0" / METRICS
    rounds = [json.loads(line) for line in metrics.read_text().splitlines()]
    rounds[1]["weight"] = 1e-3 * rounds[0]["weight"]
    rounds[1]["weight_se"] = 1e-3 * rounds[0]["weight_se"]
    rounds[0]["weight_se"] = 1e-3 * rounds[0]["weight"]
    metrics.write_text("".join(json.dumps(line) + "\n" for line in rounds))
    assert main(["check", str(here)]) == 1
    assert "one-0: weight fails: " in capsys.readouterr().out
    # One that has just begun is no reason not to check the others.
    shutil.copytree(here / "one-0", here / "begun-0")
    (here / "begun-0" / METRICS).write_text(json.dumps(rounds[0]) + "\n")
    assert main(["check", str(here)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "begun-0: has no round of retraining yet, and nothing to check."
    assert "one-0: weight fails: " in lines[1]
    # Of a control it is told that nothing is.
    config = json.loads((here / "one-0" / CONFIG).read_text())
    (here / "one-0" / CONFIG).write_text(json.dumps({**config, "selects": False}))
    assert main(["check", str(here / "one-0")]) == 0
    told = "one-0: keeps one of K by lot, of which these theorems say nothing.\n"
    assert capsys.readouterr().out == told
    # Other runs, though they come last, are refused before anything is said of those.
    RunFolder(here / "other", {"iterations": 3})
    assert main(["check", str(here)]) == 2
    refused = capsys.readouterr()
    assert not refused.out
    assert (
        refused.err == f"{here / 'other'} is no run on images: name a folder of such runs alone.\n"
    )
    assert main(["check", str(here / "nothing")]) == 2
    assert "holds no run" in capsys.readouterr().err


def test_costs_are_printed_in_columns_and_written(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["run", "tiny", "--only", "one-0", "--out", str(here), "--device", "cpu"]) == 0
    lines = [{"t": t, "fit": 60.0, "sample": 20.0, "all": 90.0} for t in range(3)]
    (here / "one-0" / SECONDS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    capsys.readouterr()
    file = tmp_path / "costs.json"
    words = ["costs", str(here), "--devices", "2", "--json", str(file)]
    assert main(words) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "On no GPU, 2 devices per run."
    rows = [line.split() for line in printed]
    assert [cell.strip() for cell in printed[1].split("  ") if cell.strip()] == [
        *("phase", "wall, s", "hours", "TFLOP/s", "share")
    ]
    found = json.loads(file.read_text())
    refits = found["phases"][1]["flops_per_second"] / 1e12
    assert rows[3] == ["refits", "120.0", "0.0667", f"{refits:.3g}", "44", "%"]
    assert rows[5] == ["the", "rest", "30.0", "0.0167", "–", "11", "%"]
    assert rows[6] == ["all", "270.0", "0.15", "100", "%"]
    # One run with two rounds of 90 s: twenty on two devices take an hour.
    assert rows[8] == ["one", "1", "2", "90", "1", "–"]
    assert printed[9].startswith("Hours for 20 rounds are extrapolated from the mean")
    assert "22 h on one A100-40GB for 20 rounds" in " ".join(" ".join(printed).split())
    assert found["settings"][0]["extrapolated_device_hours"] == pytest.approx(1.0)
    environment = json.loads((here / "one-0" / ENVIRONMENT).read_text())
    named = {**environment, "gpu": "made-up GPU"}
    (here / "one-0" / ENVIRONMENT).write_text(json.dumps(named))
    assert main(words[:2]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "On made-up GPU, one device per run."
    assert "GPU-hours" in printed[1]
    assert "GPU-hours for 20 rounds" in printed[7]
    assert main([*words[:2], "--devices", "0"]) == 2
    assert "--devices 0 share no run: give at least 1." in capsys.readouterr().err


@pytest.mark.parametrize(
    "fault", ["import torch_fidelity_is_not_here", "raise RuntimeError('nms')"]
)
def test_inception_that_cannot_be_had_is_refused_before_any_work(
    fault: str,
    cifar10_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = tmp_path / "libraries" / "torch_fidelity"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("")
    (library / "feature_extractor_inceptionv3.py").write_text(fault)
    for name in ("torch_fidelity", "torch_fidelity.feature_extractor_inceptionv3"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(library.parent)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").write_text("")
    words = ["run", "cifar10-smoke", "--data", str(cifar10_path), "--inception", "weights"]
    assert main([*words, "--device", "cpu"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("Torch-fidelity cannot be imported (")
    assert "or leave Inception features out" in told
    assert told.count("\n") == 1
    assert not (tmp_path / "build").exists()
