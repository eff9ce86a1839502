"""The folder of a site: whole files of a known kind are imported once, all else waits or is refused with its reason."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import override_settings

from crop_contract import sandbox
from glasshouse.access import api as access
from glasshouse.greenhouse import file_process, imports, intake, intake_folder, tasks
from glasshouse.greenhouse.models import Site, UploadState
from glasshouse.kernel import clock
from glasshouse.kernel.errors import ForbiddenError, InvalidError, NotFoundError, OverloadedError, UnavailableError
from glasshouse.kernel.ids import ImportId
from glasshouse.organisations import members
from tests.conftest import Customer, post

Make, Web, Join = Callable[[], Customer], Callable[..., httpx.Client], Callable[..., Customer]
GOOD = "time,Box 1 (klux)\n2024-05-31 12:00,{0}\n2024-05-31 12:15,{0}\n"


class Offer:
    """A customer's folder that is looked into, and its files."""

    def __init__(self, root: Path, one: Customer) -> None:
        self.one, self.root = one, root
        self.folder = root / str(one.organisation) / one.site
        self.folder.mkdir(parents=True)

    def put(self, name: str, text: str = GOOD.format(1)) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def look(self) -> None:
        """Look as if two minutes had passed since the last change of a file."""
        with override_settings(INTAKE_FOLDER=str(self.root)):
            intake._look_into(f"{self.one.organisation}:{self.one.site}")

    def names(self, folder: str = "") -> list[str]:
        """The names without the ids before them."""
        there = self.folder / folder
        return sorted(path.name.partition("~")[2] or path.name for path in there.iterdir() if not path.is_dir())

    def reason(self, name: str) -> str:
        (path,) = self.folder.glob(f"refused/*~{name}.reason.txt")
        return path.read_text()

    def run_jobs(self) -> None:
        """The queued imports, as the worker runs them."""
        who = self.one.actor
        for row in imports.uploads(who):
            if row.state in imports.UNDER_WAY:
                tasks.take_file(str(who.account), str(who.person), str(who.organisation), row.id)

    @property
    def state(self) -> intake.Intake:
        (state,) = intake.intakes(self.one.actor)
        return state


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now
    monkeypatch.setattr(intake.clock, "now", lambda: now() + timedelta(seconds=120))


@pytest.fixture
def offer(customer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offer:
    one = customer()
    number = imports.upload(one.actor, one.site, "", "kind.csv", [GOOD.format(0).encode()])
    imports.save_template(one.actor, "Roof", imports.preview(one.actor, number).layout)
    made = Offer(tmp_path / "sftp", one)
    monkeypatch.setattr(imports.queues, "defer", lambda *_, **__: None)  # The test runs the jobs itself.
    with override_settings(INTAKE_FOLDER=str(made.root)):
        intake.switch_on(one.actor, one.site)
    return made


@pytest.mark.usefixtures("later")
def test_a_whole_file_of_a_known_kind_is_imported_once_and_put_to_those_done(offer: Offer) -> None:
    offer.put("week 22.csv")
    offer.look()
    assert (offer.names(), offer.names("done")) == ([], [])
    assert offer.names("taking") == ["week 22.csv"]
    offer.look()
    assert len([row for row in imports.uploads(offer.one.actor) if row.name == "week 22.csv"]) == 1
    offer.run_jobs()
    offer.look()
    assert (offer.names("taking"), offer.names("done"), offer.names("refused")) == ([], ["week 22.csv"], [])
    (row,) = [row for row in imports.uploads(offer.one.actor) if row.name == "week 22.csv"]
    assert (row.state, row.report["points"]) == (UploadState.TAKEN, 2)
    offer.look()
    assert len(imports.uploads(offer.one.actor)) == 2


def test_a_file_that_may_not_be_whole_waits(offer: Offer) -> None:
    offer.put("now.csv")
    offer.look()
    assert offer.names() == ["now.csv"], "it changed less than a minute ago"
    os.utime(offer.folder / "now.csv", (1, 1))
    offer.look()
    assert offer.names() == ["now.csv"], "a time that its writer sets does not count"


@pytest.mark.usefixtures("later")
def test_names_of_files_being_written_wait_and_a_file_that_grew_is_refused(offer: Offer) -> None:
    waiting = [".hidden.csv", "a.csv.filepart", "b.csv.part", "c.tmp", "d.csv~"]
    for name in waiting:
        offer.put(name)
    path = offer.put("slow.csv")
    writer = path.open("a")
    offer.look()
    writer.write("2024-05-31 12:30,3\n")
    writer.close()
    offer.run_jobs()
    offer.look()
    assert offer.names() == sorted(waiting)
    assert "was not whole when it was taken" in offer.reason("slow.csv")


@pytest.mark.usefixtures("later")
def test_links_huge_files_and_foreign_names_are_refused_with_the_reason_and_never_read(
    offer: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(GOOD.format(7))
    (offer.folder / "link.csv").symlink_to(secret)
    os.link(secret, offer.folder / "hard.csv")
    os.mkfifo(offer.folder / "pipe.csv")
    with (offer.folder / "huge.csv").open("wb") as file:
        file.truncate((64 << 20) + 1)
    for name in ("program.exe", "no\nline.csv", "-rf.csv", "..csv.csv.exe"):
        if not name.startswith("."):
            offer.put(name)
    monkeypatch.setattr(intake_folder.Folder, "read", lambda *_: pytest.fail("it was read"))
    offer.look()
    assert offer.names() == []
    assert "a link or a device" in offer.reason("link.csv")
    assert "a link or a device" in offer.reason("pipe.csv")
    assert "second name" in offer.reason("hard.csv")
    assert "larger than 64 MB" in offer.reason("huge.csv")
    assert "The name of this file" in offer.reason("program.exe")
    assert secret.read_text() == GOOD.format(7)
    assert len(offer.state.refusals) == 7
    assert {row.name for row in imports.uploads(offer.one.actor)} == {"kind.csv"}


@pytest.mark.usefixtures("later")
def test_what_no_template_knows_is_refused_and_a_person_may_still_look_at_it(offer: Offer, web: Web) -> None:
    offer.put("other.csv", "time,temp\n2024-05-31 12:00,21\n2024-05-31 13:00,22\n")
    offer.put("none.csv", "nothing")
    offer.put("good.csv")
    offer.look()
    assert offer.names("taking") == ["good.csv"], "one that is refused stops no other"
    assert "No template has the headings" in offer.reason("other.csv")
    assert "no rows below its heading" in offer.reason("none.csv")
    states = {row.name: row.state for row in imports.uploads(offer.one.actor)}
    assert states["other.csv"] == UploadState.NEW
    with override_settings(INTAKE_FOLDER=str(offer.root)):
        client = web(offer.one)
    client.headers["Accept-Language"] = "de"
    page = client.get(f"/o/{offer.one.organisation}/intake").text
    assert "other.csv: Keine Vorlage hat die Überschriften dieser Datei" in page


@pytest.mark.usefixtures("later")
def test_a_failed_or_stopped_import_is_refused_and_one_that_was_cut_off_goes_on(
    offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glasshouse.greenhouse.statements import Statement

    for name in ("failed.csv", "stopped.csv"):
        offer.put(name)
    queue = imports.queue
    monkeypatch.setattr(imports, "queue", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        offer.look()
    assert offer.names("taking") == ["failed.csv"], "a kill between two steps"
    monkeypatch.setattr(imports, "queue", queue)
    offer.look()
    by_name = {row.name: row for row in imports.uploads(offer.one.actor)}
    assert by_name["failed.csv"].state == by_name["stopped.csv"].state == UploadState.QUEUED
    imports.failed(offer.one.actor, ImportId(by_name["failed.csv"].id), Statement("It broke."))
    imports.stop(offer.one.actor, ImportId(by_name["stopped.csv"].id))
    offer.look()
    assert offer.reason("failed.csv") == "It broke.\n"
    assert "stopped the import" in offer.reason("stopped.csv")


@pytest.mark.usefixtures("later")
def test_a_file_that_is_exchanged_while_it_is_read_stays(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    offer.put("swap.csv")
    upload = imports.upload

    def swapping(*args: object) -> ImportId:
        other = offer.folder / "new"
        other.write_text(GOOD.format(9))
        other.rename(offer.folder / "swap.csv")
        return upload(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(imports, "upload", swapping)
    offer.look()
    assert (offer.names(), offer.names("taking")) == (["swap.csv"], [])


@pytest.mark.usefixtures("later")
def test_a_folder_that_is_a_link_or_is_gone_takes_nothing_and_the_page_says_so(offer: Offer, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.csv").write_text(GOOD.format(1))
    offer.folder.rename(tmp_path / "before")
    offer.folder.symlink_to(elsewhere)
    offer.look()
    assert str(offer.state.problem).startswith("The folder cannot be used:")
    assert sorted(path.name for path in elsewhere.iterdir()) == ["a.csv"]
    offer.folder.unlink()
    (tmp_path / "before").rename(offer.folder)
    (offer.folder / "done").mkdir(exist_ok=True)
    (offer.folder / "done").rename(offer.folder / "d")
    (offer.folder / "done").symlink_to(elsewhere)
    offer.look()
    assert str(offer.state.problem).startswith("The folder cannot be used:")
    (offer.folder / "done").unlink()
    offer.look()
    assert offer.state.problem is None


@pytest.mark.usefixtures("later")
def test_it_acts_with_the_rights_of_whoever_switched_it_on_and_with_no_other(
    offer: Offer, customer: Make, join: Join, tmp_path: Path
) -> None:
    stranger = customer()
    with override_settings(INTAKE_FOLDER=str(offer.root)):
        for act in (
            lambda: intake.switch_on(stranger.actor, offer.one.site),
            lambda: intake.switch_off(stranger.actor, offer.one.site),
        ):
            with pytest.raises(NotFoundError):
                act()
        viewer = join(offer.one, "viewer")
        with pytest.raises(ForbiddenError):
            intake.switch_on(viewer.actor, offer.one.site)
    with access.organisation_transaction(offer.one.actor):
        row = Site.objects.get(id=offer.one.site)
        row.intake |= {"account": str(viewer.actor.account), "person": str(viewer.actor.person)}
        row.save(update_fields=["intake"])
    offer.put("a.csv")
    offer.look()
    assert offer.names() == ["a.csv"]
    assert "may not import files here any more" in str(offer.state.problem)
    intake.switch_off(offer.one.actor, offer.one.site)
    offer.look()
    assert (offer.names(), offer.state.is_on) == (["a.csv"], False)


@pytest.mark.usefixtures("later")
def test_a_busy_service_leaves_the_file_for_the_next_look(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    offer.put("a.csv")
    upload = imports.upload
    monkeypatch.setattr(imports, "upload", lambda *_: (_ for _ in ()).throw(OverloadedError("Busy.")))
    offer.look()
    assert (offer.names(), offer.names("refused")) == (["a.csv"], [])
    monkeypatch.setattr(imports, "upload", upload)
    offer.look()
    assert offer.names("taking") == ["a.csv"]


@pytest.mark.usefixtures("later")
def test_a_file_that_a_busy_machine_did_not_read_in_time_waits_for_the_next_look(
    offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer.put("a.csv")
    with monkeypatch.context() as busy:
        busy.setattr(sandbox, "run", out_of_time)
        offer.look()
    assert (offer.names(), offer.names("refused")) == (["a.csv"], [])
    offer.look()
    with monkeypatch.context() as busy, pytest.raises(UnavailableError, match="did not read the file in time"):
        busy.setattr(sandbox, "run", out_of_time)
        offer.run_jobs()  # The worker tries it again.
    offer.look()
    assert (offer.names("taking"), offer.names("refused")) == (["a.csv"], [])
    offer.run_jobs()
    offer.look()
    assert (offer.names("done"), offer.names("refused")) == (["a.csv"], [])


def out_of_time(work: str, *given: Any, run: Callable[..., Any] = sandbox.run, **named: Any) -> Any:
    """The sandbox of a machine that is busy with other work, where it reads files."""
    if work == file_process.WORK:
        raise sandbox.LimitError("whole_s")
    return run(work, *given, **named)


def test_the_job_looks_into_each_folder_with_an_id_and_without_a_folder_into_none(offer: Offer) -> None:
    (offer.root / "not an id").mkdir()
    (offer.root / "0123456789abcdef").symlink_to(offer.root / str(offer.one.organisation))
    assert intake_folder.places(offer.root) == [f"{offer.one.organisation}:{offer.one.site}"]
    with override_settings(INTAKE_FOLDER=str(offer.root)):
        assert intake.look() == 1
    assert intake.look() == 0
    with pytest.raises(NotFoundError):
        intake.switch_on(offer.one.actor, "0123456789abcdef")
    with pytest.raises(InvalidError, match="has not set up a folder"):
        intake.switch_on(offer.one.actor, offer.one.site)


def test_a_member_sees_the_page_and_cannot_switch_on_what_the_operator_has_not_set_up(offer: Offer, web: Web) -> None:
    client, page = web(offer.one), f"/o/{offer.one.organisation}/intake"
    shown = client.get(page).text
    assert f"{offer.one.organisation}/{offer.one.site}" in shown
    assert "The operator of this service has not set up a folder" in shown
    refused = post(client, f"{page}/{offer.one.site}/start", page, compartment="")
    assert refused.status_code == 400
    assert post(client, f"{page}/{offer.one.site}/stop", page).status_code == 302
    assert not offer.state.is_on


@pytest.mark.usefixtures("later")
def test_a_file_that_is_taken_away_meanwhile_stops_no_other(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    offer.put("a gone.csv")
    offer.put("b.csv")
    os.utime(offer.folder / "a gone.csv", (1, 1))
    waits = intake_folder.Folder.waits

    def taken_away(folder: intake_folder.Folder, name: str, now_s: float) -> bool:
        (offer.folder / "a gone.csv").unlink(missing_ok=True)
        return waits(folder, name, now_s)

    monkeypatch.setattr(intake_folder.Folder, "waits", taken_away)
    offer.look()
    assert (offer.names("taking"), offer.state.problem) == (["b.csv"], None)


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("is_taken", [True, False])
def test_a_look_that_is_cut_off_while_it_refuses_is_done_by_the_next(
    offer: Offer, monkeypatch: pytest.MonkeyPatch, *, is_taken: bool
) -> None:
    from glasshouse.greenhouse.statements import Statement

    offer.put("broken.csv" if is_taken else "broken.exe")
    if is_taken:
        offer.look()
        (row,) = [row for row in imports.uploads(offer.one.actor) if row.name == "broken.csv"]
        imports.failed(offer.one.actor, ImportId(row.id), Statement("It broke."))
    move = intake_folder.Folder._move
    failures: list[BaseException] = [OSError(28, "No space left on device"), KeyboardInterrupt()]
    for failure in failures:
        monkeypatch.setattr(intake_folder.Folder, "_move", lambda *_, failure=failure: (_ for _ in ()).throw(failure))
        if isinstance(failure, KeyboardInterrupt):
            with pytest.raises(KeyboardInterrupt):
                offer.look()
        else:
            offer.look()
            assert offer.names("refused") == [], "no reason without its file"
    monkeypatch.setattr(intake_folder.Folder, "_move", move)
    offer.put("next.csv")
    offer.look()
    assert (offer.names(), offer.state.problem) == ([], None)
    assert offer.names("taking") == ["next.csv"]
    assert len(list((offer.folder / "refused").glob("*~broken.*"))) - 2 == (0 if is_taken else 1)


@pytest.mark.usefixtures("later")
def test_one_that_cannot_be_read_or_is_gone_before_it_is_moved_stops_no_other(
    offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(("closed.csv", "gone.csv", "good.csv"), 1):
        os.utime(offer.put(name), (number, number))
    read, upload = intake_folder.Folder.read, imports.upload

    def reading(folder: intake_folder.Folder, name: str) -> intake_folder.Offered | None:
        if name == "closed.csv":
            raise PermissionError(13, "Permission denied")
        return read(folder, name)

    def uploading(*args: object) -> ImportId:
        (offer.folder / "gone.csv").unlink(missing_ok=True)
        return upload(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(intake_folder.Folder, "read", reading)
    monkeypatch.setattr(imports, "upload", uploading)
    offer.look()
    assert (offer.names(), offer.names("taking")) == (["closed.csv"], ["good.csv"])
    assert str(offer.state.problem) == "The folder cannot be used: Permission denied."


@pytest.mark.usefixtures("later")
def test_where_a_membership_ended_what_is_being_imported_is_not_refused(offer: Offer, join: Join) -> None:
    second = join(offer.one, "administrator")
    with override_settings(INTAKE_FOLDER=str(offer.root)):
        intake.switch_off(offer.one.actor, offer.one.site)
        intake.switch_on(second.actor, offer.one.site)
    offer.put("a.csv")
    offer.look()
    assert offer.names("taking") == ["a.csv"]
    members.take_out(offer.one.organisation, second.actor.account)
    offer.look()
    assert (offer.names("taking"), offer.names("refused")) == (["a.csv"], [])
    assert "may not import files here any more" in str(offer.state.problem)
    with override_settings(INTAKE_FOLDER=str(offer.root)):
        intake.switch_on(offer.one.actor, offer.one.site)
    offer.run_jobs()
    offer.look()
    assert (offer.names("done"), offer.state.problem) == (["a.csv"], None)


@pytest.mark.usefixtures("later")
def test_what_somebody_else_put_to_those_being_imported_is_refused_a_few_at_a_time(offer: Offer) -> None:
    offer.look()
    for number in range(2 * intake.MOST_A_LOOK):
        (offer.folder / "taking" / f"{number:016d}-1~x.csv").write_text("x")
    offer.look()
    assert len(offer.names("taking")) == intake.MOST_A_LOOK
    assert len(offer.names("refused")) == 2 * intake.MOST_A_LOOK, "each with its reason"


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(("name", "step"), [("a gone.csv", "read"), ("a gone.exe", "flaw")])
def test_a_file_that_is_taken_away_before_it_is_moved_stops_no_other(
    offer: Offer, monkeypatch: pytest.MonkeyPatch, name: str, step: str
) -> None:
    offer.put(name)
    offer.put("b.csv")
    os.utime(offer.folder / name, (1, 1))
    original = getattr(intake_folder.Folder, step)

    def taken_away(folder: intake_folder.Folder, entry: str) -> object:
        answer = original(folder, entry)
        (offer.folder / name).unlink(missing_ok=True)
        return answer

    monkeypatch.setattr(intake_folder.Folder, step, taken_away)
    offer.look()
    assert (offer.names("taking"), offer.state.problem) == (["b.csv"], None)
    assert (offer.names("refused"), offer.state.refusals) == ([], [])
