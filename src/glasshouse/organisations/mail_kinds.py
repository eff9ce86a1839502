"""The kinds of mails about membership."""

from glasshouse.mail.kinds import MailKind, MessageClass

MAIL_KINDS = (MailKind("invitation", MessageClass.OPERATIONAL),)
