from django.apps import AppConfig


class SupportConfig(AppConfig):
    """Tells access what support may do, and where it is recorded what support saw."""

    name = "glasshouse.support"
    label = "support"

    def ready(self) -> None:
        """Register with access."""
        from glasshouse.access import api as access
        from glasshouse.kernel.actor import ActorKind
        from glasshouse.support import api

        access.register(ActorKind.STAFF, api.rights_of_staff, api.record_seen)
