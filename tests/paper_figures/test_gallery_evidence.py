"""Verdicts behind the gallery: those of ``python -m theory verify``, kept while nothing changed."""

from __future__ import annotations

import ast
import dataclasses
import json
import shutil
import sys
from importlib.metadata import packages_distributions

import pytest

from paper_figures import evidence
from theory.__main__ import main as theory
from theory.claims import claims
from theory.evidence import rocq
from theory.evidence.verdict import Status

HOLDS = claims["no-curation"]
FALLS = dataclasses.replace(HOLDS, id="twinless", false_twins=())


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    return results, dict(evidence.check([HOLDS, FALLS], results, "key", 1))


def without_seconds(report):
    """What does not depend on the machine's speed."""
    if isinstance(report, dict):
        timed = ("seconds", "instances_per_second", "second_opinion")
        return {name: without_seconds(each) for name, each in report.items() if name not in timed}
    return [*map(without_seconds, report)] if isinstance(report, list) else report


def test_verdicts_are_those_of_the_command_that_checks(checked, tmp_path):
    file = tmp_path / "verify.json"
    assert theory(["verify", HOLDS.id, "--json", str(file), "--quiet"]) == 0
    (report,) = json.loads(file.read_text())["claims"]
    found = checked[1][HOLDS.id]
    assert without_seconds(found.report) == without_seconds(report)
    assert found.holds
    assert found.refuted_twins == len(HOLDS.false_twins)
    assert found.decided == sum(v["status"] != Status.OUT_OF_REACH for v in report["verdicts"])


def test_reports_are_read_back_under_their_key_alone(checked):
    results, reports = checked
    assert evidence.saved([HOLDS.id, FALLS.id], results, "key") == reports
    assert evidence.saved([HOLDS.id], results, "another key") == {}
    assert evidence.saved(["never-checked"], results, "key") == {}


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'{"key": "key"}', b"\xff"])
def test_a_damaged_report_is_no_report(checked, tmp_path, content):
    path = evidence.report_file(HOLDS.id, tmp_path)
    path.parent.mkdir()
    path.write_bytes(content)
    assert evidence.saved([HOLDS.id], tmp_path, "key") == {}


def test_the_overview_counts_what_stands(checked):
    reports = checked[1]
    open_question = {**reports[HOLDS.id].report, "standing": "conjecture"}
    conjecture = evidence.Checked(open_question, "")
    assert evidence.overview([]) == "0 claims checked"
    assert evidence.overview([reports[HOLDS.id]]) == "1 claim checked: 1 theorem stands"
    assert evidence.overview([*reports.values(), conjecture, conjecture]) == (
        "4 claims checked: 1 theorem stands, 2 conjectures not refuted, 1 did not stand"
    )


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A copy of what the key depends on."""
    copy = tmp_path / "theory"
    (copy / "proofs").mkdir(parents=True)
    for name in ("law.py", "evidence/core.py", "proofs/_CoqProject"):
        (copy / name).parent.mkdir(exist_ok=True)
        shutil.copy(evidence.SOURCES / name, copy / name)
    (copy / "proofs" / "Proof.v").write_text("Theorem t : True.")
    monkeypatch.setattr(rocq, "build_folder", lambda: tmp_path)
    return copy


@pytest.mark.parametrize(
    "changed", ["law.py", "evidence/core.py", "proofs/Proof.v", "proofs/_CoqProject"]
)
def test_a_changed_source_asks_for_new_checks(sources, changed):
    before = evidence.key(sources)
    assert evidence.key(sources) == before
    (sources / changed).write_text("# changed")
    assert evidence.key(sources) != before


def test_a_module_of_another_package_asks_for_new_checks(sources):
    before = evidence.key(sources)
    (sources / "evidence").rename(sources / "elsewhere")
    assert evidence.key(sources) != before


def test_proofs_that_are_built_or_another_rocq_ask_for_new_checks(sources, tmp_path, monkeypatch):
    before = evidence.key(sources)
    (tmp_path / "record.json").write_text("{}")
    built = evidence.key(sources)
    monkeypatch.setattr(rocq, "version", lambda: "Coq 99")
    assert len({before, built, evidence.key(sources)}) == 3


def test_another_version_of_a_library_asks_for_new_checks(sources, monkeypatch):
    before = evidence.key(sources)
    monkeypatch.setattr(evidence, "installed", lambda name: "0")
    assert evidence.key(sources) != before


def test_another_python_asks_for_new_checks(sources, monkeypatch):
    before = evidence.key(sources)
    monkeypatch.setattr(evidence.platform, "python_version", lambda: "3.99.0")
    assert evidence.key(sources) != before


# Of what theory imports from elsewhere: it prints, reads options, starts processes, or searches for
# counterexamples of commands that the gallery does not run.
WITHOUT_VERDICTS = {
    "cloudpickle", "distributed", "hypothesis", "joblib", "pytest", "rich", "threadpoolctl", "tyro",
}  # fmt: skip


def test_libraries_are_those_that_theory_imports():
    modules = set()
    for path in evidence.SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules.add(node.module.partition(".")[0])
    foreign = modules - sys.stdlib_module_names - {"theory"}
    of = packages_distributions()
    known = {name for module in foreign for name in of.get(module, [module])}
    assert {name.lower() for name in known} - WITHOUT_VERDICTS == set(evidence.LIBRARIES)


def test_what_is_no_source_does_not_matter(sources):
    before = evidence.key(sources)
    (sources / "notes.txt").write_text("x")
    assert evidence.key(sources) == before
