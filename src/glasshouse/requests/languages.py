"""Pure: in which language we write to a person about a request.

A page knows what its reader asked for. Of a mail it is guessed from the commonest words, and English where they decide nothing.
"""

import re

LANGUAGES = ("en", "de")
FIRST_CHARACTERS = 4_000
WORD = re.compile(r"[^\W\d_]+")
GERMAN = """ich sie mir mich mein meine meiner meinen meinem und der das ist nicht bitte haben sind wird werden möchte
    moechte von mit für fuer über ueber auf zu zur zum eine einen einer ein auch dass welche wie ihr ihre ihnen uns sehr geehrte
    daten auskunft löschen loeschen löschung loeschung hallo grüße gruesse danke frage"""
ENGLISH = """i you my me your the and is are not please have has what of with for about it to do does any would this that we
    hello dear regards thanks delete data want can from"""
# Words that are in most texts of one language, and in few of the other.
COMMON = {"de": frozenset(GERMAN.split()), "en": frozenset(ENGLISH.split())}


def language_of(text: str) -> str:
    """The language of a text, as far as its commonest words tell: one of LANGUAGES. In time that is bounded."""
    folded = [word.casefold() for word in WORD.findall(text[:FIRST_CHARACTERS])]
    counts = {language: sum(word in common for word in folded) for language, common in COMMON.items()}
    return "de" if counts["de"] > counts["en"] else "en"
