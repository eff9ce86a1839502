"""What every error of the people plane descends from. A message says what, where and what to do."""

from crop_contract.stacks import stack_of
from glasshouse.kernel.text import filled

__all__ = ["stack_of"]


class GlasshouseError(Exception):
    """Base of all errors of the people plane; its text may be shown to the user."""

    status = 400


class NotFoundError(GlasshouseError):
    """No such object, or it belongs to somebody else: the two cannot be told apart."""

    status = 404

    def __init__(self, message: str = "There is nothing here, or it is not yours to see.") -> None:
        super().__init__(message)


class ForbiddenError(GlasshouseError):
    """The actor lacks a permission."""

    status = 403


class ReauthenticationError(ForbiddenError):
    """The act is sensitive and needs a fresh proof of identity."""

    def __init__(self) -> None:
        super().__init__("Please prove once more that it is you, then do it again.")


class SecondFactorNeededError(ForbiddenError):
    """Two-step verification is required, by the organisation or of staff, and the account has none."""

    def __init__(self) -> None:
        super().__init__("Two-step verification is required here. Set it up in your account, then come back.")


class InvalidError(GlasshouseError):
    """A value from outside cannot be used. `field` names where.

    values: what stands at the marks of the message, "%(least)s": a rule that knows nothing of languages gives the two apart, so
    that a page finds the message in its catalogue.
    """

    def __init__(self, message: str, *, field: str = "", values: dict[str, object] | None = None) -> None:
        super().__init__(filled(message, values) if values else message)
        self.field = field
        self.message, self.values = message, values


class ThrottledError(GlasshouseError):
    """Too many tries; `retry_after_s` says when the next one may come."""

    status = 429

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many tries. Try again in {_in_words(retry_after_s)}.")
        self.retry_after_s = retry_after_s


def _in_words(seconds: int) -> str:
    """A time as people say it, rounded up."""
    for length, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds > length:
            count = -(-seconds // length)
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "a minute"


class OverloadedError(ThrottledError):
    """Too much expensive work is under way; the same is possible in a moment."""

    status = 503

    def __init__(self, message: str = "Many people are signing in at this moment. Try again in a moment.") -> None:
        super().__init__(10)
        self.args = (message,)


class UnavailableError(GlasshouseError):
    """A part of the service does not answer."""

    status = 503
