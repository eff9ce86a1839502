"""What we mail stands in templates: each is whole, is used at one place, and never leaves with a hole in it."""

import ast
import functools
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from glasshouse.mail import rendering
from glasshouse.mail.rules import template_parts, unfolded
from tests.architecture.parsed import nodes_in

SOURCE = Path(__file__).resolve().parents[2] / "src" / "glasshouse"
FILES = sorted(SOURCE.glob("*/templates/*/mails/*"))
NAME = re.compile(r"[a-z_]+/mails/[a-z_.]+")
MAX_COLUMNS = 130
MOMENT = datetime(2026, 3, 9, 7, 5, tzinfo=UTC)
SUPPORT = {"areas": ["sites, devices and readings"], "change": True, "hours": 8, "organisation": "ORG"}
VERSION = {"title": "terms", "number": 7, "document": "terms", "in_force_at": MOMENT, "lead_days": 30, "summary": "SUM"}
# Values for each template, as its one place gives them.
SAMPLES: dict[str, dict[str, Any]] = {
    "accounts/mails/change": {"secret": "SECRET"},
    "accounts/mails/changed": {},
    "accounts/mails/factor_added": {"factor": "Phone"},
    "accounts/mails/factor_removed": {"factor": "Phone"},
    "accounts/mails/factor_reset": {},
    "accounts/mails/factor_reset_asked": {"due_at": MOMENT, "secret": "SECRET"},
    "accounts/mails/new_browser": {"browser": "Firefox on Linux"},
    "accounts/mails/recovery_code_used": {"left": 9},
    "accounts/mails/reset": {"secret": "SECRET"},
    "accounts/mails/reset_unknown": {},
    "accounts/mails/sign_up": {"secret": "SECRET"},
    "accounts/mails/sign_up_known": {},
    "authorities/mails/received": {"authority": "Police", "country": "NL", "categories": ["a", "b"], "grounds": "LAW"},
    "authorities/mails/review": {"due_at": MOMENT},
    "consent/mails/lifted": {},
    "consent/mails/to_be_lifted": {"lifts_at": MOMENT, "reason": "WHY"},
    "disclosures/mails/business_transfer": {"buyer": "Buyer", "region": "EU", "active_from": MOMENT},
    "disclosures/mails/corrected": {"address": "jan@x.example", "purpose": "mail", "correction": "The name is: Jan"},
    "disclosures/mails/erased": {"address": "jan@x.example", "purpose": "mail"},
    "disclosures/mails/lifted": {"address": "jan@x.example", "purpose": "mail", "lifts_at": MOMENT},
    "disclosures/mails/restricted": {"address": "jan@x.example", "purpose": "mail"},
    "disclosures/mails/new_provider": {
        "recipient": "Host",
        "region": "EU",
        "what": "WHAT",
        "active_from": MOMENT,
        "categories": ["a", "b"],
        "purpose": "mail",
        "token": "TOKEN",
    },
    "disclosures/mails/subscribe": {"secret": "SECRET"},
    "notices/mails/announcement.de": VERSION,
    "notices/mails/announcement.en": VERSION,
    "organisations/mails/invitation": {
        "inviter": "Ada",
        "organisation": "Farm",
        "message": "Come\n\nin",
        "secret": "SECRET",
        "expires_at": MOMENT,
    },
    "privacy_office/mails/data_room": {"secret": "SECRET", "ends_at": MOMENT},
    "requests/mails/agent_confirm": {
        "number": "NUMBER",
        "agent": "Agent",
        "exercise": "access",
        "due_at": MOMENT,
        "law": "CCPA",
        "secret": "SECRET",
    },
    "requests/mails/agent_opted_in": {"number": "NUMBER"},
    "requests/mails/agent_opted_out": {"number": "NUMBER", "agent": "Agent"},
    "requests/mails/agent_results": {"number": "NUMBER", "agent": "Agent", "secret": "SECRET"},
    "requests/mails/agent_withdrew": {"number": "NUMBER", "agent": "Agent", "reason": "WHY"},
    "requests/mails/answer": {"number": "NUMBER", "text": "TEXT", "authority": "AP", "appeal_days": 60},
    "requests/mails/asked_back": {"number": "NUMBER", "text": "TEXT", "due_at": MOMENT},
    "requests/mails/assigned": {"number": "NUMBER", "kind": "Erasure", "due_at": MOMENT},
    "requests/mails/classified": {
        "number": "NUMBER",
        "kind": "erase",
        "law": "GDPR",
        "due_at": MOMENT,
        "was_due_at": MOMENT.replace(day=2),
    },
    "requests/mails/confirm": {
        "number": "NUMBER",
        "due_at": MOMENT,
        "law": "GDPR",
        "follows": "EARLIER",
        "secret": "SECRET",
    },
    "requests/mails/due": {"number": "NUMBER", "kind": "Erasure", "law": "GDPR", "due_at": MOMENT},
    "requests/mails/ended": {"number": "NUMBER"},
    "requests/mails/extended": {"number": "NUMBER", "due_at": MOMENT, "reason": "WHY"},
    "requests/mails/merged": {"number": "NUMBER", "earlier": "EARLIER", "due_at": MOMENT},
    "requests/mails/unmerged": {"number": "NUMBER", "other": "OTHER", "due_at": MOMENT},
    "requests/mails/overdue": {"number": "NUMBER", "kind": "Erasure", "law": "GDPR"},
    "requests/mails/passed": {"number": "NUMBER", "organisations": ["Farm", "Co-op"]},
    "requests/mails/received": {"number": "NUMBER", "due_at": MOMENT},
    "requests/mails/referral_answer": {"number": "NUMBER", "organisation": "Farm", "text": "TEXT"},
    "requests/mails/referral_asked": {"organisation": "ORG", "due_at": MOMENT},
    "requests/mails/referral_late": {"organisation": "ORG"},
    "requests/mails/unconfirmed": {"number": "NUMBER"},
    "requests/mails/word_between": {"number": "NUMBER", "text": "TEXT", "due_at": MOMENT},
    "retention/mails/hold_ended": {
        "organisation": "ORG",
        "reason": "WHY",
        "placed_at": MOMENT,
        "standing": [{"ends_on": date(2026, 12, 31), "reason": "OTHER"}],
    },
    "retention/mails/hold_placed": {"organisation": "ORG", "reason": "WHY", "ends_at": MOMENT},
    "sources/mails/received": {
        "rows": [
            {"field": "Name", "value": "V", "source": "S", "kind": "K", "licence": "L", "purpose": "P"},
            {"field": "Phone", "value": "V", "source": "S", "kind": "K", "licence": "L", "purpose": "P"},
        ],
        "secret": "SECRET",
    },
    "subject/mails/agent_fetched": {"number": "NUMBER", "agent": "Agent"},
    "subject/mails/closed_after_hold": {"name": "ORG", "asked_at": MOMENT},
    "subject/mails/confirm_again": {"number": "NUMBER", "secret": "SECRET"},
    "subject/mails/corrected": {"name": "Jan", "number": "NUMBER"},
    "subject/mails/erased_after_hold": {"asked_at": MOMENT},
    "subject/mails/export_by_link": {"number": "NUMBER", "secret": "SECRET"},
    "subject/mails/export_ready": {"number": "NUMBER"},
    "subject/mails/guest_erased": {"stays": 1, "number": "NUMBER"},
    "subject/mails/guest_erased_after_hold": {"asked_at": MOMENT, "number": "NUMBER"},
    "subject/mails/person_erased": {"number": "NUMBER"},
    "subject/mails/restricted_for": {"number": "NUMBER"},
    "subject/mails/second_officer": {"number": "NUMBER"},
    "support/mails/administration_handed": {},
    "support/mails/administration_taken_back": {},
    "support/mails/asked": {**SUPPORT, "reason": "WHY"},
    "support/mails/emergency": {"organisation": "ORG", "reason": "WHY"},
    "support/mails/let_in": SUPPORT,
}
# Their values are put together in several steps; each has a test that sends it.
NOT_LITERAL = {
    "notices/mails/announcement.de",
    "notices/mails/announcement.en",
    "requests/mails/assigned",
    "requests/mails/due",
    "requests/mails/overdue",
    "subject/mails/second_officer",
    "support/mails/asked",
    "support/mails/let_in",
}


class Use(NamedTuple):
    """Where a template's name stands. values: the names that are given there; None where they are no literal."""

    area: str
    template: str
    values: set[str] | None


@functools.cache
def nodes() -> list[tuple[Path, ast.AST]]:
    """Every node of the whole source, with its file."""
    return nodes_in(sorted(SOURCE.rglob("*.py")))


def is_name(node: ast.AST) -> bool:
    """Whether it is the name of a mail template."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value) is not None


@functools.cache
def uses() -> list[Use]:
    """Every place in the source where the name of a mail template stands."""
    given: dict[int, set[str] | None] = {}
    for _, node in nodes():
        if isinstance(node, ast.Call):
            for argument, following in zip(node.args, node.args[1:], strict=False):
                if is_name(argument):
                    given[id(argument)] = keys_of(following, is_request=ast.unparse(node.func).endswith("write"))
    return [
        Use(file.relative_to(SOURCE).parts[0], node.value, given.get(id(node)))
        for file, node in nodes()
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_name(node)
    ]


def keys_of(node: ast.expr, *, is_request: bool) -> set[str] | None:
    """The keys of a literal; with `number`, which `requests.write` adds."""
    if not isinstance(node, ast.Dict) or not all(isinstance(key, ast.Constant) for key in node.keys):
        return None
    return {str(key.value) for key in node.keys if isinstance(key, ast.Constant)} | (
        {"number"} if is_request else set()
    )


def test_each_template_is_used_at_one_place_of_its_own_area() -> None:
    names = [f"{file.parts[-3]}/mails/{file.stem}" for file in FILES]
    assert len(names) > 30
    assert {file.suffix for file in FILES} == {".txt"}
    assert all(file.parts[-5] == file.parts[-3] for file in FILES), "a folder inside templates is named for its area"
    assert sorted(use.template for use in uses()) == names
    assert [use for use in uses() if use.area != use.template.partition("/")[0]] == []


def test_each_place_gives_the_values_that_its_template_is_tried_with_below() -> None:
    assert {use.template for use in uses() if use.values is None} == NOT_LITERAL
    different = {
        use.template: use.values
        for use in uses()
        if use.values is not None and use.values != set(SAMPLES[use.template])
    }
    assert different == {}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}-{file.stem}")
def test_a_template_is_whole_and_shows_every_value(file: Path) -> None:
    source, name = file.read_text(), f"{file.parts[-3]}/mails/{file.stem}"
    assert max(map(len, source.splitlines())) <= MAX_COLUMNS
    assert source.endswith("\n") and not source.endswith("\n\n")
    assert template_parts(source)
    rendered = rendering.render(name, SAMPLES[name])
    assert rendered.subject and "\n" not in rendered.subject
    assert rendered.body.strip() and rendered.body.endswith("\n")
    assert not re.search(r"[{}%]|\n\n\n|  | \n|None", rendered.body), rendered.body
    for key in SAMPLES[name]:
        others = {other: value for other, value in SAMPLES[name].items() if other != key}
        if key == "lead_days":  # An announcement tells it only where the day is not set yet.
            others["in_force_at"] = ""
        with pytest.raises(rendering.TemplateError):
            rendering.render(name, others)


FOR_PROGRAMS = {"security.txt"}  # RFC 9116 says how it writes a day


def test_no_template_writes_a_day_as_programs_do() -> None:
    """Mails by `|day`, pages by `time_of` or `|day`; `date:"c"` stands in attributes only."""
    wrong = [
        file.relative_to(SOURCE).as_posix()
        for suffix in ("*.html", "*.txt")
        for file in SOURCE.rglob(suffix)
        if file.name not in FOR_PROGRAMS and re.search(r"""\|date:['"][^'"]*Y-""", file.read_text())
    ]
    assert wrong == []


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_mail_writes_days_out(name: str) -> None:
    """No form of programs, and no kind of a request or law by its key."""
    rendered = rendering.render(name, SAMPLES[name])
    assert not re.search(r"\d{4}-\d\d-\d\d", rendered.subject + rendered.body)
    assert "second factor" not in (rendered.subject + rendered.body).lower(), "pages call it two-step verification"


def test_no_subject_of_a_mail_stands_in_the_code() -> None:
    """Only the area mail makes a draft of a subject and a body; whoever queues a mail names a template, or has a draft."""
    wrong = []
    for file, node in nodes():
        if file.parent == SOURCE / "mail" or not isinstance(node, ast.Call):
            continue
        function = ast.unparse(node.func)
        texts = [text for text in [*node.args, *(keyword.value for keyword in node.keywords)] if is_text(text)]
        if function == "mail.Draft" or (function.startswith(("mail.queue", "mail.draft", "requests.write")) and texts):
            wrong.append(f"{file.relative_to(SOURCE)}:{node.lineno}")
    assert wrong == []


def is_text(node: ast.expr) -> bool:
    """Whether an expression is a text for people: put together, or with a space in it."""
    is_put_together = isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod)
    )
    return is_put_together or (isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value)


def made(source: str, **values: Any) -> rendering.Rendered:
    """What a template of the test's own becomes."""
    compiled = rendering._compiled("test", source)
    return rendering.Rendered(*(rendering._rendered("test", part, values) for part in compiled))


HOSTILE = [
    "{{ secret }}",
    "{% if 1 %}x{% endif %}",
    "{# a #}",
    "{{ secret|safe }}",
    "<b>&\"'</b>",
    "{%",
    "a\n\nSubject: b",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_stays_what_it_is(value: str) -> None:
    rendered = made("Subject: About {{ name }}\n\nDear {{ name }},\n", name=value, secret="SECRET")
    assert rendered == (f"About {value}", f"Dear {value},\n")


def test_nothing_of_a_subject_moves_into_the_body() -> None:
    from glasshouse.mail.rules import subject_line

    rendered = made("Subject: About {{ name }}\n\nA body.\n", name="x\r\nBcc: a@x.example\n\nAnother body.")
    assert rendered.body == "A body.\n"
    assert subject_line(rendered.subject) == "About x Bcc: a@x.example Another body."


HOLES = [
    "{{ name }}",
    "{{ name|upper }}",
    "{{ name|default:'x' }}",
    "{% if name %}x{% endif %}y",
    "{% if known or name %}x{% endif %}y",
    "{% if name == 'x' %}x{% endif %}y",
    "{% for one in name %}x{% endfor %}y",
    "{% for row in rows %}{{ row.name }}{% endfor %}",
    "{{ rows.name }}",
    "{{ known|add:name }}",
    "{{ known|add:rows.name }}",
]


@pytest.mark.parametrize("hole", HOLES)
def test_a_template_without_a_value_is_no_mail(hole: str) -> None:
    with pytest.raises(rendering.TemplateError):
        made(f"Subject: s\n\n{hole}\n", known="", rows=[{"field": "x"}])
    with pytest.raises(rendering.TemplateError):
        made(f"Subject: {hole}\n\nb\n", known="", rows=[{"field": "x"}])


def test_nothing_is_no_value() -> None:
    with pytest.raises(rendering.TemplateError, match="secret"):
        rendering.render("accounts/mails/reset", {"secret": None})  # type: ignore[dict-item]


def test_a_time_is_shown_as_it_is_whatever_zone_and_language_a_request_has() -> None:
    from django.utils import timezone, translation

    with timezone.override("Asia/Tokyo"), translation.override("de"):
        rendered = made(
            "Subject: s\n\n{{ at|date:'Y-m-d H:i' }} {{ day|date:'Y-m-d' }} {{ n }}\n",
            at=MOMENT,
            day=date(2026, 3, 9),
            n=1234,
        )
    assert rendered.body == "2026-03-09 07:05 2026-03-09 1234\n"


@pytest.mark.parametrize(
    "source",
    [
        "",
        "Subject: a",
        "Subject: a\n",
        "Subject: a\n\n",
        "Subject: a\nb\n",
        "Subject: \n\nb",
        "a\n\nb",
        "subject: a\n\nb",
    ],
)
def test_what_is_no_mail_template_is_refused(source: str) -> None:
    with pytest.raises(rendering.TemplateError):
        made(source)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a\nb\n", "a b\n"),
        ("a\n\nb\n", "a\n\nb\n"),
        ("a\\\nb\n", "a\nb\n"),
        ("a\n{% if x %}\nb\n{% endif %}\nc\n", "a\n{% if x %}b\n{% endif %}c\n"),
        ("{% for x in y %}\n- {{ x }}\n{% endfor %}\n\nc", "{% for x in y %}- {{ x }}\n{% endfor %}\nc"),
        ('{% translate "a" %}\n\nb\n', '{% translate "a" %}\n\nb\n'),
        ("a {% if x %}b{% endif %}\nc\n", "a {% if x %}b{% endif %} c\n"),
        ("{% if x %}b{% endif %}\nc\n", "{% if x %}b{% endif %} c\n"),
    ],
)
def test_lines_of_a_template_join_to_paragraphs(source: str, text: str) -> None:
    assert unfolded(source) == text
