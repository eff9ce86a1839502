"""What is noted of text fields has a bound, whatever devices send."""

from crops.left_out import LONGEST_NAME, MOST_DEVICES, MOST_NAMES, MOST_OF_CUSTOMER, LeftOut
from crops.limits import Origin


def test_long_names_of_text_fields_are_cut_before_they_are_noted() -> None:
    noted = LeftOut()
    origin = Origin("tenant", "site", "device", "")
    noted.note(origin, [bytes([0x80 + number]) + b"\xff" * 500 for number in range(2)])
    noted.note(origin, [b"%d" % number + b"x" * 500 for number in range(2 * MOST_NAMES)])
    names = noted.of("tenant", ["site"])["device"]
    assert len(names) == MOST_NAMES
    assert max(map(len, names)) == LONGEST_NAME


def test_devices_of_one_customer_push_out_no_notes_of_another() -> None:
    noted = LeftOut()
    noted.note(Origin("other", "site", "device", ""), [b"state"])
    for number in range(MOST_DEVICES + 5):
        noted.note(Origin("many", "site", f"device{number}", ""), [b"text"])
    assert noted.of("other", ["site"]) == {"device": ["state"]}
    own = noted.of("many", ["site"])
    assert len(own) == MOST_OF_CUSTOMER
    assert f"device{MOST_DEVICES + 4}" in own and "device0" not in own, "a customer's oldest notes go first"


def test_all_notes_have_a_bound_which_costs_those_with_the_most() -> None:
    noted = LeftOut()
    noted.note(Origin("other", "site", "device", ""), [b"state"])
    customers = [f"customer{number}" for number in range(2 * MOST_DEVICES // MOST_OF_CUSTOMER)]
    for customer in customers:
        for number in range(MOST_OF_CUSTOMER):
            noted.note(Origin(customer, "site", f"device{number}", ""), [b"text"])
    counts = [len(noted.of(customer, ["site"])) for customer in customers]
    assert sum(counts) + 1 == MOST_DEVICES
    assert noted.of("other", ["site"]) == {"device": ["state"]}
    noted.forget(customers[-1])
    assert noted.of(customers[-1], ["site"]) == {}
    noted.note(Origin("new", "site", "device", ""), [b"state"])
    assert sum(len(noted.of(customer, ["site"])) for customer in customers[:-1]) == sum(counts[:-1])


def test_customers_of_whom_nothing_is_noted_any_more_take_no_memory() -> None:
    noted = LeftOut()
    for number in range(MOST_DEVICES + 100):
        noted.note(Origin(f"customer{number}", "site", "device", ""), [b"text"])
    assert len(noted._customers) == MOST_DEVICES
