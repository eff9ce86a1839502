"""The kinds of mails about privacy requests."""

from glasshouse.mail.kinds import MailKind, MessageClass

MAIL_KINDS = (
    MailKind("privacy", MessageClass.REQUESTED),
    MailKind("referral", MessageClass.OPERATIONAL),
    MailKind("referral-answer", MessageClass.REQUESTED),
)
