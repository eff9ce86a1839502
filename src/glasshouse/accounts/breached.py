"""Refuses passwords that are known from breaches, and those that are made of them in the ways that guessers try first.

The list is Django's, of 20,000 passwords that were published after breaches; most are shorter than any that we take. So what
people make of them to reach the length is refused, too: digits or signs around one, a piece again and again, two in a row.
Source: NIST SP 800-63B, 5.1.1.2; Weir et al., "Password Cracking Using Probabilistic Context-Free Grammars", 2009.
"""

import unicodedata
from functools import cached_property

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

LEAST_PIECE = 4  # characters of each of two pieces in a row
SHORT_PIECE = 5  # characters; such a piece, repeated, is guessed whatever it is
TEXT = "This password is known from breaches, or made of such ones, and is guessed first. Write three or four words instead."


class BreachedPasswords:
    """A validator as Django calls it."""

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(CommonPasswordValidator().passwords)

    def validate(self, password: str, user: object = None) -> None:
        """Nothing, if no list and no simple change of a listed one leads to it. Raises ValidationError."""
        word = unicodedata.normalize("NFKC", password).casefold()
        core = word.strip("".join({letter for letter in word if not letter.isalpha()}))
        if any(self._is_known(form) for form in (word, core)):
            raise ValidationError(TEXT, code="password_breached")

    def get_help_text(self) -> str:
        """What a form says beside the field."""
        return "Passwords known from breaches are refused."

    def _is_known(self, word: str) -> bool:
        if word in self._known:
            return True
        piece = word[: (word + word).find(word, 1)]
        if len(piece) < len(word) and (len(piece) <= SHORT_PIECE or piece in self._known):
            return True
        splits = range(LEAST_PIECE, len(word) - LEAST_PIECE + 1)
        return any(word[:at] in self._known and word[at:] in self._known for at in splits)
