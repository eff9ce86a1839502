from django.apps import AppConfig


class MessagesConfig(AppConfig):
    """Rules on each mail that is handed over."""

    name = "glasshouse.messages"
    label = "messages"

    def ready(self) -> None:
        """Have mail ask for a ruling."""
        from glasshouse.mail import ruling
        from glasshouse.messages import api

        ruling.rule_by(api.rule)
