"""Every address of the web door."""

from django.urls import path

from glasshouse.web import greenhouse_views as greenhouse
from glasshouse.web import import_views as imports
from glasshouse.web import trust_views as trust
from glasshouse.web import views
from glasshouse.web.static_files import static_file

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-up", views.sign_up, name="sign_up"),
    path("prove/<slug:secret>", views.prove, name="prove"),
    path("sign-in", views.sign_in, name="sign_in"),
    path("sign-out", views.sign_out, name="sign_out"),
    path("forgotten", views.forgotten, name="forgotten"),
    path("reset/<slug:secret>", views.reset, name="reset"),
    path("change/<slug:secret>", views.change, name="change"),
    path("account", views.account, name="account"),
    path("mailbox", views.mailbox, name="mailbox"),
    path("trust", trust.page, name="trust"),
    path("trust.json", trust.promises_json, name="trust_json"),
    path("trust/roots.json", trust.roots, name="roots"),
    path("o/<slug:organisation>/", greenhouse.overview, name="overview"),
    path("o/<slug:organisation>/chart", greenhouse.chart, name="chart"),
    path("o/<slug:organisation>/readings", greenhouse.readings, name="readings"),
    path("o/<slug:organisation>/sites", greenhouse.sites, name="sites"),
    path("o/<slug:organisation>/sites/<slug:site>/compartments", greenhouse.compartments, name="compartments"),
    path("o/<slug:organisation>/sites/<slug:site>/devices", greenhouse.devices, name="devices"),
    path("o/<slug:organisation>/sites/<slug:site>/limits", greenhouse.limits, name="limits"),
    path("o/<slug:organisation>/devices/<slug:device>/revoke", greenhouse.revoke, name="revoke"),
    path("o/<slug:organisation>/events", greenhouse.event_list, name="events"),
    path("o/<slug:organisation>/import", imports.upload, name="import"),
    path("o/<slug:organisation>/import/<slug:number>", imports.look, name="look"),
    path("o/<slug:organisation>/import/<slug:number>/report", imports.report, name="report"),
    path("o/<slug:organisation>/import/<slug:number>/stop", imports.stop, name="stop_import"),
    path("o/<slug:organisation>/templates/<slug:template>/remove", imports.remove_template, name="remove_template"),
    path("static/<str:name>", static_file, name="static"),
]
