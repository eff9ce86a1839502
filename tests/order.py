"""In which order tests run that several processes share."""

import pytest

# Files whose tests take long, the longest first: the end of a run is not one of them alone.
LONGEST = (
    "promises/test_mutate.py",
    "keystore/test_lost_keys.py",
    "journeys/test_access.py",
    "journeys/test_privacy.py",
    "journeys/test_pages_tell_the_truth.py",
    "keystore/test_old_copies.py",
    "upgrade/test_keys_move.py",
    "promises/test_every_field.py",
    "repairs/test_event_chain.py",
    "promises/test_rights_checks.py",
    "promises/test_checks_of_access.py",
    "promises/test_checks_leave_nothing.py",
    "promises/test_pri_24_erasure.py",
    "promises/test_checks_of_planes.py",
    "promises/test_checks_of_accounts.py",
    "upgrade/test_from_16a847e.py",
    "promises/test_pri_18_19_ten_years.py",
    "promises/test_destroyed_keys_on_pages.py",
    "promises/test_data_rooms.py",
    "architecture/test_every_page.py",
    "test_crop_restart.py",
    "repairs/test_start_state.py",
    "repairs/test_nothing_in_the_clear.py",
    "journeys/test_first_light.py",
    "journeys/test_requests.py",
    "promises/test_choice_checks.py",
    "repairs/test_health.py",
    "test_start.py",
)


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in an order in which each worker begins with long files; files stay together, the others as they were.

    xdist gives the first worker the first part of the list, the second one the next part, and so on; later, whoever has
    nothing left takes from the end of another one's part.
    """
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0].removeprefix("tests/"), []).append(item)
    hands: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for number, name in enumerate(name for name in LONGEST if name in files):
        turn = number % (2 * workers)
        hands[min(turn, 2 * workers - 1 - turn)] += files.pop(
            name
        )  # There and back, so that no one has all the longest.
    rest = [item for some in files.values() for item in some]
    for number, hand in enumerate(hands):
        room = (len(items) * (number + 1)) // workers - (len(items) * number) // workers - len(hand)
        hand += rest[: max(room, 0)]
        rest = rest[max(room, 0) :]
    return [item for hand in hands for item in hand] + rest
