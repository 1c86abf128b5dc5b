"""The one trainer, on a model that learns in a second."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from bmzoo.backends.backmapper import Losses
from bmzoo.errors import InputError
from bmzoo.testing.linear import Linear, LinearConfig
from bmzoo.testing.toys import toy_pairs, toy_topology
from bmzoo.training.config import TrainingConfig
from bmzoo.training.task import Task, turn
from bmzoo.training.trainer import Outcome, train


class Noisy(Linear):
    """Two parts in turn, and a loss that depends on torch's global generator."""

    def __init__(self) -> None:
        super().__init__(toy_topology(), LinearConfig(learning_rate=0.01))
        self.critic = torch.nn.Linear(3 * 12, 1)
        self.both = torch.nn.ModuleDict({"generator": self.network, "critic": self.critic})

    @property
    def module(self) -> torch.nn.Module:
        return self.both

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {name: torch.optim.Adam(part.parameters(), lr=0.01) for name, part in self.both.items()}

    def part(self, step: int) -> str:
        return "generator" if step % 3 == 2 else "critic"

    def training_step(self, batch: Any, step: int) -> Losses:
        inputs, offsets = batch
        made = self.network(inputs + 0.01 * torch.randn_like(inputs))
        difference = self.critic(offsets).mean() - self.critic(made).mean()
        if self.part(step) == "critic":
            return {"total": -difference + self.critic.weight.square().sum()}
        return {"total": difference + (made - offsets).square().mean(), "difference": difference}


def task(model: Linear) -> Task:
    return Task(model, model.training_batches(toy_pairs(30, 2, seed=1), seed=3))


def error(model: Linear) -> Callable[[], dict[str, float]]:
    inputs, offsets = model.training_batches(toy_pairs(10, 2, seed=2), seed=0)(0)
    return lambda: {"score": float((model.network(inputs) - offsets).square().mean().detach()), "other": 1.0}


def make(kind: type[Linear]) -> Linear:
    torch.manual_seed(0)
    return Noisy() if kind is Noisy else kind(toy_topology())


def run(folder: Path, kind: type[Linear] = Linear, **settings: Any) -> tuple[Linear, Outcome]:
    model = make(kind)
    settings = {"validate_every": 10, "log_every": 4, "steps": 40} | settings
    return model, train([task(model)], TrainingConfig(**settings), folder, seed=1, validate=error(model))


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_loss_goes_down(tmp_path: Path) -> None:
    untrained = error(make(Linear))()["score"]
    model, outcome = run(tmp_path, steps=150)
    assert (outcome.steps, outcome.skipped) == (150, 0)
    assert outcome.best_score is not None
    assert outcome.best_score < 0.1 * untrained
    assert error(model)()["score"] == pytest.approx(outcome.best_score)
    assert not model.network.training


def test_log_and_files(tmp_path: Path) -> None:
    run(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"resume.pt", "log.jsonl"}
    found = rows(tmp_path)
    assert [row["step"] for row in found] == [4, 8, 10, 12, 16, 20, 24, 28, 30, 32, 36, 40]
    assert [row["step"] for row in found if "validation" in row] == [10, 20, 30, 40]
    assert found[0]["losses"]["network/total"] > found[-1]["losses"]["network/total"]
    assert found[2]["validation"]["other"] == 1.0


class Killed(Exception):
    """Stands for kill -9."""


class Mortal:
    """Batches up to a step, then the end of the process."""

    def __init__(self, batch: Callable[[int], Any], last: int) -> None:
        self.batch, self.last = batch, last

    def __call__(self, step: int) -> Any:
        if step >= self.last:
            raise Killed
        return self.batch(step)


@pytest.mark.parametrize("every", [1, 7])
def test_killed_and_resumed_gives_what_an_unbroken_training_gives(tmp_path: Path, every: int) -> None:
    whole, expected = run(tmp_path / "whole", Noisy)
    config = TrainingConfig(steps=40, validate_every=10, log_every=4, checkpoint_every=every)
    for last in (5, 26, 33):
        broken = make(Noisy)
        mortal = Task(broken, Mortal(task(broken).batch, last))
        with pytest.raises(Killed):
            train([mortal], config, tmp_path / "broken", seed=1, validate=error(broken))
    resumed = make(Noisy)
    lines: list[str] = []
    outcome = train(
        [task(resumed)], config, tmp_path / "broken", seed=1, validate=error(resumed), report=lines.append
    )
    assert lines[0].startswith("resumed at step ")
    assert (outcome.steps, outcome.best_step) == (expected.steps, expected.best_step)
    assert outcome.best_score == expected.best_score
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[name]), name
    timeless = [[{k: v for k, v in row.items() if k != "seconds"} for row in rows(tmp_path / n)] for n in
                ("whole", "broken")]  # fmt: skip
    assert timeless[0] == timeless[1]


def test_validation_does_not_disturb_the_training(tmp_path: Path) -> None:
    def last_state(folder: Path, **settings: Any) -> dict[str, Any]:
        run(folder, Noisy, **settings)
        state: dict[str, Any] = torch.load(folder / "resume.pt", weights_only=True)["networks"]
        return state

    often = last_state(tmp_path / "often", validate_every=2)
    seldom = last_state(tmp_path / "seldom", validate_every=40)
    assert all(torch.equal(often[name], seldom[name]) for name in often)


def test_best_weights_are_kept(tmp_path: Path) -> None:
    model = make(Linear)
    scores = iter([3.0, 1.0, float("nan"), 2.0])
    seen = []

    def validate() -> dict[str, float]:
        seen.append(model.network.weight.detach().clone())
        return {"score": next(scores)}

    config = TrainingConfig(steps=40, validate_every=10)
    outcome = train([task(model)], config, tmp_path, validate=validate)
    assert (outcome.best_step, outcome.best_score) == (20, 1.0)
    assert torch.equal(model.network.weight, seen[1])


def test_average_follows_the_weights(tmp_path: Path) -> None:
    averaged, _ = run(tmp_path / "average", ema=0.9, validate_every=1000)
    plain, _ = run(tmp_path / "plain", ema=0, validate_every=1000)
    newest = torch.load(tmp_path / "average" / "resume.pt", weights_only=True)["networks"]["weight"]
    assert torch.equal(newest, plain.network.weight)
    assert not torch.equal(newest, averaged.network.weight)
    assert (newest - averaged.network.weight).abs().max() < 0.2


def test_minutes_end_it(tmp_path: Path) -> None:
    _, outcome = run(tmp_path, steps=10**9, minutes=0.003, validate_every=10**9)
    assert 0 < outcome.steps < 10**6
    assert outcome.best_step == outcome.steps
    assert rows(tmp_path)[-1]["step"] == outcome.steps


def test_a_training_that_is_over_goes_on_only_with_a_larger_limit(tmp_path: Path) -> None:
    assert run(tmp_path, steps=20)[1].steps == 20
    assert run(tmp_path, steps=20)[1].steps == 20
    assert run(tmp_path, steps=30)[1].steps == 30


class Sick(Linear):
    bad: ClassVar[range] = range(0)

    def training_step(self, batch: Any, step: int) -> Losses:
        factor = float("nan") if step in self.bad else 1.0
        return {"total": factor * super().training_step(batch, step)["total"]}


def test_losses_that_are_no_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sick, "bad", range(5, 9))
    model, outcome = run(tmp_path / "few", Sick, max_skipped=5)
    assert (outcome.steps, outcome.skipped) == (40, 4)
    assert torch.isfinite(model.network.weight).all()
    with pytest.raises(InputError, match="in 4 steps in a row, up to step 9; lower the learning rate"):
        run(tmp_path / "many", Sick, max_skipped=4)


def test_learning_rates_fall(tmp_path: Path) -> None:
    found = []

    class Watched(Linear):
        def optimizers(self) -> dict[str, torch.optim.Optimizer]:
            if not hasattr(self, "kept"):
                self.kept = super().optimizers()
            return self.kept

        def training_step(self, batch: Any, step: int) -> Losses:
            found.append(next(iter(self.kept.values())).param_groups[0]["lr"])
            return super().training_step(batch, step)

    model = Watched(toy_topology(), LinearConfig(learning_rate=0.01))
    train([task(model)], TrainingConfig(steps=20, decay=0.01), tmp_path, seed=1)
    assert found == pytest.approx([0.01 * 0.01 ** (step / 20) for step in range(20)])


def test_gradients_are_clipped(tmp_path: Path) -> None:
    class Plain(Linear):
        def optimizers(self) -> dict[str, torch.optim.Optimizer]:
            return {"network": torch.optim.SGD(self.network.parameters(), lr=1.0)}

    before = make(Plain).network.weight.detach().clone()
    model, _ = run(tmp_path, Plain, steps=1, gradient_clip=1e-3, ema=0)
    assert 0 < (model.network.weight - before).norm() <= 1.001e-3


def test_turns_are_even_and_mixed() -> None:
    tasks = [Task(make(Linear), lambda step: None) for _ in range(2)]
    turns = [tasks.index(turn(tasks, step, 5)) for step in range(120)]
    assert all(sum(turns[k : k + 2]) == 1 for k in range(0, 120, 2))
    assert 0 < sum(turns[5::6]) < 20


def test_two_molecules_train_the_same_networks(tmp_path: Path) -> None:
    first, second = make(Linear), make(Linear)
    second.adopt(first)
    outcome = train([task(first), task(second)], TrainingConfig(steps=30), tmp_path, validate=error(second))
    assert outcome.steps == 30
    assert first.network is second.network


def test_damaged_resume_point(tmp_path: Path) -> None:
    run(tmp_path, steps=10)
    data = (tmp_path / "resume.pt").read_bytes()
    (tmp_path / "resume.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="cannot be resumed from"):
        run(tmp_path, steps=20)


def test_ctrl_c_is_passed_on(tmp_path: Path) -> None:
    import signal

    handler = signal.getsignal(signal.SIGINT)
    model = make(Linear)

    def batch(step: int) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train([Task(model, batch)], TrainingConfig(), tmp_path)
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu(tmp_path: Path) -> None:
    def half(steps: int) -> Outcome:
        model = make(Linear)
        model.to("cuda")
        batch, config = task(model).batch, TrainingConfig(steps=steps, validate_every=10)
        inputs, offsets = (part.cuda() for part in batch(0))

        def validate() -> dict[str, float]:
            return {"score": float((model.network(inputs) - offsets).square().mean().detach())}

        outcome = train([Task(model, batch)], config, tmp_path, device="cuda", validate=validate)
        assert model.network.weight.device.type == "cuda"
        assert validate()["score"] == pytest.approx(outcome.best_score)
        return outcome

    first, second = half(20).best_score, half(40).best_score
    assert first is not None
    assert second is not None
    assert second < first


def test_nothing_is_printed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from bmzoo.testing.linear import Linear\n"
        "from bmzoo.testing.toys import toy_pairs, toy_topology\n"
        "from bmzoo.training.config import TrainingConfig\n"
        "from bmzoo.training.task import Task\n"
        "from bmzoo.training.trainer import train\n"
        "model = Linear(toy_topology())\n"
        "batch = model.training_batches(toy_pairs(4), seed=0)\n"
        "train([Task(model, batch)], TrainingConfig(steps=5), Path('out'))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
