"""Settings of a training, the same for every backend."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TrainingConfig(BaseModel):
    """How long, how often validated, what is kept; the learning rates belong to the backend."""

    model_config = ConfigDict(extra="forbid")

    steps: int = Field(20_000, ge=1, description="batches, over all parts")
    minutes: float | None = Field(None, gt=0, description="wall-clock budget; then it validates and stops")
    ema: float = Field(
        0.999, ge=0, lt=1, description="decay per step of the weights' moving average; 0: none"
    )
    decay: float = Field(
        1.0, gt=0, le=1, description="share of the learning rates that is left at the end; they fall evenly"
    )
    gradient_clip: float | None = Field(None, gt=0, description="largest norm of a part's gradient")
    max_skipped: int = Field(
        100, ge=1, description="steps in a row with a loss that is no number before it stops"
    )
    validate_every: int = Field(1000, ge=1, description="steps")
    validation_share: float = Field(
        0.1, ge=0, lt=1, description="last share of the frames, held out; 0: no validation"
    )
    validation_frames: int | None = Field(
        None, ge=1, description="held-out frames that are backmapped; by default enough for 10,000 atoms"
    )
    score: str = Field(
        "jsd_ratio",
        description="what is minimised: jsd_ratio, jsd, or a score such as distributions/angle_jsd",
    )
    checkpoint_every: int | None = Field(
        None, ge=1, description="steps; resume points besides those after minutes and validations"
    )
    checkpoint_minutes: float = Field(5.0, gt=0, description="longest time between resume points")
    log_every: int = Field(50, ge=1, description="steps in a row of log.jsonl")


UNBOUND = frozenset({"steps", "minutes", "checkpoint_every", "checkpoint_minutes"})
"""Settings that may change when a training is resumed: they leave the steps as they are."""
