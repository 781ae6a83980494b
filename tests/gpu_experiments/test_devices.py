"""Everything that runs on images, on a CUDA device that is only claimed: see ``claimed_cuda``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gpu_experiments import interrupted_fits, profiling, unet_training
from gpu_experiments.classifier_training import ClassifierSettings, train_classifier
from gpu_experiments.data import Labelled
from gpu_experiments.diffusion import ImageDiffusion, ImageDiffusionSettings
from gpu_experiments.distributed import team_on
from gpu_experiments.experiment import ImageExperiment, Places
from gpu_experiments.flow import FlowSettings, ImageFlow
from gpu_experiments.images import Images
from gpu_experiments.metrics import ClassifierFeatures, Reference
from gpu_experiments.profiling import profile
from gpu_experiments.rewards import ClassReward, LearntReward
from gpu_experiments.solver_check import solver_check
from sim.curation import KChoice
from sim.preferences import compare
from sim.recording import record
from sim.reward_models import NetworkReward
from tests.gpu_experiments.claimed_cuda import ClaimedCuda, Race, Stream

# Not the current one, so that what is on "the" device and not on this one is noticed.
DEVICE = "cuda:1"
SHAPE = (1, 8, 8)
SMOKE = FlowSettings.smoke()
DIFFUSION = ImageDiffusionSettings.like(SMOKE, visited=3, times=10)


@pytest.fixture
def cuda() -> Iterator[ClaimedCuda]:
    with ClaimedCuda() as claimed:
        yield claimed
    # A team is kept for as long as the process is there, and its device is not any more.
    team_on.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that were trained on claimed devices; another run takes them up from there."""
    return tmp_path_factory.mktemp("models")


def noise(n: int, device: str = "cpu") -> Images:
    return Images(torch.rand(n, *SHAPE, device=device) * 2 - 1)


def trained(device: str = DEVICE, **fields: Any) -> Any:
    data = Labelled(noise(32), torch.arange(32) % 10, tuple("0123456789"), "noise")
    settings = replace(ClassifierSettings.digits(), epochs=1, batch=8, **fields)
    return train_classifier(data, settings, np.random.default_rng(0), device)


def on(device: str, *shape: int) -> torch.Tensor:
    return torch.ones(shape, device=device)


REFUSED: dict[str, Callable[[], Any]] = {
    "sum": lambda: on("cuda", 3) + on("cpu", 3),
    "sum in place": lambda: on("cpu", 3).add_(on("cuda", 3)),
    "two devices": lambda: on("cuda:0", 3) * on("cuda:1", 3),
    "product": lambda: on("cuda", 3, 3) @ on("cpu", 3, 3),
    "joined": lambda: torch.cat([on("cuda", 3), on("cpu", 3)]),
    "chosen by a device": lambda: on("cpu", 3)[on("cuda", 1).long()],
    "a number of a device": lambda: on("cpu", 3) + on("cuda"),
    "to NumPy": lambda: on("cuda", 3).numpy(),
    "as an array": lambda: np.asarray(on("cuda", 3)),
    "a device's stream of numbers": lambda: torch.rand(3, generator=torch.Generator("cuda")),
    "the CPU's stream": lambda: torch.rand(3, generator=torch.Generator(), device="cuda"),
    "the CPU's stream in place": lambda: on("cuda", 3).normal_(generator=torch.Generator()),
    "the loss": lambda: torch.nn.functional.cross_entropy(on("cuda", 2, 3), on("cpu", 2).long()),
    "a layer": lambda: torch.nn.Linear(3, 3).to("cuda")(on("cpu", 2, 3)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_claimed_device_refuses_what_a_device_refuses(name: str, cuda: ClaimedCuda) -> None:
    with pytest.raises((RuntimeError, TypeError), match=r"device|generator"):
        REFUSED[name]()


def test_a_claimed_device_allows_what_a_device_allows(cuda: ClaimedCuda) -> None:
    x = on(DEVICE, 3)
    x[:1] = on("cpu", 1)
    found = (x + torch.tensor(2.0))[torch.arange(2)]
    layer = torch.nn.Linear(3, 3).to(DEVICE)
    layer(x).sum().backward()
    assert {found.device, x[1:].device, layer.weight.grad.device} == {torch.device(DEVICE)}
    assert found.cpu().device == torch.device("cpu")
    assert found.cpu().tolist() == [3.0, 3.0]
    # A number of the CPU goes along with a kernel; the rest are copies, which are waited for.
    assert cuda.asked == Counter({"to device": 4, "to host": 2})


def test_a_claimed_device_sees_streams_that_do_not_wait(cuda: ClaimedCuda) -> None:
    other = Stream("cuda")
    with torch.cuda.stream(other):
        x = on("cuda", 3)
    with pytest.raises(Race, match="reads"):
        x + 1
    torch.cuda.current_stream().wait_stream(other)
    x + 1
    with torch.cuda.stream(other), pytest.raises(Race, match="writes"):
        x.add_(1)
    other.wait_stream(torch.cuda.current_stream())
    x + 1
    del x
    with pytest.raises(Race, match="given back"):
        on("cuda", 1)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Steps between two looks at the loss: few."""
    monkeypatch.setattr(unet_training, "BLOCK", 4)
    return 4


KINDS: dict[str, dict[str, Any]] = {
    "class": {},
    "learnt, from new weights": {"reward": "learnt", "warm_start": False},
    "confidence, mixed, ddim": {"reward": "confidence", "lam": 1.0, "model": DIFFUSION},
    "at random, ddpm": {"selects": False, "model": replace(DIFFUSION, sampler="ddpm")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_every_kind_stays_on_its_device(
    kind: str, tiny: ImageExperiment, folder: Path, cuda: ClaimedCuda
) -> None:
    places = Places(models=folder, device=DEVICE)
    run = replace(tiny, **KINDS[kind], iterations=1, places=places)
    loop = run.loop()
    for found in loop.rounds():
        of_round = (found.candidates, found.rewards, *([] if found.kept is None else [found.kept]))
        assert {one.device for one in of_round} == {torch.device(DEVICE)}
        assert run.measured(found)["quality"]
        assert {type(array) for array in run.arrays(found).values()} == {np.ndarray}
    weights = loop.state()["generator"]["weights"].values()
    assert {weight.device for weight in weights} == {torch.device("cpu")}


@pytest.mark.parametrize(("first", "then"), [("cuda", "cpu"), ("cpu", "cuda")])
def test_a_run_goes_on_on_another_device(
    first: str, then: str, tiny: ImageExperiment, tmp_path: Path, cuda: ClaimedCuda
) -> None:
    class Lost(Exception):
        pass

    def lost(status: Any) -> None:
        if status.t == 1:
            raise Lost

    def run(device: str) -> ImageExperiment:
        return replace(tiny, places=Places(models=tmp_path / "models", device=device))

    with pytest.raises(Lost):
        record(run(first), tmp_path / "run", watch=lost)
    done = record(run(then), tmp_path / "run", resume=True)
    assert [line["t"] for line in done.metrics()] == [0, 1, 2]


@pytest.mark.parametrize("kind", ["flow", "diffusion"])
def test_a_fit_that_was_interrupted_goes_on_on_its_device(
    kind: str, cuda: ClaimedCuda, looks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupted_fits, "CHECKPOINT", looks)
    shared = {"batch": 4, "piece": 2, "steps": 5 * looks}
    told: list[float] = []

    def model() -> ImageFlow | ImageDiffusion:
        if kind == "flow":
            return ImageFlow(replace(SMOKE, **shared), SHAPE, DEVICE, unfinished=tmp_path)
        return ImageDiffusion(replace(DIFFUSION, **shared), SHAPE, DEVICE, unfinished=tmp_path)

    def lost(done: float, loss: float | None) -> None:
        if done > 0.9:
            raise KeyboardInterrupt

    images = noise(24)
    with pytest.raises(KeyboardInterrupt):
        model().fit(images, np.random.default_rng(0), lost)
    model().fit(images, np.random.default_rng(0), lambda done, _: told.append(done))
    assert told == pytest.approx([4 / 5, 1.0])


def test_the_solver_check_and_the_profile_run_on_a_device(
    tiny: ImageExperiment, folder: Path, cuda: ClaimedCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiling, "SIDE", {"cuda": 64})
    monkeypatch.setattr("gpu_experiments.solver_check.REFERENCE", ("euler", 3))
    run = replace(tiny, places=Places(models=folder, device=DEVICE))
    assert solver_check(run, 20)["images"] == 20
    assert profile({"run": tiny}, DEVICE, seconds=1e-2).training.peak_bytes > 0


@pytest.mark.parametrize("model", ["linear", "network"])
def test_a_reward_is_learnt_and_kept_from_images_on_a_device(model: str, cuda: ClaimedCuda) -> None:
    classifier = trained()
    shown, rng = noise(40, DEVICE), np.random.default_rng(0)
    true = ClassReward(classifier, 0, 5.0)
    reward = LearntReward(classifier, model)
    if isinstance(reward.model, NetworkReward):
        reward.model.steps = 5
    reward.fit(compare(shown, true, KChoice(2), rng), rng)
    other = LearntReward(classifier, model)
    other.load(reward.state())
    assert torch.equal(other(shown), reward(shown))
    assert reward(shown).device == torch.device(DEVICE)
    assert reward(noise(4)).device == torch.device("cpu")


def test_a_classifier_on_a_device_answers_where_the_images_are(cuda: ClaimedCuda) -> None:
    classifier = trained(optimiser="sgd", flips=True, mirrored=True)
    for device in ("cpu", DEVICE):
        images = noise(8, device)
        for found in (classifier.logits(images), classifier.features(images)):
            assert found.device == torch.device(device)
    # Statistics where the images are not.
    for here, there in (("cpu", DEVICE), (DEVICE, "cpu")):
        features = ClassifierFeatures(classifier)
        reference = Reference(
            features, noise(40, here), np.random.default_rng(0), most=20, device=there
        )
        assert reference.compare(noise(30, here))["generated"] == 30


def test_dropout_of_a_fit_is_seeded_on_its_own_device_which_is_then_as_before(
    cuda: ClaimedCuda,
) -> None:
    seen = []

    def look(done: float, loss: float | None) -> None:
        seen.append([bool(state.any()) for state in cuda.states])

    for fit in (
        lambda: ImageFlow(SMOKE, SHAPE, DEVICE).fit(noise(24), np.random.default_rng(0), look),
        lambda: train_classifier(
            Labelled(noise(32), torch.arange(32) % 10, tuple("0123456789"), "noise"),
            replace(ClassifierSettings.digits(), epochs=1),
            np.random.default_rng(0),
            DEVICE,
            look,
        ),
    ):
        fit()
        assert not any(state.any() for state in cuda.states)
    assert {tuple(one) for one in seen} == {(False, True)}


def difference(asked: Callable[[int], Counter[str]], few: int, many: int) -> Counter[str]:
    found = asked(many)
    found.subtract(asked(few))
    return +found


def test_a_step_of_a_flow_asks_for_its_couplings_alone(cuda: ClaimedCuda, looks: int) -> None:
    """For each piece the distances go to the host and the partners to the device."""
    settings = replace(SMOKE, batch=4, piece=2)

    def asked(steps: int) -> Counter[str]:
        cuda.asked.clear()
        model = ImageFlow(replace(settings, steps=steps), SHAPE, DEVICE)
        model.fit(noise(24), np.random.default_rng(0))
        return cuda.asked.copy()

    # Up to the second look at the loss.
    copies = 2 * (looks - 1)
    assert difference(asked, looks + 1, 2 * looks) == Counter(
        {"to host": copies, "to device": copies}
    )


def test_steps_of_diffusions_and_classifiers_ask_nothing_of_the_device(
    cuda: ClaimedCuda, looks: int
) -> None:
    def diffusion(steps: int) -> Counter[str]:
        cuda.asked.clear()
        model = ImageDiffusion(replace(DIFFUSION, batch=4, piece=2, steps=steps), SHAPE, DEVICE)
        model.fit(noise(24), np.random.default_rng(0))
        return cuda.asked.copy()

    def classifier(epochs: int) -> Counter[str]:
        cuda.asked.clear()
        data = Labelled(noise(32), torch.arange(32) % 10, tuple("0123456789"), "noise")
        settings = replace(ClassifierSettings.digits(), epochs=epochs, batch=8, flips=True)
        train_classifier(data, settings, np.random.default_rng(0), DEVICE)
        return cuda.asked.copy()

    assert not difference(diffusion, looks + 1, 2 * looks)
    assert not difference(classifier, 2, 4)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "exponential"])
def test_evaluations_of_a_sampler_ask_nothing_of_the_device(
    sampler: str, cuda: ClaimedCuda
) -> None:
    def asked(evaluations: int) -> Counter[str]:
        model: ImageFlow | ImageDiffusion
        if sampler in ("ddim", "ddpm"):
            settings = replace(DIFFUSION, sampler=sampler, visited=evaluations)
            model = ImageDiffusion(settings, SHAPE, DEVICE)
        else:
            solved = replace(SMOKE, solver=sampler, solver_steps=evaluations)
            model = ImageFlow(solved, SHAPE, DEVICE)
        model.fit(noise(24), np.random.default_rng(0))
        cuda.asked.clear()
        model.sample(8, np.random.default_rng(1))
        return cuda.asked.copy()

    assert not difference(asked, 2, 5)
