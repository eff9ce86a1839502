"""Verbs of documents for other areas: what is in force, what must be accepted, drafting and publishing.

Rules: a published version never changes. A significant one comes into force only when its announcement went out to everybody who
has an account and its lead time has passed since; the database holds that too. What a person accepts is kept with the words
shown. Until the versions in force are accepted, neither a page nor a row of a customer opens (`glasshouse_accepted` in the row
policies). Source: PRI-01, PRI-03; GDPR Art. 7, 12 to 14.
"""

from glasshouse.notices.acceptance import Offer, accept, acceptances, missing, offer, record_acceptance, refuse
from glasshouse.notices.drafts import Draft, draft, progress_of_versions, publish, texts_of_draft
from glasshouse.notices.versions import (
    coming,
    current,
    install,
    number_in_force,
    number_shown,
    readable,
    stale,
    text_of,
    version_of,
    versions,
)

__all__ = [
    "Draft",
    "Offer",
    "accept",
    "acceptances",
    "coming",
    "current",
    "draft",
    "install",
    "missing",
    "number_in_force",
    "number_shown",
    "offer",
    "progress_of_versions",
    "publish",
    "readable",
    "record_acceptance",
    "refuse",
    "stale",
    "text_of",
    "texts_of_draft",
    "version_of",
    "versions",
]
