"""What is newer than the backup of the key store that is brought back: told before it is lost, and in nobody's way afterwards."""

import copy
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from glasshouse.operations import key_restore
from tests.growth import SOURCE
from tests.keystore.place import Place, trust

PAGES = ("/", "/documents", "/documents/notice", "/trust", "/trust/providers", "/sign-in", "/sign-up", "/privacy")
# Somebody is registered in the register of recipients.
NEWER = """
from glasshouse.disclosures.models import Recipient
from glasshouse.kernel import clock
now = clock.now()
Recipient.objects.create(
    kind="group", name="Newer Ltd", what="w", region="EU", agreement="a", agreed_on=now.date(), safeguard="s",
    purpose="p", basis="b", fields=["user.name"], announced_at=now, active_from=now,
    written_by="installation",
)
"""


class Story:
    """What happened: alice signs up, the key store is backed up, bob signs up and a recipient is registered."""

    def __init__(self, place: Place) -> None:
        self.place = place
        with place.doors():
            self.alice = place.grower()
            made = Path(place.command("keys", "backup").stdout.split(": ")[0])
            self.backup = shutil.copy(made, place.folder / "earlier.keys")
            self.bob = place.grower()
            place.run(NEWER)
        self.data, self.keystore = place.copy("data-after"), place.copy("keystore-after", "keystore")

    def pages(self, client: httpx.Client) -> dict[str, int]:
        """What the public pages answer."""
        return {page: client.get(page, follow_redirects=True).status_code for page in PAGES}


@pytest.fixture(scope="module")
def story(place: Place) -> Story:
    return Story(place)


@pytest.fixture(autouse=True)
def as_it_was(story: Story) -> None:
    story.place.put_back(story.data)
    story.place.put_back(story.keystore, "keystore")


def browser(place: Place) -> httpx.Client:
    return httpx.Client(base_url=place.home.origin, verify=trust(place.home), timeout=60)


def keys_of(place: Place, owner: str) -> list[tuple[int, bool]]:
    """Generations of an owner's keys, and whether each lives."""
    with place.administering("vault") as link:
        rows = link.execute(
            "SELECT generation, length(wrapped) > 0 FROM vault_data_key WHERE key_owner = %s ORDER BY 1", [owner]
        )
        return [(int(generation), bool(lives)) for generation, lives in rows.fetchall()]


def test_what_a_backup_cannot_open_is_told_and_refused_and_in_nobodys_way_when_it_is_accepted(story: Story) -> None:
    place = story.place
    subprocess.run(["rm", "-r", place.home.keystore / "cluster"], check=True)
    refused = place.command("keys", "restore", story.backup)
    assert refused.returncode != 0
    said = " ".join(refused.stderr.split())
    assert "persons: 1" in said and "organisations: 1" in said and "recipients: 1" in said
    assert f"keys restore --accept-loss {story.backup}" in said
    assert f"--data {place.home.data}" in said and "--demo" in said, "the command as it is typed for this installation"
    restored = place.command("keys", "restore", "--accept-loss", story.backup)
    assert restored.returncode == 0, restored.stderr
    assert "recipients: 1" in restored.stdout
    with place.doors(), browser(place) as client:
        assert set(story.pages(client).values()) == {200}
        assert "cannot be read any more" in client.get("/trust/providers").text
        assert place.sign_in(story.alice).status_code == 302
        assert place.sign_in(story.bob).status_code < 500
        assert keys_of(place, story.bob["person"]) == [(1, False)], (
            "no key is made in the place of the one that is lost"
        )
        erased = place.command("erase", story.bob["address"])
        assert erased.returncode == 0, erased.stderr
        swept = place.command("sweep")
        assert swept.returncode == 0, swept.stderr
        with place.administering() as link:
            assert link.execute(
                "SELECT count(*) FROM accounts_person WHERE id = %s", [story.bob["person"]]
            ).fetchone() == (0,)
        verified = place.command("promises", "PRI-21", "PRI-24")
        assert verified.returncode == 0, verified.stdout


@pytest.mark.long
def test_a_backup_from_before_a_rotation_of_data_keys_is_refused_and_can_be_accepted(story: Story) -> None:
    place = story.place
    with place.doors():
        rotated = place.command("keys", "rotate", "--data-keys")
        assert rotated.returncode == 0, rotated.stderr
    refused = place.command("keys", "restore", "--replace", story.backup)
    assert refused.returncode != 0
    said = " ".join(refused.stderr.split())
    assert "keys rotate --data-keys" in said and "persons: " in said
    with place.doors():
        assert place.sign_in(story.alice).status_code == 302, "nothing was changed"
    restored = place.command("keys", "restore", "--replace", "--accept-loss", story.backup)
    assert restored.returncode == 0, restored.stderr
    with place.doors(), browser(place) as client:
        assert set(story.pages(client).values()) == {200}
        assert place.sign_in(story.alice).status_code < 500
        assert keys_of(place, story.alice["person"]) == [(1, True), (2, False)]
        assert place.grower(), "whoever is new is served"
        rotated = place.command("keys", "rotate", "--data-keys")
        assert rotated.returncode == 0, rotated.stderr


def test_a_folder_in_the_place_of_a_backup_names_the_newest_one_in_it(story: Story) -> None:
    place = story.place
    refused = place.command("keys", "restore", "--replace", str(place.home.key_backups))
    assert refused.returncode != 0
    newest = max(place.home.key_backups.glob("*.keys"), key=lambda path: path.stat().st_mtime)
    assert f"keys restore {newest}" in " ".join(refused.stderr.split())


def test_copies_that_are_kept_as_the_readme_tells_open_only_with_the_key_of_the_day(story: Story) -> None:
    """The data folder, the keys folder without the keys of days, and the key store's folder of backups alone."""
    place = story.place
    folder = place.folder / "kept"
    folder.mkdir()
    kept = copy.copy(place)
    kept.home = replace(place.home, data=folder / "data", keys=folder / "keys", key_store=folder / "keys-store")
    subprocess.run(["cp", "-a", story.data, kept.home.data], check=True)
    subprocess.run(["cp", "-a", place.home.keys, kept.home.keys], check=True)
    days = shutil.move(kept.home.day_keys, folder / "days")
    kept.home.keystore.mkdir(mode=0o711)
    subprocess.run(["cp", "-a", place.home.key_backups, kept.home.key_backups], check=True)
    assert kept.command("demo").returncode == 3
    refused = kept.command("keys", "restore")
    assert refused.returncode != 0 and "can be opened" in refused.stderr
    refused = kept.command("keys", "restore", story.backup)
    assert refused.returncode != 0 and "the key of that day is not in" in " ".join(refused.stderr.split())
    subprocess.run(["cp", "-a", days, kept.home.day_keys], check=True)
    restored = kept.command("keys", "restore", "--accept-loss", story.backup)
    assert restored.returncode == 0, restored.stderr
    shutil.rmtree(kept.home.day_keys)
    with kept.doors():
        assert kept.sign_in(story.alice).status_code == 302
        assert kept.command("keys", "backup").returncode == 0, "a keys folder without the keys of days goes on"


def test_a_restore_that_is_interrupted_says_that_nothing_was_changed_and_what_to_run(story: Story) -> None:
    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    place = story.place
    with pytest.raises(key_restore.InterruptedRestoreError) as error:
        key_restore.restore(place.home, Path(story.backup), replace=True, report=interrupt)
    assert "no key was changed" in str(error.value)
    assert place.home.command(f"keys restore --replace {story.backup}") in str(error.value)
    assert error.value.exit_code == 130
    with place.stores():
        assert keys_of(place, story.bob["person"]) == [(1, True)]


def test_a_rotation_that_is_interrupted_says_what_is_done_and_what_to_run(story: Story) -> None:
    place = story.place
    with place.doors():
        rotation = subprocess.Popen(
            place.arguments("keys", "rotate", "--data-keys"),
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            stderr=subprocess.PIPE,
            text=True,
            # Whoever runs the tests in the background has the signal ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        ends = time.monotonic() + 60
        while len(keys_of(place, story.bob["person"])) < 2 and time.monotonic() < ends:
            time.sleep(0.2)
        rotation.send_signal(signal.SIGINT)
        said = " ".join(rotation.communicate(timeout=60)[1].split())
        assert rotation.returncode == 130
        assert "every data key was wrapped anew" in said
        assert place.home.command("keys rotate --data-keys") in said
        assert place.sign_in(story.bob).status_code == 302
