"""Catalogues of translated texts: what the source marks, what a catalogue says of it, the form that runs. Decision record 35.

A catalogue is `locale/LANGUAGE/LC_MESSAGES/django.po`, which people edit; `./glasshouse texts` makes `django.mo` of it.
Pure but for `marked`, which reads the source. Source: the GNU gettext manual, "PO Files" and "MO Files".
"""

import ast
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from django.utils.translation.template import templatize

SOURCE = Path(__file__).resolve().parents[1]
LOCALE = SOURCE / "locale"
CALL = re.compile(r"(?<![\w.])(gettext|ngettext|pgettext|npgettext|_)\(")
LITERAL = re.compile(r"""\s*u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*,?""", re.DOTALL)
IN_PYTHON = {"gettext", "gettext_lazy", "gettext_noop", "ngettext", "pgettext", "pgettext_lazy"}
# Where a catalogue notes where a text stands, and the marks of a name in it.
PLACE, FUZZY = "#: ", "#, fuzzy"
VALUE = re.compile(r"%\((\w+)\)s")
HEADERS = {
    "de": "Language: de\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n"
    "Plural-Forms: nplurals=2; plural=(n != 1);\n"
}


class Key(NamedTuple):
    """What a text is found by. context: of texts that are the same in English, and not elsewhere; "" for none."""

    text: str
    context: str = ""


@dataclass(slots=True)
class Entry:
    """A text of the source. plural: its second form, "" for none. places: files. translations: one, or one a plural form."""

    key: Key
    plural: str = ""
    places: set[str] = field(default_factory=set)
    translations: list[str] = field(default_factory=list)

    @property
    def is_translated(self) -> bool:
        """Whether each form has a translation."""
        return bool(self.translations) and all(self.translations)


Catalogue = dict[Key, Entry]


# -- what is marked ------------------------------------------------------------------------------------------------


def marked() -> Catalogue:
    """Every text that the source marks for translation, in templates and in Python; the titles of the menu are marked by that."""
    catalogue: Catalogue = {}
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix in (".html", ".txt"):
            _collect(catalogue, path, of_template(path.read_text()))
        elif path.suffix == ".py":
            _collect(catalogue, path, of_python(path.read_text()))
    return catalogue


def _collect(catalogue: Catalogue, path: Path, entries: Iterable[Entry]) -> None:
    for entry in entries:
        known = catalogue.setdefault(entry.key, Entry(entry.key, entry.plural))
        known.plural = known.plural or entry.plural
        known.places.add(path.relative_to(SOURCE).as_posix())


def of_template(source: str) -> Iterator[Entry]:
    """The marked texts of a template."""
    if "translate" not in source and "_(" not in source:
        return
    code = str(templatize(source))
    for call in CALL.finditer(code):
        literals, at = [], call.end()
        while literal := LITERAL.match(code, at):
            literals.append(str(ast.literal_eval(literal[1])))
            at = literal.end()
        if literals:
            yield _entry(call[1], literals)


def of_python(source: str) -> Iterator[Entry]:
    """The marked texts of a module, and the titles that its pages have in the menu."""
    if "gettext" not in source and "menu=" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        literals = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        texts = [text for text in literals if isinstance(text, str)]
        if name in IN_PYTHON and texts:
            yield _entry(name.removesuffix("_lazy").removesuffix("_noop"), texts)
        for keyword in node.keywords if name == "page" else ():
            if keyword.arg == "menu" and isinstance(keyword.value, ast.Constant) and keyword.value.value:
                yield Entry(Key(str(keyword.value.value)))


def _entry(function: str, literals: list[str]) -> Entry:
    context = literals.pop(0) if function in ("pgettext", "npgettext") else ""
    plural = literals[1] if function in ("ngettext", "npgettext") and len(literals) > 1 else ""
    return Entry(Key(literals[0], context), plural)


# -- the form that people edit -------------------------------------------------------------------------------------


def read(text: str) -> Catalogue:
    """A catalogue's entries, without its header. Raises ValueError where a line has no form that is known."""
    catalogue: Catalogue = {}
    for block in re.split(r"\n\s*\n", text.strip()):
        strings: dict[str, str] = {}
        places: set[str] = set()
        name = ""
        for line in block.splitlines():
            if line.startswith(PLACE):
                places |= set(line.removeprefix(PLACE).split())
            elif line.startswith(FUZZY):
                raise ValueError(f"A translation is unsure: {block[:80]}")
            elif not line.startswith("#"):
                match = re.fullmatch(r'(?:(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) )?("(?:[^"\\]|\\.)*")', line)
                if match is None:
                    raise ValueError(f"This is no line of a catalogue: {line[:80]}")
                name = match[1] or name
                strings[name] = strings.get(name, "") + str(ast.literal_eval(match[2]))
        key = Key(strings.get("msgid", ""), strings.get("msgctxt", ""))
        if key.text:
            translations = [value for name, value in sorted(strings.items()) if name.startswith("msgstr")]
            catalogue[key] = Entry(key, strings.get("msgid_plural", ""), places, translations)
    return catalogue


def merged(texts: Catalogue, before: Catalogue) -> Catalogue:
    """The marked texts with the translations that a catalogue has of them; what is marked no more goes."""
    catalogue: Catalogue = {}
    for key, entry in texts.items():
        known = before.get(key)
        is_same = known is not None and bool(known.plural) is bool(entry.plural)
        empty = ["", ""] if entry.plural else [""]
        catalogue[key] = Entry(
            key, entry.plural, entry.places, list(known.translations) if known and is_same else empty
        )
    return catalogue


def written(catalogue: Catalogue, language: str) -> str:
    """A catalogue as text, ordered by where its texts stand. language: a key of HEADERS."""
    blocks = [f'msgid ""\nmsgstr ""\n{_lines(HEADERS[language])}']
    for entry in sorted(catalogue.values(), key=lambda entry: (min(entry.places), entry.key)):
        lines = [PLACE + place for place in sorted(entry.places)]
        lines += [f"msgctxt {_quoted(entry.key.context)}"] if entry.key.context else []
        lines.append(f"msgid {_quoted(entry.key.text)}")
        if entry.plural:
            lines.append(f"msgid_plural {_quoted(entry.plural)}")
            lines += [f"msgstr[{number}] {_quoted(text)}" for number, text in enumerate(entry.translations)]
        else:
            lines.append(f"msgstr {_quoted(entry.translations[0])}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _lines(text: str) -> str:
    return "\n".join(_quoted(line) for line in text.splitlines(keepends=True))


def flaws(catalogue: Catalogue) -> list[str]:
    """What is wrong with translations: missing, or with other values in them than the text."""
    wrong = []
    for entry in catalogue.values():
        names = set(VALUE.findall(entry.key.text + entry.plural))
        if not entry.is_translated:
            wrong.append(f"not translated: {entry.key.text}")
        elif set(VALUE.findall("".join(entry.translations))) != names:
            wrong.append(f"other values than the text: {entry.key.text}")
    return wrong


# -- the form that runs --------------------------------------------------------------------------------------------


def compiled(catalogue: Catalogue, language: str) -> bytes:
    """A catalogue in the binary form that is read at run time; texts without a translation are left out."""
    pairs = {b"": HEADERS[language].encode()}
    for entry in catalogue.values():
        if entry.is_translated:
            name = f"{entry.key.context}\x04{entry.key.text}" if entry.key.context else entry.key.text
            name = f"{name}\0{entry.plural}" if entry.plural else name
            pairs[name.encode()] = "\0".join(entry.translations).encode()
    names = sorted(pairs)
    strings, places = b"", []
    for texts in (names, [pairs[name] for name in names]):
        for text in texts:
            places.append((len(text), len(strings)))
            strings += text + b"\0"
    begin = 28 + 16 * len(names)
    head = struct.pack("<7I", 0x950412DE, 0, len(names), 28, 28 + 8 * len(names), 0, 0)
    return head + b"".join(struct.pack("<2I", length, begin + at) for length, at in places) + strings


def place_of(language: str) -> Path:
    """The folder of a language's catalogue."""
    return LOCALE / language / "LC_MESSAGES"


def write(language: str) -> list[str]:
    """Bring a language's catalogue up to date with the source, and compile it; returns its flaws."""
    file = place_of(language) / "django.po"
    before = read(file.read_text()) if file.exists() else {}
    catalogue = merged(marked(), before)
    file.write_text(written(catalogue, language))
    file.with_suffix(".mo").write_bytes(compiled(catalogue, language))
    return flaws(catalogue)
