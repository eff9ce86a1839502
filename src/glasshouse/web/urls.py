"""Every address of the web door, made from what the pages declare (`access/pages.py`)."""

from importlib import import_module

from django.urls import path

from glasshouse.access import pages
from glasshouse.web import converters
from glasshouse.web.guard import Guarded
from glasshouse.web.people_api import api

handler400 = "glasshouse.web.failures.bad_request"
handler403 = "glasshouse.web.failures.forbidden"
handler404 = "glasshouse.web.failures.not_found"
handler500 = "glasshouse.web.failures.server_error"
MODULES = (
    "access_views",
    "disclosure_views",
    "drp_views",
    "greenhouse_views",
    "health",
    "import_views",
    "notices_views",
    "office_views",
    "once",
    "request_views",
    "rights_views",
    "security_views",
    "source_views",
    "static_files",
    "support_views",
    "trust_views",
    "views",
)
for module in MODULES:
    import_module(f"glasshouse.web.{module}")
converters.register()
urlpatterns = [
    *(path(address, Guarded(some), name=name) for address, name, some in pages.routes()),
    path("api/v1/", api.urls),
]
