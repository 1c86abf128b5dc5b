"""What a method costs: wall time and memory."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")
MEGABYTE = 2**20


class CostMeter:
    """Wall seconds and peak memory of a piece of work.

    Use it as a context manager, or let :meth:`measure` time the making of an iterator's items
    without the time that their consumer takes.

    Attributes:
        seconds: wall time so far.
        peak_memory_mb: largest resident memory of the process seen since the start, MB
            (the peak of the process where the kernel does not let it be reset).
        items: items that :meth:`measure` has passed on.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.items = 0
        self._started = 0.0
        self._peak = 0.0
        _reset_peak()

    @property
    def peak_memory_mb(self) -> float:
        self._peak = max(self._peak, _peak_megabytes())
        return self._peak

    def __enter__(self) -> CostMeter:
        _reset_peak()
        self._started = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds += time.perf_counter() - self._started
        self._peak = max(self._peak, _peak_megabytes())

    def measure(self, items: Iterable[T]) -> Iterator[T]:
        """Passes items on, timing only how long each takes to be made."""
        iterator = iter(items)
        while True:
            started = time.perf_counter()
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self.seconds += time.perf_counter() - started
                self._peak = max(self._peak, _peak_megabytes())
            self.items += 1
            yield item


def _reset_peak() -> None:
    """Linux: writing 5 to clear_refs resets the high-water mark (proc(5)); elsewhere it stays."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak_megabytes() -> float:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MEGABYTE if sys.platform == "darwin" else 1024)
