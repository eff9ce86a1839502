"""Breakages of which mails leave, and of stopping them: PRI-10, PRI-20."""

from glasshouse.promises.breakage import Breakage, Code, Database, answering, triggered

API, NEWS = "glasshouse/messages/api.py", "glasshouse/disclosures/news.py"
DOOR, PAGE = "glasshouse/operations/inbound_smtp.py", "glasshouse/web/pages/public/stop.py"
VERDICT = "glasshouse_verdict(whom text, hash text, of_kind text, given text)"
BREAKAGES = (
    Breakage("PRI-10", "every mail may go, whatever its reader chose", answering(VERDICT, "text", "'goes'")),
    Breakage(
        "PRI-10",
        "mail leaves without a ruling on record",
        Code(
            "glasshouse/mail/api.py",
            "            ruling = rulings.of(message)\n",
            "            ruling = rulings.Ruling(goes=True)\n",
            ("worker",),
        ),
    ),
    Breakage(
        "PRI-10",
        "the database takes a ruling against a choice",
        Database("DROP TRIGGER ruled_as_chosen ON messages_ruled"),
        quick=True,
    ),
    Breakage(
        "PRI-10",
        "the database takes a sending without a ruling",
        Database("DROP TRIGGER sent_by_ruling ON mail_message"),
        quick=True,
    ),
    Breakage(
        "PRI-10",
        "news go to addresses that were not confirmed",
        Code(
            "glasshouse/disclosures/api.py",
            "    subscriber.ended_at = clock.now()\n    with transaction.atomic():\n",
            "    subscriber.proved_at = clock.now()\n    with transaction.atomic():\n",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-10",
        "rulings have the class of other mails",
        triggered("messages_ruled", "INSERT", "NEW.message_class := 'marketing'; RETURN NEW;"),
        quick=True,
    ),
    Breakage(
        "PRI-20",
        "a scanner that opens the link stops the mails",
        Code(
            PAGE,
            '    return render(request, "public/stop.html", {"state": messages.stop_state(token), "token": token})\n',
            "    messages.stop(token, Way.LINK)\n"
            '    return render(request, "public/stop.html", {"state": messages.stop_state(token), "token": token})\n',
            ("web",),
        ),
    ),
    Breakage(
        "PRI-20",
        "one click stops nothing",
        Code(PAGE, "    messages.stop(token, Way.LINK)\n", "", ("web",)),
    ),
    Breakage("PRI-20", "a stop is not stored", triggered("messages_suppression", "INSERT", "RETURN NULL;"), quick=True),
    Breakage(
        "PRI-20",
        "one click wants the token of a form",
        Code(
            PAGE,
            "programs=True, repeatable=True, account_limits=False",
            "repeatable=True, account_limits=False",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-20",
        "one click stops every purpose",
        Code(
            API,
            "    _suppress(link.address_hash, link.purpose, way)\n",
            "    _suppress(link.address_hash, link.purpose, way)\n    _suppress(link.address_hash, ALL, way)\n",
            ("web",),
        ),
    ),
    Breakage(
        "PRI-20",
        "the head of a mail does not say how to stop it",
        Code(
            API,
            "headers=_stop_headers(message, kind.purpose) if _is_stopped_at_once(kind) else {})",
            "headers={})",
            ("worker",),
        ),
    ),
    Breakage(
        "PRI-20",
        "a mail to the mailbox in the head stops nothing",
        Code(DOOR, "            messages.stop(token, Way.MAIL)\n", "            str(token)\n", ("inbound smtp",)),
    ),
    Breakage(
        "PRI-20",
        "a reply that asks so stops nothing",
        Code(
            DOOR,
            "    is_wish = not mail.automatic and not mail.files and asks_to_stop",
            "    is_wish = False and asks_to_stop",
            ("inbound smtp",),
        ),
    ),
)
