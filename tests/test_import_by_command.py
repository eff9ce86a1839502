"""`glasshouse import` with several files: one sign-in, a line a file, a bad file stops no other, exit codes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glasshouse.cli import import_files, importing
from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import imports, layout_choices, undo
from glasshouse.greenhouse.models import UploadState
from glasshouse.kernel.errors import InvalidError, OverloadedError
from glasshouse.kernel.ids import ImportId
from tests.conftest import Customer

GOOD = "time,Box 1 (klux)\n2024-05-{day} 12:00,1\n2024-05-{day} 12:15,2\n"


@pytest.fixture
def one(customer: Callable[[], Customer]) -> Customer:
    """A customer with a template "Roof", which reads the clock of its files as UTC+1 and the column as illuminance."""
    made = customer()
    number = imports.upload(made.actor, made.site, "", "a.csv", [GOOD.format(day=10).encode()])
    proposed = imports.preview(made.actor, number).layout
    imports.save_template(made.actor, "Roof", layout_choices.with_choices(proposed, "Etc/GMT-1", {1: "illuminance"}))
    return made


def typed(monkeypatch: pytest.MonkeyPatch, who: Customer, *arguments: object) -> Result:
    """The command, in this process, which is a client of the service already."""
    monkeypatch.setattr(import_files, "enter", lambda *_, **__: None)
    site = greenhouse.sites(who.actor)[0].name
    told = ["--as", who.address, "--password", who.password, "--site", site, *map(str, arguments)]
    return CliRunner().invoke(import_files.import_files, told)


def files(folder: Path, **texts: str) -> list[Path]:
    made = []
    for name, text in texts.items():
        made.append(folder / f"{name}.csv")
        made[-1].write_text(text)
    return made


def test_many_files_come_in_by_one_sign_in_and_a_bad_one_stops_no_other(
    one: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.accounts import api as accounts

    signed_in = []
    sign_in = accounts.sign_in
    monkeypatch.setattr(accounts, "sign_in", lambda *args: signed_in.append(1) or sign_in(*args))
    paths = files(
        tmp_path,
        a=GOOD.format(day=11),
        empty="",
        other="time,Roof (W/m2)\n2024-05-31 12:00,1\n2024-05-31 13:00,1\n",
        b=GOOD.format(day=12),
    )
    result = typed(monkeypatch, one, "--template", "Roof", *paths, tmp_path / "gone.csv")
    assert result.exit_code == 1, result.output
    lines = result.output.splitlines()
    by_name = {line.partition(":")[0]: line for line in lines}
    assert "2 readings, 2 new, 0 in the place of another value" in by_name["a.csv"]
    assert "2 readings, 2 new" in by_name["b.csv"]
    assert "not imported: The file holds no rows below its heading" in by_name["empty.csv"]
    assert "not imported: The headings of this file are not those of the template 'Roof'" in by_name["other.csv"]
    assert "not imported: No such file" in by_name["gone.csv"]
    assert lines[-1] == "2 of 5 files came in."
    assert signed_in == [1]
    number = ImportId(by_name["b.csv"].rpartition("--undo ")[2].rstrip(")"))
    row = imports.report_of(one.actor, number)
    assert (row.state, row.report["zone"]) == (UploadState.TAKEN, "Etc/GMT-1")
    undo.ask(one.actor, number, in_background=False)
    assert undo.run(one.actor, number).removed == 2


def test_when_all_came_in_the_command_ends_well(one: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files(tmp_path, a=GOOD.format(day=13), b="time,temp\n2024-05-31 12:00,21\n2024-05-31 13:00,x\n")
    result = typed(monkeypatch, one, *paths)
    assert result.exit_code == 0, result.output
    assert "1 readings, 1 new, 0 in the place of another value, 1 rows or cells left out" in result.output
    assert result.output.splitlines()[-1] == "2 of 2 files came in."


def test_nothing_is_tried_where_the_command_cannot_work(
    one: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(imports.uploads(one.actor))
    paths = files(tmp_path, a=GOOD.format(day=14), b=GOOD.format(day=15))
    who = (one.address, one.password)
    site = greenhouse.sites(one.actor)[0].name
    for person, place, template in (((one.address, "wrong"), site, ""), (who, "Nowhere", ""), (who, site, "Cellar")):
        with pytest.raises(InvalidError):
            list(importing.bring_in_all(paths, person, (place, ""), template))
    assert len(imports.uploads(one.actor)) == before
    assert typed(monkeypatch, one, *paths, "--order", "dmy").exit_code == 2
    assert typed(monkeypatch, one).exit_code == 2
    assert typed(monkeypatch, one, tmp_path / "gone.csv").exit_code == 2


def test_a_file_waits_for_a_place_and_one_whose_import_fails_is_noted(
    one: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries, upload = [], imports.upload

    def busy(*args: object) -> ImportId:
        tries.append(1)
        if len(tries) == 1:
            raise OverloadedError("Another file is being read; try again in a moment.")
        return upload(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(imports, "upload", busy)
    paths = files(
        tmp_path, a=GOOD.format(day=16), bad="time,temp\n2024-05-31 12:00,x\n2024-05-31 13:00,y\n2024-06-01 12:00,1\n"
    )
    monkeypatch.setattr(imports.file_process, "read", _refuse_bad(imports.file_process.read))
    outcomes = list(
        importing.bring_in_all(paths, (one.address, one.password), (greenhouse.sites(one.actor)[0].name, ""), "")
    )
    assert [outcome.came_in for outcome in outcomes] == [True, False]
    failed = imports.uploads(one.actor)[0]
    assert (failed.state, failed.report["problem"]["text"]) == (UploadState.FAILED, "It broke.")


def _refuse_bad(read: Callable[..., object]) -> Callable[..., object]:
    def reading(pieces: object, layout: object, *more: object) -> object:
        if any(column.name == "temp" for column in layout.columns):  # type: ignore[attr-defined]
            raise InvalidError("It broke.")
        return read(pieces, layout, *more)

    return reading


def test_names_of_files_are_shown_as_they_are_and_command_no_terminal(
    one: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["[red]c.csv", "\x1b]0;title\x07d.csv", os.fsdecode(b"e\xff.csv")]
    paths = [tmp_path / name for name in names]
    for day, path in enumerate(paths, 20):
        path.write_text(GOOD.format(day=day))
    os.mkfifo(tmp_path / "pipe.csv")
    result = typed(monkeypatch, one, *paths, tmp_path / "pipe.csv")
    assert result.exit_code == 1, result.output
    assert "[red]c.csv: 2 readings" in result.output
    assert "\N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER}d.csv: 2 readings" in result.output
    assert "e\N{REPLACEMENT CHARACTER}.csv: 2 readings" in result.output
    assert "pipe.csv: not imported: it is no plain file" in result.output
    assert "\x1b]" not in result.output
    alone = typed(monkeypatch, one, paths[0])
    assert alone.exit_code == 0, alone.output
