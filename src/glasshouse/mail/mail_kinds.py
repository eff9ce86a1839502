"""The kinds of mails that several areas send."""

from glasshouse.mail.kinds import MailKind, MessageClass

MAIL_KINDS = (
    MailKind("announcement", MessageClass.OPERATIONAL),
    MailKind("deadline", MessageClass.OPERATIONAL),
    MailKind("erased", MessageClass.OPERATIONAL),
)
