from django.apps import AppConfig


class DisclosuresConfig(AppConfig):
    """Keeps the gate through which personal data leaves."""

    name = "glasshouse.disclosures"
    label = "disclosures"

    def ready(self) -> None:
        """Keep the gate."""
        from glasshouse.disclosures import api
        from glasshouse.kernel import gate

        gate.keep(api.let_out)
