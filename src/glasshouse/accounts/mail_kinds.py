"""The kinds of mails about accounts."""

from glasshouse.mail.kinds import MailKind, MessageClass

MAIL_KINDS = (
    MailKind("change", MessageClass.SECURITY),
    MailKind("new-browser", MessageClass.SECURITY, purpose="new-browser"),
    MailKind("reset", MessageClass.REQUESTED),
    MailKind("second-step", MessageClass.SECURITY),
    MailKind("sign-up", MessageClass.REQUESTED),
    MailKind("text", MessageClass.SECURITY),
)
