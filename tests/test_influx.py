"""First calls of InfluxDB's clients are read in a time that grows with their length alone, because all others wait meanwhile."""

import time

import pytest

from crops import influx


@pytest.mark.parametrize("text", ['"\\' * 30_000, "'\\" * 30_000, "\"'" * 30_000, '\\"' * 30_000, "a" * 60_000 + '"'])
def test_statements_without_end_cost_no_more_than_their_length(text: str) -> None:
    started_s = time.process_time()
    influx.STATEMENTS.findall(text)
    assert time.process_time() - started_s < 2


def test_a_quoted_text_holds_what_it_holds() -> None:
    split = influx.STATEMENTS.findall('CREATE DATABASE "a;\\"b";SHOW DATABASES;x \'y;')
    assert split == ['CREATE DATABASE "a;\\"b"', "SHOW DATABASES", "x 'y;"]
