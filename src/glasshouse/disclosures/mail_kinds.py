"""The kinds of mails about recipients, and to them."""

from glasshouse.disclosures import news
from glasshouse.mail.kinds import MailKind, MessageClass

MAIL_KINDS = (
    MailKind("corrected", MessageClass.OPERATIONAL),
    MailKind("lifted", MessageClass.OPERATIONAL),
    MailKind(
        "providers",
        MessageClass.REQUESTED,
        purpose=news.PURPOSE,
        subscribed="glasshouse_subscribed_to_news",
        end=news.end_at,
    ),
    MailKind("restricted", MessageClass.OPERATIONAL),
    MailKind("subscription", MessageClass.REQUESTED),
)
