"""An old copy of the data, or of the key store, brings nobody back who was erased."""

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from glasshouse.kernel import clock
from glasshouse.ledger.rules import Line
from glasshouse.operations import keystore, service
from glasshouse.operations.installation import CatchUpError, Installation, KeyStoreError
from glasshouse.vault.keys.kinds import LineKind
from tests.keystore.place import Place, trust


class Story:
    """What happened: alice and bob sign up, data and key store are copied, alice is erased."""

    def __init__(self, place: Place) -> None:
        self.place = place
        with place.doors():
            self.alice, self.bob = place.grower(), place.grower()
            assert self.write(self.alice) == 204
            with place.administering("vault") as link:
                rows = link.execute(
                    "SELECT wrapped FROM vault_data_key WHERE key_owner = ANY (%s)",
                    [[self.alice["person"], self.alice["organisation"]]],
                ).fetchall()
            self.wrapped = [bytes(row[0]) for row in rows]
            made = Path(place.command("keys", "backup").stdout.split(": ")[0])
        self.backup = shutil.copy(made, place.folder / "earlier.keys")
        self.old_data, self.old_keystore = place.copy("old-data"), place.copy("old-keystore", "keystore")
        with place.doors():
            erased = place.command("erase", self.alice["address"])
            assert erased.returncode == 0, erased.stderr
            made = Path(place.command("keys", "backup").stdout.split(": ")[0])
        self.later_backup = Path(shutil.copy(made, place.folder / "later.keys"))
        self.new_data, self.new_keystore = place.copy("new-data"), place.copy("new-keystore", "keystore")

    def write(self, grower: dict[str, str]) -> int:
        """The crops door's answer to a reading of a grower's device."""
        return httpx.post(
            f"{self.place.home.crops_origin}/api/v2/write",
            content="climate air_temp=21.5",
            headers={"Authorization": f"Token {grower['device']}"},
            verify=trust(self.place.home),
        ).status_code


@pytest.fixture(scope="module")
def story(place: Place) -> Story:
    return Story(place)


@pytest.fixture(autouse=True)
def as_it_was(story: Story) -> None:
    """Each test begins with the data and keys of after the erasure."""
    story.place.put_back(story.new_data)
    story.place.put_back(story.new_keystore, "keystore")


def names_of(grower: dict[str, str]) -> list[str]:
    return [grower["person"], grower["organisation"], grower["site"], grower["account"]]


def test_catching_up_that_makes_no_progress_is_stopped_and_goes_on_at_the_next_start(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.place.put_back(story.old_data)
    with story.place.stores():
        with monkeypatch.context() as patched:
            patched.setattr(service, "CATCH_UP_QUIET_S", 0.05)
            with pytest.raises(CatchUpError, match="made no progress for 0 s and was stopped") as stopped:
                service.catch_up(story.place.home)
        assert stopped.value.exit_code == 4
        assert not keystore.is_carried_out(story.place.home)
        service.catch_up(story.place.home)
        assert keystore.is_carried_out(story.place.home)


@pytest.mark.long
def test_what_was_erased_cannot_be_read_in_an_old_copy_before_anything_is_carried_out(story: Story) -> None:
    story.place.put_back(story.old_data)
    with story.place.stores():
        assert story.place.run(READ, SUBJECT=story.alice["person"]) == ["KeyDestroyedError"]
        assert story.place.run(READ, SUBJECT=story.bob["person"]) == [story.bob["address"]]


READ = """
from glasshouse.accounts.models import Person
from glasshouse.accounts.own import own
subject = os.environ["SUBJECT"]
with own(subject):
    try:
        answer([Person.objects.get(id=subject).address])
    except Exception as error:
        answer([type(error).__name__])
"""


def test_an_old_copy_that_is_started_holds_the_erased_person_nowhere(story: Story) -> None:
    place = story.place
    place.put_back(story.old_data)
    with place.doors():
        assert place.sign_in(story.alice).status_code == 400
        assert place.sign_in(story.bob).status_code == 302
        assert story.write(story.alice) == 401, "the crop plane forgot the device with its customer"
        assert story.write(story.bob) == 204
        assert where(place, names_of(story.alice)) <= {
            "ledger_mark.subject",
            "rights_erasure.person",
            "rights_erasure.account",
            "events_event.subject",
            "events_event.actor",
            "events_event.organisation_id",
        }
        assert "greenhouse_site.id" in where(place, names_of(story.bob)), "the test can see it"


def where(place: Place, names: list[str]) -> set[str]:
    """Columns of the people store that hold one of the names."""
    columns = set()
    with place.administering() as link:
        rows = link.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND data_type IN ('text', 'character varying', 'jsonb')"
        ).fetchall()
        for table, column in rows:
            question = f'SELECT count(*) FROM {table} WHERE "{column}"::text = ANY (%s)'
            if link.execute(question.encode(), [names]).fetchone() != (0,):
                columns.add(f"{table}.{column}")
    return columns


def test_an_old_copy_of_the_key_store_is_refused_and_its_backup_brings_nobody_back(story: Story) -> None:
    place = story.place
    place.put_back(story.old_keystore, "keystore")
    refused = place.command("demo")
    assert refused.returncode == 3
    assert "is older than the data" in refused.stderr and "keys restore" in refused.stderr
    restored = place.command("keys", "restore", story.backup)
    assert restored.returncode == 0, restored.stderr
    assert "were destroyed again" in restored.stdout
    with place.doors():
        assert place.sign_in(story.alice).status_code == 400
        assert place.sign_in(story.bob).status_code == 302


@pytest.mark.long
def test_marks_that_were_forged_in_the_data_destroy_nobodys_key_at_a_restore(story: Story) -> None:
    place = story.place
    with place.stores(), place.administering() as link:
        last = link.execute("SELECT number, hash FROM ledger_mark ORDER BY number DESC LIMIT 1").fetchone()
        assert last
        forged = Line(last[0] + 1, LineKind.ERASURE, story.bob["person"], clock.now(), last[1])
        values = [forged.number, str(forged.kind), forged.subject, forged.at, forged.previous, forged.hash]
        link.execute("INSERT INTO ledger_mark VALUES (%s, %s, %s, %s, %s, %s)", values)
    assert place.command("demo").returncode == 3
    refused = place.command("keys", "restore", str(story.later_backup))
    assert refused.returncode != 0 and "tampered" in refused.stderr
    with place.stores():
        assert place.run(READ, SUBJECT=story.bob["person"]) == [story.bob["address"]]


def test_a_lost_key_store_is_refused_and_comes_back_from_its_backup(story: Story) -> None:
    place = story.place
    subprocess.run(["rm", "-r", place.home.keystore / "cluster"], check=True)
    refused = place.command("demo")
    assert refused.returncode == 3
    assert "there is no key store" in refused.stderr and "keys restore" in refused.stderr
    restored = place.command("keys", "restore")  # the newest in the key store's own folder
    assert restored.returncode == 0, restored.stderr
    with place.doors():
        assert place.sign_in(story.alice).status_code == 400
        assert place.sign_in(story.bob).status_code == 302


def test_everything_old_but_the_keys_folder_is_refused_or_brings_nobody_back(story: Story) -> None:
    """Both folders of before fit one another: that is the known rest, within the days of a backup. The ledger is not in them."""
    place = story.place
    place.put_back(story.old_data)
    place.put_back(story.old_keystore, "keystore")
    restored = place.command("keys", "restore", "--replace", str(story.later_backup))
    assert restored.returncode == 0, restored.stderr
    with place.doors():
        assert place.sign_in(story.alice).status_code == 400
        assert place.sign_in(story.bob).status_code == 302


def files_with(folder: Path, needles: list[bytes]) -> list[str]:
    """Files that hold one of the byte strings."""
    contents = ((path, path.read_bytes()) for path in folder.rglob("*") if path.is_file())
    return [str(path.relative_to(folder)) for path, content in contents if any(needle in content for needle in needles)]


def test_nothing_of_a_destroyed_key_is_left_on_the_disk(story: Story) -> None:
    assert len(story.wrapped) == 2
    assert files_with(story.old_keystore, story.wrapped), "the test can see it"
    assert files_with(story.new_keystore / "cluster", story.wrapped) == []
    assert files_with(story.new_data, story.wrapped) == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(
            "ALTER TABLE vault_ledger DISABLE TRIGGER ALL; UPDATE vault_ledger SET subject = '{other}' WHERE number = 1",
            "line 1",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "ALTER TABLE vault_ledger DISABLE TRIGGER ALL; DELETE FROM vault_ledger WHERE number = 1",
            "was altered",
            marks=pytest.mark.long,
        ),
        ("ALTER TABLE vault_ledger DISABLE TRIGGER ALL; TRUNCATE vault_ledger", "is older than the data"),
        pytest.param("DROP TABLE vault_ledger", "vault_ledger is gone", marks=pytest.mark.long),
        ("UPDATE vault_data_key SET wrapped = 'x' WHERE length(wrapped) > 0", "does not open with root-1"),
        pytest.param(
            "UPDATE vault_state SET installation = '{other}'", "belongs to another installation", marks=pytest.mark.long
        ),
    ],
)
def test_a_key_store_that_was_tampered_with_keeps_every_door_shut(story: Story, damage: str, words: str) -> None:
    place = story.place
    with place.stores(), place.administering("vault") as link:
        link.execute(damage.format(other=story.bob["person"]).encode())
    with pytest.raises(KeyStoreError, match=words), place.doors():
        pytest.fail("it opened")


@pytest.mark.long
def test_a_line_that_was_cut_off_before_the_data_knew_of_it_is_carried_out_at_the_next_start(story: Story) -> None:
    place = story.place
    place.put_back(story.old_data)
    place.put_back(story.old_keystore, "keystore")
    with place.stores():
        place.run(
            "from glasshouse.ledger import api\nfrom glasshouse.vault.keys.kinds import LineKind\n"
            "api.enter(LineKind.ERASURE, os.environ['SUBJECT'])",
            SUBJECT=story.alice["person"],
        )
    with place.doors():
        assert place.sign_in(story.alice).status_code == 400
        assert place.sign_in(story.bob).status_code == 302
    assert place.home.keystore.is_dir()


@pytest.mark.long
def test_two_services_never_share_a_key_store(story: Story) -> None:
    with story.place.doors():
        other = story.place.of(story.old_data)
        moved = Installation(
            other.data,
            other.keys,
            other.port + 20,
            other.port + 21,
            other.port + 22,
            demo=True,
            key_store=other.keystore,
        )
        with pytest.raises(Exception, match="--keystore"), service.running(moved, lambda text: None):
            pytest.fail("it opened")
