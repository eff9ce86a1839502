"""Whatever bytes come: each parser of what comes from outside answers, or refuses them with the error that it names."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attacks.fuzz_targets import CORPUS, TARGETS, corpus_of

SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))  # of each target in the long run
CHANGES, MOST_BYTES = 150, 8_192
KEPT = [(name, path) for name in TARGETS for path in corpus_of(name)]


def test_each_target_has_a_corpus_of_small_files() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    for name, path in KEPT:
        assert path.stat().st_size <= MOST_BYTES, (name, path.name)
    assert all(len(corpus_of(name)) >= 3 for name in TARGETS)


@pytest.mark.parametrize(("name", "path"), KEPT, ids=[f"{name}-{path.name}" for name, path in KEPT])
def test_a_kept_input(name: str, path: Path) -> None:
    TARGETS[name](path.read_bytes())


@st.composite
def changed(draw: st.DrawFn, kept: list[bytes]) -> bytes:
    """Two kept inputs spliced, with bytes of them changed, repeated, or left out."""
    chance = draw(st.randoms(use_true_random=False))
    first, second = chance.choice(kept), chance.choice(kept)
    data = bytearray(first[: chance.randint(0, len(first))] + second[chance.randint(0, len(second)) :])
    for _ in range(chance.randint(0, 6)):
        at, end = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
        data[at:end] = chance.choice(
            (
                b"",
                bytes(data[at:end]) * 2,
                bytes([chance.randint(0, 255)]),
                b"\xff",
                b"\0",
                b"\n",
                b'"',
                "é²٣".encode(),
            )
        )
    return bytes(data[:MOST_BYTES])


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs(name: str) -> None:
    kept = [path.read_bytes() for path in corpus_of(name)]

    @settings(max_examples=CHANGES)
    @given(st.one_of(changed(kept), st.binary(max_size=200)))
    def answers(data: bytes) -> None:
        TARGETS[name](data)

    answers()


@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
def test_fuzzing_with_coverage(name: str, tmp_path: Path) -> None:
    """Where atheris can be installed: Linux, Python 3.11 to 3.13."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed here")
    command = [sys.executable, "-m", "tests.attacks.fuzz", name, str(tmp_path), str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS * 4 + 120, check=False)
    findings = [path.read_bytes() for path in (tmp_path / name).glob("finding-*")]
    assert done.returncode == 0, f"{findings}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
