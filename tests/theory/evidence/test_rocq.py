"""Machine-checked evidence: a proof counts only when Rocq accepted these very sources."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from theory.claims import claims
from theory.evidence import rocq, rocq_build
from theory.evidence.rocq import ALLOWED_AXIOMS, SOURCES, Record, Theorem
from theory.evidence.rocq_build import build

needs_rocq = pytest.mark.skipif(shutil.which("coqc") is None, reason=rocq.INSTALL)

GOOD = """
Theorem reflexive (n : nat) : n = n.
Proof. reflexivity. Qed.
Lemma step : True.
Proof. exact I. Qed.
Section Given.
Variable P : Prop.
Hypothesis given : P.
Corollary from_a_section : P.
Proof. exact given. Qed.
End Given.
"""
CLASSICAL = """
From Coq Require Import Reals.
Theorem comparable (x : R) : (x <= 0 \\/ 0 < x)%R.
Proof. destruct (Rle_or_lt x 0); auto. Qed.
"""
# Text of a bad file, and what the build must say about it.
BAD = {
    "axiom": ("Axiom bad : False.", "Bad.bad is assumed without proof (axioms)"),
    "parameter": ("Parameter bad : False.", "Bad.bad is assumed without proof (axioms)"),
    "hypothesis outside a section": (
        "Hypothesis bad : False.\nTheorem absurd : 0 = 1. Proof. destruct bad. Qed.",
        "Bad.bad is assumed without proof (axioms)",
    ),
    "admitted proof": (
        "Theorem absurd : 0 = 1. Proof. Admitted.",
        "Bad.absurd is assumed without proof (axioms)",
    ),
    "admitted goal": (
        "Theorem absurd : 0 = 1. Proof. assert (False) by admit. contradiction. Admitted.",
        "Bad.absurd is assumed without proof (axioms)",
    ),
    "disguised": (
        "Module Inner. #[local] Axiom\n bad : 0 = 1. End Inner.\n"
        "Theorem absurd : 0 = 1. Proof. exact Inner.bad. Qed.",
        "Bad.Inner.bad is assumed without proof (axioms)",
    ),
    "foreign axiom": (
        "From Coq Require Import ProofIrrelevance.\n"
        "Theorem same (P : Prop) (p q : P) : p = q. Proof. apply proof_irrelevance. Qed.",
        "Bad.same rests on axioms that are not allowed: ProofIrrelevance.proof_irrelevance",
    ),
    "guard switched off": (
        "Unset Guard Checking.\nFixpoint loop (n : nat) : False := loop n.\n"
        "Theorem absurd : 0 = 1. Proof. destruct (loop 0). Qed.",
        "Bad.loop is assumed without proof (constants/inductives relying on unsafe (co)fixpoints)",
    ),
    "guard bypassed": (
        "#[bypass_check(guard)] Fixpoint loop (n : nat) : False := loop n.\n"
        "Theorem absurd : 0 = 1. Proof. destruct (loop 0). Qed.",
        "Bad.loop is assumed without proof (constants/inductives relying on unsafe (co)fixpoints)",
    ),
    "universes switched off": (
        "Unset Universe Checking.\nDefinition U : Type := Type.\nDefinition bad : U := U.",
        "Bad.bad is assumed without proof (constants/inductives relying on type-in-type)",
    ),
    "positivity switched off": (
        "Unset Positivity Checking.\nInductive D := mk : (D -> False) -> D.",
        "Bad.D is assumed without proof (inductives whose positivity is assumed)",
    ),
    "declared module": (
        "Module Type S. Axiom bad : False. End S.\nDeclare Module M : S.\n"
        "Theorem absurd : 0 = 1. Proof. destruct M.bad. Qed.",
        "Bad.M.bad is assumed without proof (axioms)",
    ),
    "abandoned": (
        "Theorem absurd : 0 = 1. Proof. Abort.",
        "The reference Planted.Bad.absurd was not found",
    ),
    "wrong proof": ("Theorem absurd : 0 = 1. Proof. reflexivity. Qed.", 'Unable to unify "1"'),
    "library not installed": (
        "From mathcomp Require Import all_nonsense.",
        "with prefix mathcomp.; install Rocq and its libraries",
    ),
}


def planted(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "_CoqProject").write_text("-Q . Planted\n")
    for name, text in files.items():
        (folder / f"{name}.v").write_text(text)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Record]:
    root = tmp_path_factory.mktemp("rocq")
    sources, folder = planted(root / "sources", Good=GOOD, Classical=CLASSICAL), root / "build"
    return sources, folder, build(sources, folder)


@needs_rocq
def test_record_states_what_was_proved_and_from_which_axioms(
    built: tuple[Path, Path, Record],
) -> None:
    _, _, record = built
    assert record.problems == ()
    assert record.theorems["Good.reflexive"] == Theorem("forall n : nat, n = n", ())
    assert record.theorems["Good.from_a_section"] == Theorem("forall P : Prop, P -> P", ())
    assert "Good.step" not in record.theorems
    classical = record.theorems["Classical.comparable"].axioms
    assert classical
    assert set(classical) <= set(ALLOWED_AXIOMS)


@needs_rocq
def test_sources_are_not_littered(built: tuple[Path, Path, Record]) -> None:
    sources, _, _ = built
    assert {path.name for path in sources.iterdir()} == {"_CoqProject", "Good.v", "Classical.v"}


@needs_rocq
def test_theorems_of_a_record_of_these_sources_are_checked(
    built: tuple[Path, Path, Record],
) -> None:
    sources, folder, _ = built
    assert rocq.status(["Good.reflexive"], sources, folder).status == "checked"
    report = rocq.status(["Good.reflexive", "Classical.comparable"], sources, folder)
    assert report.status == "checked"
    assert "ClassicalDedekindReals" in report.detail


@needs_rocq
def test_unknown_theorem_fails(built: tuple[Path, Path, Record]) -> None:
    sources, folder, _ = built
    report = rocq.status(["Good.reflexive", "Good.absent"], sources, folder)
    assert report.status == "failed"
    assert report.detail == "no theorem of this name is proved: Good.absent"


@needs_rocq
def test_changed_sources_are_not_taken_for_the_checked_ones(
    built: tuple[Path, Path, Record], tmp_path: Path
) -> None:
    sources, folder, _ = built
    changed = tmp_path / "changed"
    shutil.copytree(sources, changed)
    with (changed / "Good.v").open("a") as file:
        file.write("(* one more comment *)\n")
    report = rocq.status(["Good.reflexive"], changed, folder)
    assert report.status == "not rebuilt here"
    assert "run make proofs" in report.detail


@needs_rocq
def test_file_added_after_the_build_makes_the_record_stale(
    built: tuple[Path, Path, Record], tmp_path: Path
) -> None:
    sources, folder, _ = built
    added = tmp_path / "added"
    shutil.copytree(sources, added)
    (added / "More.v").write_text("Axiom bad : False.")
    assert rocq.status(["Good.reflexive"], added, folder).status == "not rebuilt here"


@needs_rocq
@pytest.mark.parametrize("content", [None, "", "{}", '{"sources": []}', "[1, 2]"])
def test_missing_or_broken_record_is_no_evidence(tmp_path: Path, content: str | None) -> None:
    sources = planted(tmp_path / "sources", Good=GOOD)
    if content is not None:
        (tmp_path / "record.json").write_text(content)
    report = rocq.status(["Good.reflexive"], sources, tmp_path)
    assert report.status == "not rebuilt here"
    assert "run make proofs" in report.detail


@needs_rocq
@pytest.mark.parametrize(("text", "complaint"), BAD.values(), ids=BAD)
def test_bad_file_fails(tmp_path: Path, text: str, complaint: str) -> None:
    sources = planted(tmp_path / "sources", Good=GOOD, Bad=text)
    record = build(sources, tmp_path / "build")
    assert any(complaint in problem for problem in record.problems), record.problems
    report = rocq.status(["Good.reflexive"], sources, tmp_path / "build")
    assert report.status == "failed"


@needs_rocq
@pytest.mark.parametrize(
    "options",
    [
        "-Q . Planted\n-arg -type-in-type",
        "-Q . Planted\n-arg -impredicative-set",
        "-Q . Planted\n-arg -vos",
        "-Q . Planted\n-Q ../elsewhere Elsewhere",
        "-Q elsewhere Planted",
        "-arg -w -arg none",
        "",
    ],
)
def test_options_that_weaken_the_check_are_refused(tmp_path: Path, options: str) -> None:
    sources = planted(tmp_path / "sources", Good=GOOD)
    (sources / "_CoqProject").write_text(f"{options}\n")
    (problem,) = build(sources, tmp_path / "build").problems
    assert "let it say '-Q . Name'" in problem
    assert rocq.status(["Good.reflexive"], sources, tmp_path / "build").status == "failed"


@needs_rocq
def test_what_is_of_no_use_is_compiled_anew(tmp_path: Path) -> None:
    use = "From Planted Require Import Good.\nTheorem again : 0 = 0. Proof. apply reflexive. Qed."
    sources, folder = planted(tmp_path / "sources", Good=GOOD, Use=use), tmp_path / "build"
    assert build(sources, folder).problems == ()
    for broken in (folder / "Good.vo").read_bytes()[:-100], b"":
        (folder / "Good.vo").write_bytes(broken)
        (folder / "Use.vo").unlink()
        assert build(sources, folder).problems == ()


@needs_rocq
def test_record_tells_what_was_compiled_when_the_sources_change_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources, folder = planted(tmp_path / "sources", Good=GOOD), tmp_path / "build"
    copied = rocq_build._copy

    def copy_late(*arguments: Any) -> None:
        planted(sources, Good=GOOD.replace("n = n", "0 = 0").replace("(n : nat)", ""))
        copied(*arguments)
        planted(sources, Good=GOOD)

    monkeypatch.setattr(rocq_build, "_copy", copy_late)
    assert build(sources, folder).theorems["Good.reflexive"].statement == "0%N = 0%N"
    assert rocq.status(["Good.reflexive"], sources, folder).status == "not rebuilt here"


@needs_rocq
def test_folder_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(rocq_build, "build_folder", lambda: tmp_path / "file" / "proofs")
    assert rocq_build.main() == 1
    said = capsys.readouterr().err
    assert said.startswith(f"{tmp_path / 'file' / 'proofs'} cannot be written: ")
    assert said.count("\n") == 1


@needs_rocq
def test_proof_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    endless = "Theorem endless : 0 = 0. Proof. do 1000000000 idtac. reflexivity. Qed."
    sources = planted(tmp_path / "sources", Endless=endless)
    record = build(sources, tmp_path / "build", limit=2)
    assert "did not end within 2 s" in record.problems[0]


@needs_rocq
def test_mended_file_is_rebuilt(tmp_path: Path) -> None:
    sources = planted(tmp_path / "sources", Bad=BAD["axiom"][0])
    assert build(sources, tmp_path / "build").problems
    planted(sources, Bad=GOOD)
    assert build(sources, tmp_path / "build").problems == ()
    assert rocq.status(["Bad.reflexive"], sources, tmp_path / "build").status == "checked"


def test_without_rocq_nothing_is_checked_and_the_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    sources = planted(tmp_path / "sources", Good=GOOD)
    record = Record("Coq 8.16.1", rocq.hashes(sources), {"Good.x": Theorem("P", ())}, (), 1.0)
    tmp_path.joinpath("record.json").write_text(json.dumps(record.to_json()))
    report = rocq.status(["Good.x"], sources, tmp_path)
    assert report.status == "not rebuilt here"
    assert "libcoq-mathcomp-analysis" in report.detail
    with pytest.raises(FileNotFoundError, match="apt-get install coq"):
        build(sources, tmp_path / "build")


@pytest.mark.parametrize("installed", ["Coq 8.17.0", None])
def test_record_of_another_rocq_is_no_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str | None
) -> None:
    sources = planted(tmp_path / "sources", Good=GOOD)
    record = Record("Coq 8.16.1", rocq.hashes(sources), {"Good.x": Theorem("P", ())}, (), 1.0)
    tmp_path.joinpath("record.json").write_text(json.dumps(record.to_json()))
    monkeypatch.setattr(rocq, "version", lambda: "Coq 8.16.1")
    report = rocq.status(["Good.x"], sources, tmp_path)
    assert (report.status, report.statements) == ("checked", {"Good.x": "P"})
    monkeypatch.setattr(rocq, "version", lambda: installed)
    assert rocq.status(["Good.x"], sources, tmp_path).status == "not rebuilt here"


def test_program_that_is_no_rocq_has_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert rocq.version() is None
    for text, version in (("exit 1", None), ("echo", None), ("echo 8.20.1 5.1", "Coq 8.20.1")):
        folder = tmp_path / f"with {text}"
        folder.mkdir()
        (folder / "coqc").write_text(f"#!/bin/sh\n{text}\n")
        (folder / "coqc").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        assert rocq.version() == version


def test_record_with_a_foreign_axiom_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rocq, "version", lambda: "Coq 8.16.1")
    sources = planted(tmp_path / "sources", Good=GOOD)
    theorems = {"Good.x": Theorem("P", ("Good.bad",))}
    record = Record("Coq 8.16.1", rocq.hashes(sources), theorems, (), 1.0)
    tmp_path.joinpath("record.json").write_text(json.dumps(record.to_json()))
    report = rocq.status(["Good.x"], sources, tmp_path)
    assert report.status == "failed"
    assert "Good.bad" in report.detail


def test_no_theorem_named_is_refused() -> None:
    with pytest.raises(ValueError, match="give at least one"):
        rocq.status([])


def test_nothing_to_build_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    with pytest.raises(FileNotFoundError, match="no Rocq sources"):
        build(tmp_path, tmp_path / "build")


NAMED = sorted({name for claim in claims.values() for name in claim.machine_checked})


@pytest.mark.parametrize("name", NAMED)
def test_theorem_named_by_a_claim_is_in_the_sources(name: str) -> None:
    file, theorem = name.split(".")
    text = (SOURCES / f"{file}.v").read_text(encoding="utf-8")
    assert re.search(rf"^(Theorem|Corollary) {theorem}\b", text, flags=re.MULTILINE)


def test_continuous_integration_installs_the_packages_that_are_named() -> None:
    script = (SOURCES.parents[1] / ".ci" / "run").read_text(encoding="utf-8")
    (listed,) = re.findall(r"packages\+=\((coq [^)]*)\)", script)
    assert listed.split() == list(rocq.PACKAGES)
