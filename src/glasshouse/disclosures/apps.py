from django.apps import AppConfig


class DisclosuresConfig(AppConfig):
    """Gives the kernel's gate its decision on what personal data may leave."""

    name = "glasshouse.disclosures"
    label = "disclosures"

    def ready(self) -> None:
        """Have the gate ask the register of recipients."""
        from glasshouse.disclosures import api
        from glasshouse.kernel import gate

        gate.keep(api.allow_egress)
