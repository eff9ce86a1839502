"""Pages are made of components, and of nothing else; each component stands in the style guide."""

import re
import tomllib
from pathlib import Path

import pytest

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from django.template import Context, Template
from django.template.base import Template as Compiled

from glasshouse.web import static_assets
from glasshouse.web.templatetags import components, icons

WEB = Path(static_assets.__file__).parent
TEMPLATES = sorted([*(WEB / "pages").rglob("*.html"), *(WEB / "templates").rglob("*.html")])
GUIDE = (WEB / "pages" / "public" / "styleguide.html").read_text()
# Names of classes that pages had before there were components, and controls without any class.
EARLIER_CLASSES = {
    "quiet",
    "plain",
    "button",
    "choice",
    "columns",
    "tiles",
    "problem",
    "good",
    "badge",
    "tags",
    "when",
    "state",
}
FOR_SCRIPTS = {"reason", "sign", "what"}  # Classes by which scripts find an element, without a style.
# A value of a class attribute may hold tags of the template, with quotes of their own.
CLASSES = re.compile(r'class="((?:[^"{]|{%.*?%}|{{.*?}})*)"', re.DOTALL)
TEMPLATE_TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
BARE = re.compile(
    r"<(?:button|select|textarea)(?![^>]*\bclass=)[^>]*>"
    r"|<input(?![^>]*(?:\bclass=|type=\"(?:hidden|checkbox|radio)\"))[^>]*>"
)


def has_other_markup(source: str) -> bool:
    """Whether a template has markup that no component made."""
    classes = {name for value in CLASSES.findall(source) for name in TEMPLATE_TAG.sub(" ", value).split()}
    return bool(classes & EARLIER_CLASSES) or bool(BARE.search(source))


def test_pages_are_made_of_components() -> None:
    pages = [path for path in TEMPLATES if path.parent.name not in ("shell", "parts")]
    assert [path.relative_to(WEB).as_posix() for path in pages if has_other_markup(path.read_text())] == []


def test_other_markup_is_seen() -> None:
    assert not has_other_markup('<input class="in" name="x"><button class="btn">x</button><input type="hidden">')
    assert not has_other_markup('<td class="v{% if state == "bad" %} hot{% endif %}">')
    assert has_other_markup('<td class="v{% if state == "bad" %} quiet{% endif %}">')
    for flaw in (
        '<p class="hint quiet">',
        "<button>x</button>",
        '<input name="x">',
        "<select>",
        '<b class="state ok">',
    ):
        assert has_other_markup(flaw), flaw


def test_each_component_stands_in_the_style_guide() -> None:
    tags = set(components.register.tags) - {"end" + name for name in components.register.tags}
    used = set(re.findall(r"{% (\w+)", GUIDE))
    assert tags - used == set()
    assert len(tags) > 20


def test_the_formatter_knows_each_component_with_content() -> None:
    """Else it would indent the content of one as if it stood beside it."""
    configured = tomllib.loads((WEB.parents[2] / "pyproject.toml").read_text())["tool"]["djangofmt"]["custom-blocks"]
    source = Path(components.__file__).read_text()
    assert sorted(configured) == sorted(re.findall(r"@register\.simple_block_tag[^\n]*\ndef (\w+)", source))


def test_each_component_has_a_template_of_its_own_and_each_template_a_component() -> None:
    source = Path(components.__file__).read_text()
    parts = {path.stem for path in (WEB / "templates" / "parts").iterdir()}
    assert parts == set(re.findall(r'_part\(\s*"(\w+)"', source))


def test_every_class_of_a_component_is_in_the_style_sheet() -> None:
    sheet = static_assets.sheet().decode()
    for path in (WEB / "templates" / "parts").iterdir():
        markup = re.sub(r"{%.*?%}|{{.*?}}", " ", path.read_text(), flags=re.DOTALL)
        for value in re.findall(r'class="([^"]*)"', markup):
            for name in value.split():
                assert re.search(rf"\.{re.escape(name)}\b", sheet), (path.name, name)


def test_the_style_sheet_has_the_classes_of_the_pages_and_no_others() -> None:
    """A class that no template, script or module of web names is left over; one without a style was forgotten, or renamed."""
    styles = re.sub(r"/\*.*?\*/|url\([^)]*\)", "", static_assets.sheet().decode(), flags=re.DOTALL)
    classes = set(re.findall(r"\.([A-Za-z][\w-]*)", styles))
    sources = [*TEMPLATES, *(WEB / "static").glob("*.js"), *WEB.rglob("*.py")]
    words = {word for path in sources for word in re.findall(r"[\w-]+", path.read_text())}
    assert classes - words == set()
    named = set()
    for path in TEMPLATES:
        for value in CLASSES.findall(path.read_text()):
            named |= set(TEMPLATE_TAG.sub(" ", value).split())
    assert named - classes == FOR_SCRIPTS


def test_no_template_has_a_style_of_its_own() -> None:
    assert [path.name for path in TEMPLATES if re.search(r"<style|\sstyle=", path.read_text())] == []


def rendered(source: str, **context: object) -> str:
    template: Compiled = Template("{% load components icons %}" + source)
    return template.render(Context(context))


def test_a_field_names_its_control_its_hint_and_its_error() -> None:
    source = (
        '{% field "a" "Label" hint="Hint" %}<input type="hidden" name="h"><input class="in" name="a">{% endfield %}'
    )
    plain = rendered(source)
    assert '<label for="field-a">Label' in plain
    assert '<input id="field-a" aria-describedby="field-a-hint" class="in" name="a">' in plain
    assert "aria-invalid" not in plain
    wrong = rendered(source, error="Too <short>", field="a")
    assert '<input id="field-a" aria-describedby="field-a-error field-a-hint" aria-invalid="true" class="in"' in wrong
    assert "Too &lt;short&gt;" in wrong
    assert "aria-invalid" not in rendered(source, error="Too short", field="b")
    summary = rendered("{% error_summary %}", error="Too <short>", field="a")
    assert '<a href="#field-a">Too &lt;short&gt;</a>' in summary
    assert rendered("{% error_summary %}").strip() == ""


def test_an_attribute_of_a_button_is_one() -> None:
    assert '<button class="btn p " type="button" data-x="1">' in rendered(
        '{% button "x" kind="primary" type="button" data_x=1 %}'
    )


@pytest.mark.parametrize(
    "source",
    [
        "{% chip 'ok' x %}",
        "{% card x %}{{ x }}{% endcard %}",
        "{% page_head x x x x %}{{ x }}{% endpage_head %}",
        "{% button x busy=x title=x %}{% link_button x x %}{% stat x x x %}{% copy_field x x %}{% progress 1 2 x %}",
        "{% field x x x x %}{{ x }}{% endfield %}{% dialog x x %}{{ x }}{% enddialog %}{% banner %}{{ x }}{% endbanner %}",
    ],
)
def test_what_a_component_is_given_is_escaped(source: str) -> None:
    shown = rendered(source, x='"><script>')
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_every_icon_that_a_template_names_is_there() -> None:
    for path in TEMPLATES:
        for name in re.findall(r'{% icon "([\w-]+)"|\bicon="([\w-]+)"', path.read_text()):
            assert "".join(name) in icons.PATHS, (path.name, name)


def test_every_page_of_the_menu_has_an_icon() -> None:
    from glasshouse.access import pages
    from glasshouse.web import urls

    assert urls.urlpatterns
    assert {page.icon for page in pages.pages() if page.menu} <= set(icons.PATHS) - {"dot"}
