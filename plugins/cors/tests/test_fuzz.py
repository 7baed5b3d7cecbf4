"""The invariants of the fuzz target, for the inputs that chance makes from one fixed beginning."""

from itertools import islice

import pytest

from .fuzz_origins import BELOW, LISTED, SEEDS, check, fold, inputs

COUNT = 3000


@pytest.mark.parametrize("part", range(4))
def test_no_input_breaks_the_reading_of_origins_or_an_answer(part: int) -> None:
    for data in islice(inputs(seed=part), COUNT // 4):
        check(data)


def test_the_inputs_are_the_same_each_time() -> None:
    assert list(islice(inputs(seed=1), 200)) == list(islice(inputs(seed=1), 200))


def test_the_inputs_come_close_enough_to_tell_something() -> None:
    folded = [fold(data.decode("latin-1")) for data in islice(inputs(seed=1), len(SEEDS), COUNT)]
    listed = [text for text in folded if text in LISTED]
    below = [text for text in folded if text is not None and BELOW.fullmatch(text)]
    assert len(listed) > COUNT // 100
    assert len(below) > COUNT // 100
