"""Privacy requests with their messages and referrals, officers' regions, agents."""

# Long because one request is described by many columns, each with what it is for.

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from glasshouse.kernel.ids import BlobId, new_id
from glasshouse.requests.classification.interpretation import Interpretation, interpret
from glasshouse.requests.drp_rules import DENIALS, EXERCISES
from glasshouse.requests.languages import LANGUAGES
from glasshouse.requests.legal_deadlines import LAWS, REGIONS
from glasshouse.requests.mail_files import WHOLE_NAME, WORDS, LeftOut
from glasshouse.rowsecurity.declarations import App, RowAccess
from glasshouse.vault.classification import blob_ref, hashed, technical
from glasshouse.vault.content import Code, Matching, OneOf, SomeOf
from glasshouse.vault.datamap import Basis, Counted, Kept, OnErasure, confidential, personal
from glasshouse.vault.declarations import Belongs, ByAddress, ErasedBy, Owner, SentFile, Writer
from glasshouse.vault.fields import SealedText


class RequestKind(models.TextChoices):
    """What a person asks for."""

    ACCESS = "access"
    COPY = "copy"
    CORRECT = "correct"
    ERASE = "erase"
    OBJECT = "object"
    RESTRICT = "restrict"
    QUESTION = "question"
    BREACH = "breach"  # a report that data were exposed
    COMPLAINT = "complaint"
    UNCLEAR = "unclear"  # several of them, or doubt: the officer decides


class Passing(models.TextChoices):
    """What the person decided about passing the request to the customers that entered the address."""

    AGREED = "agreed"
    DECLINED = "declined"
    BEFORE = "before"  # It was passed by a version that did not ask.


def _of_request(purpose: str, category: str, *, source: str) -> SealedText:
    """A sealed column of a request that may be empty (null)."""
    entry = personal(category, purpose, basis=Basis.LEGAL_OBLIGATION, erasure=OnErasure.KEEP, source=source)
    return SealedText(entry, key_owner="key_owner", null=True)


class Request(models.Model):
    """A person's request, with the legal deadline of its region.

    Sealed under a key of its own: until the address is confirmed, anybody may have written it. `agent`: our own id of the agent.
    `exercise`: the right that it exercises, as the Data Rights Protocol names it. `agent_seal`, `revoke_seal`: digests of the
    messages that opened and withdrew it; no other request has them. `denied_for`: why it is refused, in the protocol's words.
    `no_address`: the agent named no address, so an officer checks who it is. `agent_may_fetch_at`: the person let the agent
    fetch the results, once; `fetched_at`: it did.
    `follows`: the closed request that this one replies to. `proof_hash`: the mailed confirmation link, until `proof_ends_at`,
    once. `page_hash`: the guest's page that the confirmation opens. `notice_version`: number of the privacy notice that the
    page's form showed; 0: a version asked that did not record it; empty: no form of ours was shown.
    `link_waits`: the link is not mailed yet (see answering.py). `language`: of our mails about it. `needs_look`: it speaks of
    law, so that nobody closes it unread; `seen_at`: when an officer has looked (proofs.py). `asked_back_at`: we asked the person
    something that is not answered yet. `merged_into`: the request that it goes on with (threads.py). `identity`, `identity_by`:
    how identity was checked, and by whom. `assigned_to`: the account of the officer who sees to it; "":
    nobody. `erasure_by`: the officer who asked for its erasure, until a second one agrees or declines (subject/asked_for.py).
    `acknowledge_by`: by when the law wants a receipt (empty: it wants none). `acknowledged_at`: when we first wrote.
    """

    belongs = Belongs(
        Owner.READER,
        "what you entered and answered for a privacy request",
        "It is part of that person's request, and stays as long as the request.",
        (Writer.STAFF,),
    )
    by_address = ByAddress(ErasedBy.NOBODY, once_filled="proved_at")
    stays = "while it is open"
    kept = (Kept("closed_at", 1095, "the answer, to be able to show that it was given"),)
    counted = Counted("asked_at", ("kind", "law", "channel", "outcome"))
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16))
    address = SealedText(
        personal(
            "user.contact.email",
            "answering the request",
            basis=Basis.LEGAL_OBLIGATION,
            erasure=OnErasure.KEEP,
            need="the answer goes there",
        ),
        key_owner="key_owner",
    )
    address_hash = hashed(
        models.CharField(max_length=64, db_index=True),
        "user.contact.email",
        "finding a person's requests",
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
    )
    text = SealedText(
        personal("user.content.private", "answering the request", basis=Basis.LEGAL_OBLIGATION, erasure=OnErasure.KEEP),
        key_owner="key_owner",
    )
    answer = SealedText(
        personal(
            "user.content.private",
            "showing what was answered",
            basis=Basis.LEGAL_OBLIGATION,
            erasure=OnErasure.KEEP,
            source="us",
        ),
        key_owner="key_owner",
        null=True,
    )
    thread = SealedText(
        personal(
            "user.content.private",
            "answering in the thread of the person's mail",
            basis=Basis.LEGAL_OBLIGATION,
            erasure=OnErasure.KEEP,
        ),
        key_owner="key_owner",
        null=True,
    )
    kind = technical(models.CharField(max_length=12, choices=RequestKind.choices), OneOf(RequestKind.values))
    law = technical(models.CharField(max_length=12), OneOf(LAWS))
    region = technical(models.CharField(max_length=6, default="other"), OneOf(REGIONS))
    authentication = _of_request(
        "weighing who wrote the mail", "user.content.private", source="the mail's own way here"
    )
    identity = _of_request("showing how identity was checked", "user.account", source="the privacy officer")
    identity_by = _of_request("showing how identity was checked", "user.account", source="the privacy officer")
    language = technical(models.CharField(max_length=2, default="en", db_default="en"), OneOf(LANGUAGES))
    needs_look = technical(models.BooleanField(default=False, db_default=False))
    seen_at = technical(models.DateTimeField(null=True))
    asked_back_at = technical(models.DateTimeField(null=True))
    merged_into = technical(models.CharField(max_length=16, blank=True, default="", db_default="", db_index=True))
    entered_by = technical(models.CharField(max_length=16, blank=True))
    escalated = technical(models.PositiveSmallIntegerField(default=0))
    reminded_at = technical(models.DateTimeField(null=True))
    referrals = technical(models.PositiveSmallIntegerField(default=0))
    agent = technical(models.CharField(max_length=16, blank=True))
    agent_request = _of_request("answering the agent that asked", "user.unique_id.pseudonymous", source="the agent")
    agent_seal = technical(models.CharField(max_length=64, null=True, unique=True))
    exercise = technical(models.CharField(max_length=20, blank=True, db_default=""), OneOf(EXERCISES))
    revoke_seal = technical(models.CharField(max_length=64, null=True, unique=True))
    denied_for = technical(models.CharField(max_length=20, blank=True, db_default=""), OneOf(DENIALS))
    no_address = technical(models.BooleanField(default=False, db_default=False))
    agent_may_fetch_at = technical(models.DateTimeField(null=True))
    fetched_at = technical(models.DateTimeField(null=True))
    agent_told = technical(models.CharField(max_length=80, blank=True), Matching("[a-z_]+(:[a-z_]*:[0-9]{8})?"))
    callback = _of_request("answering the agent that asked", "user.unique_id.pseudonymous", source="the agent")
    channel = technical(models.CharField(max_length=8), Code())
    notice_version = technical(models.PositiveIntegerField(null=True))
    follows = technical(models.CharField(max_length=16, blank=True))
    passing = technical(models.CharField(max_length=8, choices=Passing.choices, blank=True), OneOf(Passing.values))
    link_waits = technical(models.BooleanField(default=False, db_default=False))
    proof_hash = technical(models.CharField(max_length=64, unique=True))
    proof_ends_at = technical(models.DateTimeField(null=True))
    proof_used_at = technical(models.DateTimeField(null=True))
    page_hash = technical(models.CharField(max_length=64, null=True, unique=True))
    proved_at = technical(models.DateTimeField(null=True))
    asked_at = technical(models.DateTimeField())
    due_at = technical(models.DateTimeField(db_index=True))
    acknowledge_by = technical(models.DateTimeField(null=True))
    acknowledged_at = technical(models.DateTimeField(null=True))
    extended_at = technical(models.DateTimeField(null=True))
    closed_at = technical(models.DateTimeField(null=True))
    outcome = technical(models.CharField(max_length=12, blank=True), Code())
    assigned_to = technical(models.CharField(max_length=16, blank=True, default="", db_default=""))
    erasure_by = technical(models.CharField(max_length=16, blank=True, default="", db_default=""))

    class Meta:
        db_table = "rights_request"
        indexes = [models.Index(fields=["-closed_at", "-id"], name="request_by_closing")]
        constraints = [
            models.CheckConstraint(condition=Q(passing__in=["", *Passing.values]), name="known_passing"),
            models.CheckConstraint(
                condition=~Q(channel="page") | Q(notice_version__isnull=False), name="page_showed_notice"
            ),
        ]

    @property
    def written_by(self) -> str:
        """Who the person's side of the request comes from, in words for the person."""
        return "the agent that asked in your name" if self.channel == "agent" else "you"

    @cached_property
    def interpretation(self) -> Interpretation:
        """What its text most likely asks for, and by which words: for the officer, who decides."""
        return interpret(self.text)

    def source_of(self, field: str) -> str:
        """Who a value comes from, in words for the person; "" where the data map says it."""
        return self.written_by if field in ("address", "text") else ""


HEARING, NAMED = "hearing what people write to the privacy address", "a mail that names you as its sender"
WRITERS = {"person": "you", "us": "us", "customer": "the organisation that answers you"}


class RequestMessage(models.Model):
    """One more message in a request's thread. sender: a key of WRITERS; `referral`: the one that a customer answers with it.

    `mail`: the id of the mail that it left as, by which a reply finds the request. `channel`: how a person's came: by mail,
    which anybody may have written, or on a page that a link or the account opened; "": it is not noted.

    What was sent stays as it was sent: the database takes no change of it but a sealing under a newer key (sql.py).
    """

    row_access = RowAccess(App.REPLACE, rewritable=("text", "authentication"))
    belongs = Belongs(
        Owner.READER,
        "answers to privacy requests",
        "It is part of that person's request, and stays as long as the request.",
        (Writer.MEMBER, Writer.STAFF),
    )
    stays = "with the request that it belongs to"
    holds_links = ("text",)  # What is shown of it masks them: whoever reads it could use them.
    by_address = ByAddress(ErasedBy.NOBODY, hash="request__address_hash", once_filled="request__proved_at")
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    request = technical(models.ForeignKey(Request, on_delete=models.CASCADE))
    key_owner = technical(models.CharField(max_length=16))
    text = SealedText(
        personal(
            "user.content.private",
            "answering the request",
            basis=Basis.LEGAL_OBLIGATION,
            erasure=OnErasure.KEEP,
            retention="with the request that it belongs to",
            need="a request is answered in words",
        ),
        key_owner="key_owner",
    )
    sender = technical(models.CharField(max_length=10), OneOf(WRITERS))
    referral = technical(models.CharField(max_length=16, blank=True))
    mail = technical(models.CharField(max_length=16, blank=True, db_index=True))
    channel = technical(models.CharField(max_length=8, blank=True, default="", db_default=""), Code())
    authentication = SealedText(
        personal(
            "user.content.private",
            "weighing who wrote the mail",
            basis=Basis.LEGAL_OBLIGATION,
            erasure=OnErasure.KEEP,
            retention="with the request that it belongs to",
            source="the mail's own way here",
        ),
        key_owner="key_owner",
        null=True,
    )
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "rights_letter"

    @property
    def written_by(self) -> str:
        """Who wrote the message, in words for the person."""
        return WRITERS[self.sender]

    def source_of(self, field: str) -> str:
        """Who a value comes from, in words for the person; "" where the data map says it."""
        return self.written_by if field == "text" else ""


def _of_file() -> SealedText:
    """A sealed column that says what a file of a mail is."""
    entry = personal(
        "user.content.private",
        "answering the request",
        basis=Basis.LEGAL_OBLIGATION,
        erasure=OnErasure.KEEP,
        retention="with the request that it belongs to",
    )
    return SealedText(entry, key_owner="key_owner")


class RequestFile(models.Model):
    """A file that came with a mail, as its sender made it: nothing here opens it.

    `message`: the message of the thread that it came with; "": the request itself. `name`, `media_type`: as the sender says.
    `left_out`: of a whole mail, which of its parts are in neither the text nor the files (`mail_files.LeftOut`).
    """

    row_access = RowAccess(App.REPLACE, rewritable=("name", "media_type"))
    stays = "with the request that it belongs to"
    by_address = ByAddress(ErasedBy.NOBODY, hash="request__address_hash", once_filled="request__proved_at")
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    request = technical(models.ForeignKey(Request, on_delete=models.CASCADE))
    message = technical(models.CharField(max_length=16, blank=True))
    key_owner = technical(models.CharField(max_length=16))
    name = _of_file()
    media_type = _of_file()
    size_bytes = technical(models.PositiveIntegerField())
    left_out = technical(models.CharField(max_length=80, blank=True), Code())
    blob = blob_ref(models.CharField(max_length=16, blank=True), key_owner="key_owner")
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "rights_file"

    @property
    def sent_file(self) -> SentFile:
        """The file for an export."""
        return SentFile(self.name, BlobId(self.blob))

    @property
    def missing(self) -> list[str]:
        """What of the mail is in neither the text nor the files, in words."""
        return [WORDS[LeftOut(code)] for code in self.left_out.split(":") if code]

    def source_of(self, field: str) -> str:
        """Who a value comes from, in words for the person."""
        return str(self.request.written_by)


class RequestNote(models.Model):
    """What an officer notes about a request, for the other officers. It is not mailed, and it is a part of the person's data.

    An opinion about a person is that person's data, so it is in their view and export once the address is confirmed.
    Source: GDPR Art. 4(1), 15; CJEU C-434/16 (Nowak), 42-49.
    """

    row_access = RowAccess(App.REPLACE, rewritable=("text",))
    belongs = Belongs(
        Owner.READER,
        "notes on privacy requests",
        "It is part of that person's request, and stays as long as the request.",
        (Writer.STAFF,),
    )
    stays = "with the request that it belongs to"
    holds_links = ("text",)
    by_address = ByAddress(ErasedBy.NOBODY, hash="request__address_hash", once_filled="request__proved_at")
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    request = technical(models.ForeignKey(Request, on_delete=models.CASCADE))
    key_owner = technical(models.CharField(max_length=16))
    text = SealedText(
        personal(
            "user.content.private",
            "answering the request",
            basis=Basis.LEGAL_OBLIGATION,
            erasure=OnErasure.KEEP,
            retention="with the request that it belongs to",
            source="the privacy officer",
        ),
        key_owner="key_owner",
    )
    written_by = technical(models.CharField(max_length=16))
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "rights_note"


class Unanswered(models.TextChoices):
    """Why a mail to the privacy address is answered by nobody but a person."""

    NULL_PATH = "null_path", "it has no return path, as reports of mail servers"
    REPORT = "report", "it is a report of a mail server"
    SUBMITTED = "submitted", "it says that a program sent it"
    MACHINE = "machine", "it says that an answering machine sent it"
    LIST = "list", "it came by a mailing list"
    PRECEDENCE = "precedence", "it says that it is bulk mail"
    SUPPRESS = "suppress", "it asks that no program answers it"
    DAEMON = "daemon", "its sender's address is one that programs write from"
    OURS = "ours", "its sender's address is our own"
    SENDERS = "senders", "it names no sender, or more than one"


class UnansweredMail(models.Model):
    """A mail to the privacy address that opens no request and gets no answer by itself; an officer looks at it.

    Anybody may have written it, under any address: it is sealed under a key of its own. `blob`: the whole mail. `address` is
    empty where the mail names no sender, or more than one; its hash is then nobody's.
    """

    kept = (Kept("at", 30, "it came, unless an officer made it a request"),)
    by_address = ByAddress(ErasedBy.ANYBODY)
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    key_owner = technical(models.CharField(max_length=16, db_index=True))
    address = SealedText(
        personal(
            "user.contact.email",
            HEARING,
            basis=Basis.LEGAL_OBLIGATION,
            source=NAMED,
            need="the mail was written under it",
        ),
        key_owner="key_owner",
    )
    address_hash = hashed(
        models.CharField(max_length=64, db_index=True),
        "user.contact.email",
        "finding a person's mails",
        basis=Basis.LEGAL_OBLIGATION,
    )
    text = SealedText(
        personal("user.content.private", HEARING, basis=Basis.LEGAL_OBLIGATION, source=NAMED), key_owner="key_owner"
    )
    authentication = SealedText(
        personal(
            "user.content.private",
            "weighing who wrote the mail",
            basis=Basis.LEGAL_OBLIGATION,
            source="the mail's own way here",
        ),
        key_owner="key_owner",
        null=True,
    )
    reason = technical(models.CharField(max_length=12, choices=Unanswered.choices), OneOf(Unanswered.values))
    size_bytes = technical(models.PositiveIntegerField())
    blob = blob_ref(models.CharField(max_length=16, blank=True), key_owner="key_owner")
    at = technical(models.DateTimeField())

    class Meta:
        db_table = "rights_unanswered"

    @property
    def sent_file(self) -> SentFile:
        """The mail for an export."""
        return SentFile(WHOLE_NAME, BlobId(self.blob))


class Referral(models.Model):
    """That a request was passed to the customer that entered the person's data, with a deadline of its own."""

    row_access = RowAccess(owner_reads=True)
    # As long as the request itself, which ends three years after its answer.
    kept = (
        Kept("answered_at", 1095, "the organisation's answer"),
        Kept("due_at", 1095, "the day by which it had to be answered", while_empty="answered_at"),
    )
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    organisation_id = technical(models.CharField(max_length=16, db_index=True))
    request_id = technical(models.CharField(max_length=16, db_index=True))
    asked_at = technical(models.DateTimeField())
    due_at = technical(models.DateTimeField())
    warned_at = technical(models.DateTimeField(null=True))
    answered_at = technical(models.DateTimeField(null=True))
    answered_by = technical(models.CharField(max_length=16, blank=True))

    class Meta:
        db_table = "rights_referral"
        constraints = [models.UniqueConstraint(fields=["organisation_id", "request_id"], name="one_referral_each")]


class OfficerRegion(models.Model):
    """Which regions a privacy officer answers for; officers without a row answer for all that nobody else does."""

    stays = "until the officer's regions are set anew, as an opaque id"
    account_id = technical(models.CharField(primary_key=True, max_length=16))
    regions = technical(ArrayField(models.CharField(max_length=6)), SomeOf(REGIONS))

    class Meta:
        db_table = "rights_officer_region"


AGENTS = confidential(
    "knowing the agents that ask in people's names",
    basis=Basis.LEGAL_OBLIGATION,
    retention="as long as the service runs",
    source="the agent",
)


class Agent(models.Model):
    """An authorised agent of the Data Rights Protocol: a company that asks in people's names, known by its public key.

    `agent_id`: how the protocol names it, found by `agent_hash`; `id` is our own. `paired_at`: when the message was issued
    that gave it its token; none that is as old, or older, gives it another.
    """

    belongs = Belongs(
        Owner.OPERATOR,
        "the register of agents",
        "It was written in the operator's office, as its record.",
        (Writer.STAFF,),
    )
    stays = "as long as the service runs"
    id = technical(models.CharField(primary_key=True, max_length=16, default=new_id))
    agent_id = SealedText(AGENTS, key_owner="id")
    agent_hash = technical(models.CharField(max_length=64, unique=True))
    name = SealedText(AGENTS, key_owner="id")
    verify_key = SealedText(AGENTS, key_owner="id")
    callback_host = SealedText(AGENTS, key_owner="id", null=True)
    token_hash = technical(models.CharField(max_length=64, blank=True, db_index=True))
    paired_at = technical(models.DateTimeField(null=True))
    created_at = technical(models.DateTimeField())
    ended_at = technical(models.DateTimeField(null=True))

    class Meta:
        db_table = "rights_agent"
