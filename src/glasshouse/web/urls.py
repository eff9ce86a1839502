"""Every address of the web door."""

from django.urls import path, re_path

from glasshouse.web import access_views as access
from glasshouse.web import disclosure_views as disclosures
from glasshouse.web import drp_views as drp
from glasshouse.web import greenhouse_views as greenhouse
from glasshouse.web import import_views as imports
from glasshouse.web import notices_views as notices
from glasshouse.web import office_views as office
from glasshouse.web import once, views
from glasshouse.web import request_views as requests
from glasshouse.web import rights_views as rights
from glasshouse.web import security_views as security
from glasshouse.web import source_views as sources
from glasshouse.web import support_views as support
from glasshouse.web import trust_views as trust
from glasshouse.web.health import health
from glasshouse.web.people_api import api
from glasshouse.web.static_files import static_file

ID = "[0-9a-z]{16}"
handler400 = "glasshouse.web.failures.bad_request"
handler403 = "glasshouse.web.failures.forbidden"
handler404 = "glasshouse.web.failures.not_found"
handler500 = "glasshouse.web.failures.server_error"

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
    re_path("^sent/(?P<key>[0-9a-f]{64})$", once.form_sent, name="form_sent"),
    path("accept", notices.accept, name="accept"),
    path("accept/no", notices.refuse, name="refuse"),
    path("documents", notices.documents, name="documents"),
    path("documents/<slug:document>", notices.document, name="document"),
    path("documents/<slug:document>/compare", notices.compare, name="compare"),
    path("staff/documents", notices.staff_documents, name="staff_documents"),
    path("privacy", requests.ask, name="privacy_ask"),
    path("privacy/prove/<slug:secret>", requests.prove, name="prove_request"),
    path("privacy/prove/<slug:secret>/again", requests.renew_link, name="renew_link"),
    path("privacy/own/<slug:secret>", requests.stranger, name="stranger"),
    path("privacy/own/<slug:secret>/confirmed", requests.confirmed, name="confirmed_request"),
    path("privacy/own/<slug:secret>/pass-on", requests.pass_on, name="pass_on"),
    path("v1/agent/<slug:agent>", drp.agent, name="drp_agent"),
    path("v1/data-rights-request", drp.exercise, name="drp_exercise"),
    path("v1/data-rights-request/", drp.exercise, name="drp_exercise_slash"),
    path("v1/data-rights-request/<slug:number>", drp.one, name="drp_request"),
    path("staff/office", office.office, name="office"),
    path("staff/set-aside", office.set_aside, name="set_aside"),
    re_path(
        rf"^staff/set-aside/(?P<source>mail|job)/(?P<number>{ID})/retry$",
        office.retry_set_aside,
        name="retry_set_aside",
    ),
    re_path(
        rf"^staff/set-aside/(?P<source>mail|job)/(?P<number>{ID})/leave$",
        office.leave_set_aside,
        name="leave_set_aside",
    ),
    path("staff/requests", requests.worklist, name="worklist"),
    path("staff/recipients", disclosures.recipients, name="recipients"),
    path("staff/sources", sources.sources, name="sources"),
    path("v1/contacts", sources.hand_in, name="hand_in"),
    path("sources/<slug:secret>", sources.object_source, name="object_source"),
    path("staff/demands", disclosures.staff_demands, name="staff_demands"),
    path("staff/demands/<slug:demand>", disclosures.fetch_demand, name="fetch_demand"),
    path("account/data", rights.my_data, name="my_data"),
    path("account/data/choices", rights.my_choices, name="my_choices"),
    path("account/data/copy", rights.make_copy, name="make_copy"),
    path("account/data/copies", rights.copy_state, name="copy_state"),
    path("erasure/<slug:number>", rights.erasure, name="erasure"),
    path("account/data/copy/<slug:copy>", rights.fetch_copy, name="fetch_copy"),
    path("account/data/erase", rights.erase, name="erase"),
    path("account/security", security.security, name="security"),
    path("account/security/add/<slug:kind>", security.add_step, name="add_step"),
    path("account/security/remove/<slug:step>", security.remove_step, name="remove_step"),
    path("account/security/codes", security.codes, name="codes"),
    path("account/security/codes/<slug:note>", security.recovery_codes, name="recovery_codes"),
    path("account/security/passkey", security.passkey_make, name="passkey_make"),
    path("account/sessions/<slug:session>/end", security.end_session, name="end_session"),
    path("account/browsers/<slug:browser>/forget", security.forget_browser, name="forget_browser"),
    path("second-step", security.do_step, name="do_step"),
    path("second-step/text", security.send_text, name="send_text"),
    path("passkey", security.passkey_use, name="passkey_use"),
    path("prove-again", security.prove_again, name="prove_again"),
    path("stop-reset/<slug:secret>", security.stop_reset, name="stop_reset"),
    path("invitation/<slug:secret>", access.accept, name="invitation"),
    path("staff", support.staff, name="staff"),
    path("staff/<slug:customer>/<slug:grant>/countersign", support.countersign, name="countersign"),
    path("api/v1/", api.urls),
    path("mailbox", views.mailbox, name="mailbox"),
    path("trust", trust.page, name="trust"),
    path("trust.json", trust.promises_json, name="trust_json"),
    path("trust/data", trust.processing, name="processing"),
    path("trust/providers", disclosures.providers, name="providers"),
    path("trust/providers/<slug:secret>", disclosures.unsubscribe, name="unsubscribe_providers"),
    path("trust/demands", disclosures.demands, name="demands"),
    path("trust/roots.json", trust.roots, name="roots"),
    path("o/<slug:organisation>/", greenhouse.overview, name="overview"),
    path("o/<slug:organisation>/chart", greenhouse.chart, name="chart"),
    path("o/<slug:organisation>/readings", greenhouse.readings, name="readings"),
    path("o/<slug:organisation>/sites", greenhouse.sites, name="sites"),
    path("o/<slug:organisation>/sites/<slug:site>/compartments", greenhouse.compartments, name="compartments"),
    path("o/<slug:organisation>/sites/<slug:site>/devices", greenhouse.devices, name="devices"),
    path("o/<slug:organisation>/sites/<slug:site>/limits", greenhouse.limits, name="limits"),
    path("o/<slug:organisation>/devices/<slug:device>/revoke", greenhouse.revoke, name="revoke"),
    path("o/<slug:organisation>/device-key/<slug:note>", greenhouse.device_key, name="device_key"),
    path("o/<slug:organisation>/events", greenhouse.event_list, name="events"),
    path("o/<slug:organisation>/import", imports.upload, name="import"),
    path("o/<slug:organisation>/import/<slug:number>", imports.look, name="look"),
    path("o/<slug:organisation>/import/<slug:number>/report", imports.report, name="report"),
    path("o/<slug:organisation>/import/<slug:number>/stop", imports.stop, name="stop_import"),
    path("o/<slug:organisation>/templates/<slug:template>/remove", imports.remove_template, name="remove_template"),
    path("o/<slug:organisation>/members", access.member_list, name="members"),
    path("o/<slug:organisation>/members/invite", access.invite, name="invite"),
    path("o/<slug:organisation>/members/<slug:account>", access.member, name="member"),
    re_path(
        f"^o/(?P<organisation>{ID})/members/(?P<account>{ID})/(?P<act>change|remove|reset-step|hand-over)$",
        access.change_member,
        name="change_member",
    ),
    re_path(
        f"^o/(?P<organisation>{ID})/invitations/(?P<invitation>{ID})/(?P<act>resend|revoke)$",
        access.invitation,
        name="change_invitation",
    ),
    path("o/<slug:organisation>/roles", access.role_list, name="roles"),
    path("o/<slug:organisation>/roles/<slug:role>/remove", access.remove_role, name="remove_role"),
    path("o/<slug:organisation>/my-access", access.my_access, name="my_access"),
    re_path(
        f"^o/(?P<organisation>{ID})/requests/(?P<number>{ID})/(?P<act>grant|refuse)$",
        access.decide_request,
        name="decide_request",
    ),
    path("o/<slug:organisation>/tokens", access.token_list, name="tokens"),
    path("o/<slug:organisation>/tokens/<slug:token>/revoke", access.revoke_token, name="revoke_token"),
    path("o/<slug:organisation>/settings", access.settings, name="settings"),
    path("o/<slug:organisation>/close", rights.close, name="close"),
    path("o/<slug:organisation>/privacy", requests.passed, name="referrals"),
    path("o/<slug:organisation>/support", support.grants, name="support_access"),
    path("o/<slug:organisation>/support/rules", support.support_rules, name="support_rules"),
    re_path(
        f"^o/(?P<organisation>{ID})/support/(?P<grant>{ID})/(?P<act>approve|refuse|revoke)$",
        support.decide,
        name="decide_grant",
    ),
    path("o/<slug:organisation>/record", support.record, name="record"),
    path("static/<str:name>", static_file, name="static"),
    path("health", health, name="health"),
]
