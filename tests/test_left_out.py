"""What is noted of text fields has a bound, whatever devices send."""

from crops.left_out import LONGEST_NAME, MOST_NAMES, LeftOut
from crops.limits import Origin


def test_long_names_of_text_fields_are_cut_before_they_are_noted() -> None:
    noted = LeftOut()
    origin = Origin("tenant", "site", "device", "")
    noted.note(origin, [bytes([0x80 + number]) + b"\xff" * 500 for number in range(2)])
    noted.note(origin, [b"%d" % number + b"x" * 500 for number in range(2 * MOST_NAMES)])
    names = noted.of("tenant", ["site"])["device"]
    assert len(names) == MOST_NAMES
    assert max(map(len, names)) == LONGEST_NAME
