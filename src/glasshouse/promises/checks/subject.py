"""Checks of a data subject's rights and of what people are asked for: PRI-05, PRI-21, PRI-22, PRI-24."""

from glasshouse.access.pages import Audience
from glasshouse.accounts import api as accounts
from glasshouse.accounts.rules import Visit
from glasshouse.promises import asked_fields, probe
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.registry import check


@check("PRI-05")
def requested_fields() -> Finding:
    """On the live pages that ask a person for data, each field is in the data map, and each required one is needed."""
    wrong, field_count, page_count = [], 0, 0
    with probe.customers(1) as (customer,):
        session = accounts.sign_in(customer.address, customer.password, Visit(f"probe-{customer.address}"))
        anonymous, signed_in = probe.door(), probe.door(session=session.secret)
        for page in asked_fields.shown_pages():
            path = "/" + page.path.replace("<slug:organisation>", customer.organisation)
            answer = (anonymous if page.audience is Audience.PUBLIC else signed_in).get(path)
            fields = asked_fields.fields_of(answer.text) if answer.status_code == 200 else []
            if answer.status_code >= 500:
                wrong.append(f"{path} answers {answer.status_code}")
            field_count, page_count = field_count + len(fields), page_count + bool(fields)
            wrong += asked_fields.flaws(path, answer.text) if fields else []
    if not field_count:
        wrong.append("no page asks for anything any more")
    figure = f"{field_count} fields on {page_count} pages: each in the data map, each required one with its need"
    return judge(not wrong, "; ".join(wrong[:3]) or figure)
