"""The kinds of mails about support."""

from glasshouse.mail.kinds import MailKind, MessageClass

MAIL_KINDS = (MailKind("support-access", MessageClass.OPERATIONAL),)
