"""The area as Django knows it."""

from django.apps import AppConfig


class RequestsConfig(AppConfig):
    """Its tables, and those of `subject`, `authorities` and `privacy_office`, keep the label that they were made under."""

    name = "glasshouse.requests"
    label = "rights"
