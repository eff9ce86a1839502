"""Which of several processes of one part this one is. The supervisor tells it to each in a variable."""

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

VARIABLE = "GLASSHOUSE_PROCESS"


class ProcessNumber(NamedTuple):
    """number: from 1 on; of: how many there are."""

    number: int
    of: int

    def variables(self) -> dict[str, str]:
        """What the process is told; one that is alone is told nothing."""
        return {} if self.of == 1 else {VARIABLE: f"{self.number} {self.of}"}


ALONE = ProcessNumber(1, 1)


def side_by_side(count: int) -> Iterator[ProcessNumber]:
    """The numbers of so many processes of a part."""
    return (ProcessNumber(number, count) for number in range(1, count + 1))


def of_this_process(environment: Mapping[str, str] = os.environ) -> ProcessNumber:
    """What the supervisor told this process. Raises ValueError."""
    if text := environment.get(VARIABLE, ""):
        number, of = map(int, text.split())
        return ProcessNumber(number, of)
    return ALONE
