"""The kinds of mails of the officer's desk."""

from glasshouse.mail.kinds import MailKind, MessageClass

MAIL_KINDS = (MailKind("data-room", MessageClass.OPERATIONAL),)
