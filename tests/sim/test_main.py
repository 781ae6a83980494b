"""The command line: what it prints, what it writes and the exit status of each outcome."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import sim
from sim.__main__ import _fields_apart, main
from sim.experiment import field_values
from sim.models import MODELS
from sim.presets import EXPERIMENTS
from sim.runs import METRICS, read_lines
from theory.command_line import ended

ROOT = Path(__file__).parents[2]
RUN = ["run", "moons-mixed", "--generator", "gaussian", "--kept", "40", "--iterations", "2"]


def test_list_names_every_experiment_and_generator(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in (*EXPERIMENTS, *MODELS))


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_show_has_every_field_and_run_takes_what_it_shows(
    preset: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["show", "line-pure", "--preset", preset]) == 0
    shown = dict(
        line.strip().removeprefix("--").split(maxsplit=1)
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("  --")
    )
    named = EXPERIMENTS["line-pure"].preset("paper" if preset == "paper" else "quick")
    assert list(shown) == list(field_values(named))
    shown |= {"iterations": "0", "model.ode_steps": "2", "model.steps": "30", "kept": "100"}
    words = [word for name, text in shown.items() for word in (f"--{name}", *text.split())]
    assert main(["run", "line-pure", *words, "--out", str(tmp_path)]) == 0
    stored = json.loads((tmp_path / "config.json").read_text())
    assert stored["model"]["ode_steps"] == 2
    assert stored["model"]["coupling"] == named.model.coupling
    assert stored["data"]["means"] == [-2.0, 2.0]


def test_a_run_prints_its_rounds_and_where_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*RUN, "--out", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert str(tmp_path) in captured.out.replace("\n", "")
    heading, *rows = captured.out.splitlines()
    assert heading.split() == ["t", "E[r]", "±", "E[w]", "±", "loss", "s", "upper", "moon",
                               "lower", "moon"]  # fmt: skip
    assert [row.split()[0] for row in rows[:3]] == ["0", "1", "2"]
    line = read_lines(tmp_path / METRICS)[2]
    assert rows[2].split()[1] == f"{line['reward']:.3g}"
    assert rows[2].split()[7:] == [
        f"{share:.3f}" for share in sorted(line["shares"].values(), reverse=True)
    ]
    assert "E[r], E[w]: mean reward" in captured.out


@pytest.mark.parametrize(
    "words",
    [
        ["--K", "3", "--centre", "-1", "0.5"],
        ["--K=3", "--centre=-1 0.5"],
        ["--centre", "-1", "0.5", "--K", "3"],
        ["--gamma", "10", "--centre", "-1", ".5", "--K", "3"],
    ],
)
def test_fields_can_be_written_in_several_ways(words: list[str], tmp_path: Path) -> None:
    assert main([*RUN, *words, "--out", str(tmp_path)]) == 0
    stored = json.loads((tmp_path / "config.json").read_text())
    assert (stored["K"], stored["centre"]) == (3, [-1.0, 0.5])
    assert stored["generator"] == "gaussian"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "moons"], "There is no experiment 'moons': did you mean 'moons-"),
        (["show", "mixtur-pure"], "did you mean 'mixture-pure'"),
        ([*RUN, "--Kx", "3"], "There is no field 'Kx': did you mean 'K'?"),
        ([*RUN, "--generater", "flow"], "did you mean 'generator'"),
        ([*RUN, "--K"], "--K has no value: give one after it."),
        ([*RUN, "--K", "2", "--K", "3"], "--K is given twice"),
        ([*RUN, "--K", "many"], "K = 'many': give a whole number."),
        ([*RUN, "--lam", "0"], "Lam = 0.0 keeps no synthetic data"),
        ([*RUN, "--sweep", "K"], "is not of the form field=value,value."),
        ([*RUN, "--sweep"], "--sweep has no value: give fields after it"),
        ([*RUN, "--sweep", "--quiet"], "--sweep has no value: give fields after it"),
        ([*RUN, "--out", ""], "--out names no folder of its own"),
        ([*RUN, "--out", "."], "--out names no folder of its own"),
        ([*RUN, "--sweep", "K=2", "--processes", "0"], "--processes 0 runs nothing"),
        ([*RUN, "--processes", "2"], "--processes is for the runs of a sweep"),
        ([*RUN, "--scheduler", "tcp://x"], "--scheduler is for the runs of a sweep"),
        (
            [*RUN, "--sweep", "K=2", "--processes", "2", "--scheduler", "tcp://x"],
            "--processes and --scheduler exclude each other",
        ),
        ([*RUN, "--scheduler", "tcp://nobody:1", "--sweep", "K=2"], "No Dask scheduler answers"),
    ],
)
def test_a_command_that_makes_no_sense_is_answered_in_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("arguments", [["rum"], ["run"], [*RUN, "--preset", "fast"]])
def test_an_unreadable_command_is_answered_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_runs_go_to_folders_that_tell_them_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(RUN) == 0
    assert main([*RUN, "--gamma", "3"]) == 0
    assert main([*RUN, "--sweep", "seed=1,2"]) == 0
    base = tmp_path / "build/runs/moons-mixed"
    fields = "quick,generator=gaussian,kept=40,iterations=2"
    assert sorted(str(file.parent.relative_to(base)) for file in base.rglob(METRICS)) == sorted(
        [fields, f"{fields},gamma=3", f"{fields},sweep/seed=1", f"{fields},sweep/seed=2"]
    )


def test_a_folder_with_another_run_is_refused_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*RUN, "--out", str(tmp_path)]
    assert main(arguments) == 0
    before = (tmp_path / METRICS).read_bytes()
    capsys.readouterr()
    assert main(arguments) == 2
    assert "--resume goes on with it, another --out starts anew" in capsys.readouterr().err
    assert main([*arguments, "--gamma", "3", "--resume"]) == 2
    assert "gamma: 10.0 there, 3.0 here" in capsys.readouterr().err
    assert main([*arguments, "--resume"]) == 0
    assert (tmp_path / METRICS).read_bytes() == before


def test_a_folder_that_cannot_be_made_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main([*RUN, "--out", str(tmp_path / "file" / "run")]) == 1
    captured = capsys.readouterr()
    assert str(tmp_path / "file") in captured.err
    assert captured.err.count("\n") == 1


def test_diverged_training_has_exit_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--model.steps", "30", "--model.warm_rate", "1e9", "--kept", "100"]
    assert main(["run", "moons-pure", *settings, "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "Training of p_1 diverged" in captured.err
    assert "--resume tries round 1 again" in captured.err
    assert captured.err.count("\n") == 1
    assert len(read_lines(tmp_path / METRICS)) == 1


def test_a_sweep_prints_a_row_per_run_and_fails_if_one_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*RUN, "--out", str(tmp_path), "--sweep", "K=2,4", "lam=0.5,1"]
    assert main([*arguments, "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("2 of 2") == 4
    last = read_lines(tmp_path / "K=4,lam=1" / METRICS)[-1]
    (row,) = (line for line in printed.splitlines() if line.strip().startswith("K=4,lam=1"))
    assert row.split()[4] == f"{last['reward']:.3g}"
    assert main(arguments) == 1
    assert "K=2,lam=0.5: " in capsys.readouterr().err
    assert main([*arguments, "--resume"]) == 0


@pytest.mark.parametrize("more", [(), ("--quiet",)])
def test_on_a_terminal_progress_says_round_loss_and_reward(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    reader, writer = pty.openpty()
    run = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "sim",
            "run",
            "moons-mixed",
            "--kept",
            "200",
            "--iterations",
            "3",
            "--out",
            str(tmp_path / "run"),
            *more,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=writer,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(writer)
    shown = b""
    # Reading from a terminal that nobody writes to any more is an error.
    while True:
        try:
            part = os.read(reader, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(reader)
    assert run.wait(60) == 0
    assert run.stdout is not None
    run.stdout.close()
    words = (b"round", b"of 3", b"loss", b"reward", b"left")
    assert [word in shown for word in words] == [not more] * 5


def test_ctrl_c_during_the_imports_ends_in_one_line() -> None:
    # The handler is there from the first line of the module on, before the long imports.
    code = (
        "import os, signal, sys, runpy, threading, time\n"
        "sys.argv = ['sim', 'list']\n"
        "def interrupt():\n"
        "    while 'torch' not in sys.modules: time.sleep(0.001)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=interrupt).start()\n"
        "runpy.run_module('sim', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr == "Interrupted.\n"


def test_nothing_is_imported_before_the_handler_of_ctrl_c() -> None:
    # The interpreter imports the package before the first line of its __main__.
    code = (
        "import sys\nbefore = set(sys.modules)\nimport sim\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert set(done.stdout.split()) - set(sys.stdlib_module_names) == {"sim"}


def test_the_package_has_the_laws_of_the_data() -> None:
    assert {getattr(sim, name).__name__ for name in sim.__all__} == set(sim.__all__)
    with pytest.raises(AttributeError, match="no attribute 'ThreeMoons'"):
        _ = sim.ThreeMoons


@pytest.mark.parametrize(
    "sizes",
    [["--real", str(10**15)], ["--kept", str(10**14), "--lam", "inf"]],
    ids=["numpy", "torch"],
)
def test_too_little_memory_is_told(
    sizes: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "line-pure", "--generator", "gaussian", *sizes]
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 1
    captured = capsys.readouterr()
    assert "too little memory" in captured.err
    assert captured.err.count("\n") == 1


def test_another_error_of_torch_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr("sim.__main__.record", fail)
    with pytest.raises(RuntimeError, match="shapes differ"):
        main([*RUN, "--out", str(tmp_path / "run")])


def test_a_command_without_output_ends_as_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(sys, "stdout", None)
    try:
        assert ended(lambda: 3) == 3
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_a_reader_that_goes_away_is_no_file_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("sim.__main__.record", gone)
    with pytest.raises(BrokenPipeError):
        main([*RUN, "--out", str(tmp_path / "run")])


def test_an_interruption_before_the_first_round_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.__main__.record", interrupted)
    with pytest.raises(
        KeyboardInterrupt, match="before the first round was found: nothing is lost"
    ):
        main([*RUN, "--out", str(tmp_path / "run")])


def test_a_field_takes_all_numbers_after_it_whatever_their_sign() -> None:
    own, texts = _fields_apart(["run", "x", "--centre", "0.5", "-1", "-inf", "--K", "3", "y"])
    assert (own, texts) == (["run", "x", "y"], {"centre": "0.5 -1 -inf", "K": "3"})
