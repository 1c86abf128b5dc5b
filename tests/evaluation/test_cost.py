import time

import numpy as np

from bmzoo.evaluation.cost import CostMeter


def test_only_the_making_of_items_is_timed() -> None:
    meter = CostMeter()
    for _ in meter.measure(range(3)):
        time.sleep(0.05)
    assert meter.items == 3
    assert meter.seconds < 0.1


def test_memory_is_of_the_work_inside() -> None:
    with CostMeter() as meter:
        block = np.ones(40 * 2**17)
    assert block.nbytes == 40 * 2**20
    assert meter.peak_memory_mb > 40
    assert meter.seconds > 0
