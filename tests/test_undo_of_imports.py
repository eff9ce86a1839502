"""An import is undone as a whole, by page, by command and by its job; by whoever may import there, and by nobody else."""

import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from click.testing import CliRunner

from glasshouse.access import api as access
from glasshouse.greenhouse import crops_client, imports, readings, tasks, undo
from glasshouse.greenhouse.models import Upload, UploadState
from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError, UnavailableError
from glasshouse.kernel.ids import ImportId
from tests.conftest import Customer, post
from tests.test_files import until

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
Join = Callable[..., Customer]
SPAN = (1_717_100_000, 1_717_300_000)


def body(*values: float, column: str = "temp", first_hour: int = 0) -> bytes:
    rows = "".join(f"2024-05-31 {first_hour + hour:02d}:00,{value}\n" for hour, value in enumerate(values))
    return f"time,{column}\n{rows}".encode()


def bring_in(one: Customer, *values: float, **more: object) -> ImportId:
    number = imports.upload(one.actor, one.site, "", "log.csv", [body(*values, **more)])  # type: ignore[arg-type]
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    imports.run(one.actor, number)
    return number


def shown(one: Customer) -> list[float]:
    """The values of all series, by time, as a download has them."""
    series = readings.series(one.actor)
    rows = list(readings.export(one.actor, [entry["id"] for entry in series], SPAN))[1:] if series else []
    return [float(str(row[7])) for row in rows]


def undone(one: Customer, number: ImportId) -> undo.UndoState:
    undo.ask(one.actor, number, in_background=False)
    return undo.run(one.actor, number)


def kinds(one: Customer) -> list[str]:
    from glasshouse.events import api as events

    with access.organisation_transaction(one.actor):
        return [event.kind for event in events.of_organisation(one.actor.organisation)]


def test_what_it_replaced_comes_back(customer: Make) -> None:
    one = customer()
    bring_in(one, 20, 21, 22)
    second = bring_in(one, 30, 31, first_hour=2)
    third = bring_in(one, 41, first_hour=3)
    assert shown(one) == [20, 21, 30, 41]
    assert undone(one, second)[-3:] == (0, 1, 1)
    assert shown(one) == [20, 21, 22, 41]
    assert undone(one, third)[-3:] == (1, 0, 0)
    assert shown(one) == [20, 21, 22]
    assert undo.state_of(imports.report_of(one.actor, second)).is_done
    undo.ask(one.actor, second)  # Nothing is left to do.
    assert kinds(one).count("greenhouse:file:undo") == 2 == kinds(one).count("greenhouse:file:ask-undo")


def test_it_may_be_imported_again_and_undone_again(customer: Make) -> None:
    one = customer()
    number = bring_in(one, 20, 21)
    undone(one, number)
    assert readings.series(one.actor) == [], "a series of which nothing is left is not listed"
    report = imports.run(one.actor, number)
    assert (report["new"], shown(one)) == (2, [20, 21])
    assert not undo.state_of(imports.report_of(one.actor, number)).is_done
    undone(one, number)
    assert shown(one) == []


def test_only_whoever_may_import_there_undoes_it(customer: Make, join: Join) -> None:
    one, other = customer(), customer()
    number = bring_in(one, 20)
    reader = join(one, "viewer")
    for who, error in ((other, NotFoundError), (reader, ForbiddenError)):
        with pytest.raises(error):
            undo.ask(who.actor, number)
        with pytest.raises(error):
            undo.run(who.actor, number)
    elsewhere = join(one, "grower", sites=[])
    with pytest.raises(NotFoundError):
        undo.ask(elsewhere.actor, number)
    # Nor with a capability of its own, and the id of another customer's import.
    with access.organisation_transaction(other.actor):
        tenant = access.organisation_of(other.actor).tenant
    for sites in ([other.site], [one.site]):
        with pytest.raises(NotFoundError):
            crops_client.ask(
                "POST",
                "/v1/changes/undo",
                tenant=tenant,
                sites=sites,
                verb="readings:write",
                purpose="attack",
                body={"change": number, "after": 0},
            )
    assert shown(one) == [20]


def test_what_cannot_be_undone_says_why(customer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = customer()
    number = imports.upload(one.actor, one.site, "", "log.csv", [body(20)])
    with pytest.raises(InvalidError, match="was not imported"):
        undo.ask(one.actor, number)
    imports.choose(one.actor, number, imports.preview(one.actor, number).layout)
    imports.run(one.actor, number)
    with access.organisation_transaction(one.actor):
        Upload.objects.filter(id=number).update(runs=0, taken_at=None)  # as an earlier version left it
    with pytest.raises(InvalidError, match="earlier version"):
        undo.ask(one.actor, number)
    with access.organisation_transaction(one.actor):
        Upload.objects.filter(id=number).update(runs=1, taken_at=clock.now() - timedelta(days=90))
    assert not undo.state_of(imports.report_of(one.actor, number)).is_possible
    with pytest.raises(InvalidError, match="more than 90 days old"):
        undo.ask(one.actor, number)
    assert shown(one) == [20]


def test_a_part_that_fails_is_asked_again_and_a_person_may_go_on(
    customer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = customer()
    number = bring_in(one, 20, 21)
    monkeypatch.setattr("glasshouse.queues.api.defer", lambda *arguments, **named: None)
    undo.ask(one.actor, number)
    with pytest.raises(InvalidError, match="being undone"):
        imports.queue(one.actor, number, imports.preview(one.actor, number).layout)
    real, calls = crops_client.ask, []

    def cut_off(*arguments: object, **named: object) -> object:
        calls.append(real(*arguments, **named))  # type: ignore[arg-type]
        raise UnavailableError("The answer was lost.")

    job = {"account": one.actor.account, "person": one.actor.person, "organisation": one.organisation, "upload": number}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crops_client, "ask", cut_off)
        with pytest.raises(UnavailableError):
            tasks.undo_file(**job)  # type: ignore[operator]
    assert imports.report_of(one.actor, number).state == UploadState.UNDOING
    tasks.undo_file(**job)  # type: ignore[operator]
    state = undo.state_of(imports.report_of(one.actor, number))
    assert state.is_done and state[-3:] == (2, 0, 0), "what a repeated step says is counted once"
    assert shown(one) == []


def test_the_report_page_undoes_it_and_shows_what_came_of_it(customer: Make, web: Web) -> None:
    one = customer()
    number = bring_in(one, 20, 21)
    client, page = web(one), f"/o/{one.organisation}/import/{number}/report"
    assert "Undo this import" in client.get(page).text
    assert post(client, f"/o/{one.organisation}/import/{number}/undo", page).status_code == 302
    until(lambda: imports.report_of(one.actor, number).state == UploadState.UNDONE)
    text = re.sub(r"\s+", " ", client.get(page).text)
    assert "This import was undone." in text and "Readings that are gone: 2." in text
    assert "Undone" in client.get(f"/o/{one.organisation}/import").text
    assert shown(one) == []
    with access.organisation_transaction(one.actor):
        Upload.objects.filter(id=number).update(state="taken", taken_at=clock.now() - timedelta(days=91))
    answer = post(client, f"/o/{one.organisation}/import/{number}/undo", page)
    assert answer.status_code == 400 and "more than 90 days old" in answer.text
    stranger = customer()
    refused = post(web(stranger), f"/o/{one.organisation}/import/{number}/undo", "/sign-in")
    assert refused.status_code == 404


def test_the_command_undoes_it(customer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.cli.importing import undo_import

    one, other = customer(), customer()
    number = bring_in(one, 20, 21)
    with pytest.raises(InvalidError, match="no import with this id"):
        list(undo_import(number, (other.address, other.password)))
    lines = list(undo_import(number, (one.address, one.password)))
    assert "2 readings are gone" in lines[0]
    assert shown(one) == []


def test_the_command_wants_a_file_or_an_import() -> None:
    from glasshouse.cli.__main__ import main

    for arguments in ([], ["--undo", "x", "--site", "s"]):
        result = CliRunner().invoke(main, ["import", "--as", "a@b.example", "--password", "x", *arguments])
        assert result.exit_code == 2 and "or --undo and the id" in result.output
