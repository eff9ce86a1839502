"""The kinds of mails about what a person decided."""

from glasshouse.mail.kinds import MailKind, MessageClass

MAIL_KINDS = (MailKind("restriction", MessageClass.OPERATIONAL),)
