"""What an installation takes away of its packages (`./glasshouse`) is imported and linked by nothing that stays."""

import importlib.util
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FRONT_DOOR = runpy.run_path(str(ROOT / "glasshouse"))
PACKAGES = Path(str(importlib.util.find_spec("pyarrow").origin)).parents[1]  # type: ignore[union-attr]
# Everything of ours, then a little of what each package is there for.
USING = """
import importlib, pkgutil, sys
taken = tuple(sys.argv[1:])
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if any(name == each or name.startswith(each + ".") for each in taken):
            raise ImportError(f"{name} is taken away")
sys.meta_path.insert(0, Refuse())
import pandas, numpy, numpy.testing, pyarrow, pyarrow.csv, pyarrow.compute, pyarrow.parquet, phonenumbers, chdb
number = phonenumbers.parse("+31612345678", None)
assert phonenumbers.is_valid_number(number) and phonenumbers.region_code_for_number(number) == "NL"
table = pyarrow.table({"a": [1, 2, 3]})
assert pyarrow.compute.sum(table["a"]).as_py() == 6 and table.to_pandas()["a"].sum() == 6
assert chdb.query("SELECT sum(number) AS a FROM numbers(4)", "Arrow")
for module in pkgutil.walk_packages(importlib.import_module("crops").__path__, "crops."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print("all is there")
"""


def taken() -> list[Path]:
    """Files and folders that are taken away, as far as this environment has them."""
    return [path for pattern in FRONT_DOOR["UNUSED"] for path in PACKAGES.glob(pattern)]


def test_what_is_taken_away_is_imported_by_nothing() -> None:
    names = [".".join(path.relative_to(PACKAGES).parts).partition(".cpython")[0] for path in taken()]
    done = subprocess.run(
        [sys.executable, "-c", USING, *(name for name in names if ".so" not in name)],
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "all is there", done.stderr[-2000:]


def test_what_is_taken_away_is_linked_by_nothing_that_stays() -> None:
    gone = {path.name for path in taken() if ".so" in path.name}
    libraries = {name for name in gone if name.startswith("lib")}
    for path in sorted((PACKAGES / "pyarrow").glob("*.so*")):
        if path.name not in gone:
            content = path.read_bytes()
            assert [name for name in libraries if name.encode() + b"\0" in content] == [], path.name
