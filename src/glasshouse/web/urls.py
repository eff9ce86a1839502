"""Every address of the web door, made from what the pages declare (`access/pages.py`)."""

from importlib import import_module
from pkgutil import walk_packages

from django.urls import path

from glasshouse.access import pages
from glasshouse.web import converters
from glasshouse.web import pages as web_pages
from glasshouse.web.guard import Guarded
from glasshouse.web.people_api import api

handler400 = "glasshouse.web.failures.bad_request"
handler403 = "glasshouse.web.failures.forbidden"
handler404 = "glasshouse.web.failures.not_found"
handler500 = "glasshouse.web.failures.server_error"
for module in walk_packages(web_pages.__path__, f"{web_pages.__name__}."):
    import_module(module.name)
converters.register()
urlpatterns = [
    *(path(address, Guarded(views), name=name) for address, name, views in pages.routes()),
    path("api/v1/", api.urls),
]
