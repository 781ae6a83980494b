"""Adding a claim is dropping one file in the folder; a bad file is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import theory.claims
from theory.__main__ import main
from theory.claims import claims, load_claim
from theory.claims.registry import discover
from theory.evidence.verdict import Strength
from theory.evidence.verify import verify, verify_all

TEMPLATE = Path(theory.claims.__file__).parent / "_template.py"


def filled(text: str) -> str:
    """The template with another statement: curation cannot raise the weight of the worst."""
    for placeholder, value in {
        'id="template"': 'id="worst-falls"',
        "template = Claim(": "worst_falls = Claim(",
        '"a few words"': '"the lowest level loses mass"',
    }.items():
        assert placeholder in text
        text = text.replace(placeholder, value)
    return text


def test_a_copy_of_the_template_is_a_claim_that_verifies(tmp_path: Path) -> None:
    (tmp_path / "worst_falls.py").write_text(filled(TEMPLATE.read_text()))
    library = discover(tmp_path)
    assert list(library) == ["worst-falls"]
    report = verify(library["worst-falls"], instances=3)
    assert report.problems == ()
    assert main(["verify", "--quiet", "--instances", "2"], library) == 0


def test_claims_from_files_are_verified_in_several_processes(tmp_path: Path) -> None:
    text = filled(TEMPLATE.read_text())
    (tmp_path / "worst_falls.py").write_text(text)
    (tmp_path / "best_rises.py").write_text(text.replace("worst-falls", "best-rises"))
    library = discover(tmp_path)
    reports = verify_all([*library.values()], [Strength.EXACT], instances=2, processes=2)
    assert [(report.id, report.problems) for report in reports] == [
        ("best-rises", ()),
        ("worst-falls", ()),
    ]


def test_the_library_is_the_folder() -> None:
    folder = Path(theory.claims.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "claim", "registry"}
    assert {claim_id.replace("-", "_").replace(".", "_") for claim_id in claims} == {
        stem for stem in files if not stem.startswith("_")
    }
    assert discover(folder) == claims


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("theorem-2.4-sharp", "Theorem 2.4, sharp"),
        ("dominance-pure", "Stochastic dominance, pure loop"),
        ("best-of-rounds", "t rounds and the best of K^t"),
    ],
)
def test_a_heading_has_a_capital_unless_it_begins_with_a_symbol(name: str, heading: str) -> None:
    assert claims[name].heading == heading


def test_template_and_other_underscored_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "_draft.py").write_text("raise RuntimeError")
    assert discover(tmp_path) == {}


@pytest.mark.parametrize("text", ["x = 1", "from theory.claims import claims"])
def test_a_file_without_a_claim_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "empty.py").write_text(text)
    with pytest.raises(ValueError, match=r"empty\.py defines 0 claims"):
        discover(tmp_path)


def test_two_claims_in_one_file_are_refused(tmp_path: Path) -> None:
    text = filled(TEMPLATE.read_text())
    text += "\nfrom dataclasses import replace\nagain = replace(worst_falls, id='again')\n"
    (tmp_path / "two.py").write_text(text)
    with pytest.raises(ValueError, match=r"two\.py defines 2 claims"):
        load_claim(tmp_path / "two.py")


def test_two_files_with_one_id_are_refused(tmp_path: Path) -> None:
    for stem in ("first", "second"):
        (tmp_path / f"{stem}.py").write_text(filled(TEMPLATE.read_text()))
    with pytest.raises(ValueError, match=r"second\.py uses the id 'worst-falls'"):
        discover(tmp_path)


@pytest.mark.parametrize("count", [0, 1])
def test_a_claim_without_two_twins_does_not_stand(count: int) -> None:
    claim = claims["lemma-2.2"]
    guess = replace(claim, false_twins=claim.false_twins[:count])
    report = verify(guess, [Strength.CERTIFIED], instances=2)
    assert any(f"has {count} false twins: give at least 2" in said for said in report.problems)


def test_twins_have_different_names_and_tight_claims_their_extremal_instances() -> None:
    claim = claims["lemma-2.2"]
    twin = claim.false_twins[0]
    with pytest.raises(ValueError, match="two false twins of one name"):
        replace(claim, false_twins=(twin, twin))
    for none in (None, ()):
        with pytest.raises(ValueError, match="give the extremal instances"):
            replace(claim, extremal=none)
    (extremal,) = claim.extremals
    with pytest.raises(ValueError, match="two sorts of extremal instances for one part"):
        replace(claim, extremal=(extremal, replace(extremal, rungs=2)))
