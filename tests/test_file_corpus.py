"""Each file of the corpus comes in rightly: values, times, names, units; and nothing of it is silent."""

import pytest

from tests.file_corpus import TRUTH, judged


@pytest.mark.parametrize("name", TRUTH)
def test_a_file_of_a_climate_computer_comes_in_rightly(name: str) -> None:
    judgement = judged(name)
    assert judgement.result == "right", judgement.why
