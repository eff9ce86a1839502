"""Path converters beside Django's own."""

from django.urls import register_converter


class Id:
    """An opaque id of ours."""

    regex = "[0-9a-z]{16}"

    def to_python(self, value: str) -> str:
        """The id as it stands."""
        return value

    def to_url(self, value: str) -> str:
        """The id as it stands."""
        return value


class Key(Id):
    """The key of a form that was sent (SHA-256, hex)."""

    regex = "[0-9a-f]{64}"


class Failure(Id):
    """Where something failed in every try."""

    regex = "mail|job"


def register() -> None:
    """Make them known to `path`."""
    for name, converter in (("id", Id), ("key", Key), ("failure", Failure)):
        register_converter(converter, name)
