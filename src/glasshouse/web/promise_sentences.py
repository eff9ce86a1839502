"""Marked for the catalogues: what the checks of promises say, each step, oracle and line of evidence, by its module.

"%(a)s", "%(b)s" stand for values, in the order of the source. A test holds the list to the checks
(tests/architecture/test_promise_words.py).
"""

# Long because the checks say as much.

from django.utils.translation import gettext_noop

SENTENCES = (
    # bounds.py
    gettext_noop("stores: the application's role can make no large object"),
    gettext_noop("foreign files: their reader can open no key"),
    gettext_noop("foreign files: their reader can make no connection"),
    gettext_noop("bounds: %(a)s ends connections of a client that has too many"),
    gettext_noop("%(a)s of %(b)s left"),
    gettext_noop("bounds: while one client has many at %(a)s, another one is shown a page"),
    gettext_noop("stores: %(a)s logs nothing of a statement"),
    gettext_noop("bounds: %(a)s is reached over IPv6 only, where no client is like a stranger's"),
    # checks/access.py
    gettext_noop(
        "A probe's customer has a member of each built-in role. Each asks for every address that the service knows, "
        "to see it and to send its form, at home; at another customer the administrator does, and one other role, "
        "drawn for each address."
    ),
    gettext_noop("A member of one site opens the pages, the readings and the forms of another site."),
    gettext_noop(
        "A role, the sites of a member and what a role of the customer's own may do are changed; a member revokes an "
        "API token, and is removed. Each time the same browser or program asks again."
    ),
    gettext_noop(
        "A member of one site with a role that may change members and make sites tries to give another site, and to "
        "make one."
    ),
    gettext_noop(
        "The last administrator is demoted, limited, and leaves; two administrators remove each other at the same "
        "moment; a member who may change members makes themself an administrator."
    ),
    gettext_noop(
        "A table of what each role may open, written down in the check; the rows of members and of events, read with "
        "SQL by a role that can only read."
    ),
    gettext_noop("%(a)s cells of role × address × customer"),
    gettext_noop("each site of the probe has a reading"),
    gettext_noop("a member of one site reads its readings"),
    gettext_noop("and no reading of the other"),
    gettext_noop("not even together with its own"),
    gettext_noop("no page shows the other site"),
    gettext_noop("its own is shown"),
    gettext_noop("a form of the other site is refused"),
    gettext_noop("another customer reads none of them"),
    gettext_noop("a role given, and taken again, counts at the next request"),
    gettext_noop("other sites count at the next request"),
    gettext_noop("a removed member sees nothing at the next request"),
    gettext_noop("a removed member's token opens nothing"),
    gettext_noop("a role of one's own opens what it names, and no more"),
    gettext_noop("changed, it counts at the next request"),
    gettext_noop("nobody gives themself more than they have"),
    gettext_noop("a member of one site gives no other, and makes none"),
    gettext_noop("a revoked token opens nothing at the next request, and another one goes on"),
    gettext_noop("the last administrator cannot be demoted, limited or removed"),
    gettext_noop("two who remove each other at once leave one"),
    gettext_noop("no customer here is without an administrator"),
    gettext_noop("nobody administers a customer here who neither founded it nor was invited to it"),
    gettext_noop("%(a)s do"),
    gettext_noop("%(a)s cells of role, address and customer are as the table says"),
    gettext_noop("%(a)s left an event each time"),
    gettext_noop("%(a)s of %(b)s"),
    # checks/accounts.py
    gettext_noop("Every stored password is read from the database."),
    gettext_noop(
        "A probe signs up. On the way it offers passwords that are short, of digits only, or known from breaches; it "
        "offers the same when it changes its password, and when it resets it."
    ),
    gettext_noop("It asks for a new password by mail, and uses the link twice; another link is used after its end."),
    gettext_noop(
        "It signs in from a second browser, ends that session on its page, and asks again from there; another session"
        " is made older than its end."
    ),
    gettext_noop("Somebody guesses at the address until the door refuses, each time from another network."),
    gettext_noop("The passwords that were typed are looked for in every log of this installation that grew meanwhile."),
    gettext_noop(
        "The rows of accounts, sessions and mailed links, read with SQL; the reference implementation of Argon2; the "
        "costs that OWASP names; the mails that arrived; what the pages answer; the bytes of the logs."
    ),
    gettext_noop("%(a)s stored passwords, all Argon2id of the recommended cost"),
    gettext_noop("every stored password is Argon2id of the cost that OWASP recommends"),
    gettext_noop("%(a)s are not"),
    gettext_noop("sessions, browsers and mailed links are stored as hashes"),
    gettext_noop("what is stored is the Argon2id hash of the password that was typed"),
    gettext_noop("and of no other"),
    gettext_noop("weak and breached passwords are refused at sign-up"),
    gettext_noop("%(a)s of %(b)s were taken"),
    gettext_noop("weak and breached passwords are refused at a change"),
    gettext_noop("a change needs the present password"),
    gettext_noop("a good one is taken"),
    gettext_noop("no answer tells whether an address has an account"),
    gettext_noop("a link has an end"),
    gettext_noop("to open the link changes nothing"),
    gettext_noop("weak passwords are refused at a reset"),
    gettext_noop("the link sets a new password"),
    gettext_noop("the link works once"),
    gettext_noop("a reset ends every session"),
    gettext_noop("the old password opens nothing"),
    gettext_noop("a link that has ended is refused"),
    gettext_noop("a session's cookie is kept from scripts, other sites and plain connections"),
    gettext_noop("a session is found by the hash of its cookie, and has an end"),
    gettext_noop("every session is listed on the person's page"),
    gettext_noop("a session that is ended on the page is dead at the next request"),
    gettext_noop("the others live on"),
    gettext_noop("signed out, its cookie opens nothing any more"),
    gettext_noop("a session past its end: each was deleted before it could be tried"),
    gettext_noop("guessing is slowed within %(a)s tries, wherever they come from"),
    gettext_noop("%(a)s were not"),
    gettext_noop("while it is slowed, not even the right password opens"),
    gettext_noop("no log holds a password that was typed"),
    gettext_noop("the logs: no file of the data folder is one that grew meanwhile"),
    gettext_noop("a session past its end is dead, while its row is there"),
    # checks/announcements.py
    gettext_noop(
        "Significant versions that would be in force too early are tried at the database, as the application's own "
        "role: at once, without an announcement, before their own lead time, with too short a lead time."
    ),
    gettext_noop(
        "Each significant version that was published is held against its announcements, its mails and the accounts of"
        " its time."
    ),
    gettext_noop(
        "What the database refuses; the rows of versions, announcements, accounts and mail, read with SQL by a role "
        "that can only read; the mail that arrives. No probe publishes anything: everybody would be told."
    ),
    gettext_noop("While a significant version is coming, a probe signs up and reads its mail."),
    gettext_noop("the mail of an announcement as it arrives: no significant version is coming"),
    gettext_noop("whoever signs up before it is in force is told of it by a mail that arrives"),
    gettext_noop("%(a)s; the database refuses one that comes too early"),
    gettext_noop("the database takes a significant version after its lead time"),
    gettext_noop("each significant version waited for its lead time"),
    gettext_noop("%(a)s did not"),
    gettext_noop("everybody with an account was told of each"),
    gettext_noop("before the lead time began"),
    gettext_noop("%(a)s were told later"),
    gettext_noop("each announcement has its mail"),
    gettext_noop("%(a)s have none"),
    gettext_noop("which left, or was tried in vain, before the lead time began"),
    gettext_noop("what is noted of each is so"),
    gettext_noop("%(a)s are noted otherwise"),
    gettext_noop("what came back was sent once more"),
    gettext_noop("it refuses one %(a)s"),
    # checks/asked.py
    gettext_noop("Every page that asks a person for something is opened at the door, signed out and as a probe."),
    gettext_noop(
        "Each field that must be filled in must be in the check's own list of what is needed; every other says that "
        "it is optional, what it is for, and what is lost without it. Each field must be in the data map."
    ),
    gettext_noop(
        "The forms are sent with what they insist on and nothing else: a sign-up from its first page to an account, a"
        " privacy request, a restriction, an invitation and its acceptance, a site. Each must work, and nothing may "
        "be stored for what was left empty."
    ),
    gettext_noop(
        "The check's own list of needs, with a reason each; the live forms; the rows that came of them, read with SQL"
        " by a role that can only read."
    ),
    gettext_noop(
        "each of %(a)s fields on %(b)s pages is in the data map, and is optional with what is lost, or needed"
    ),
    gettext_noop("none must be filled in that nothing needs"),
    gettext_noop("a privacy request needs an address and no more"),
    gettext_noop("nothing is stored for its empty field"),
    gettext_noop("a restriction needs no words"),
    gettext_noop("an invitation needs an address and no words"),
    gettext_noop("a site needs a name and no more"),
    gettext_noop("an invitation is accepted with what its form insists on"),
    gettext_noop("a sign-up is asked for with an address and no more"),
    gettext_noop("it is finished with what its form insists on, and is an account"),
    # checks/authorities.py
    gettext_noop(
        "Three legal requests about a probe are there, one with a bar. Two members of the staff who are probes review"
        " them by the page: one alone tries to review twice, one narrows, one refuses."
    ),
    gettext_noop(
        "What is handed over is fetched, and the mail to the person is read where it arrives; for the refused one and"
        " the one with a bar none may come."
    ),
    gettext_noop(
        "Answers without two reviewers, with more than was asked for, and without telling the person are tried at the"
        " database, as the application's own role."
    ),
    gettext_noop("All legal requests are looked through, and the public report is held against them."),
    gettext_noop(
        "The rows of legal requests, disclosures and mail, read with SQL by a role that only reads; the mails that "
        "arrived; the file that would be handed over; what the database refuses."
    ),
    gettext_noop("the database takes an answer that keeps the rules"),
    gettext_noop("the public report counts all of them, by year"),
    gettext_noop("each of %(a)s closed ones has two reviewers"),
    gettext_noop("none was given more than was asked for"),
    gettext_noop("each person was told, or telling is barred"),
    gettext_noop("no bar that has ended is forgotten"),
    gettext_noop("none is late"),
    gettext_noop("whoever is noted as told has a mail"),
    gettext_noop("a customer finds no page of legal requests"),
    gettext_noop("nobody reviews twice"),
    gettext_noop("nothing is handed over after one review"),
    gettext_noop("two different people have reviewed it, and it is answered"),
    gettext_noop("only what both allow, and was asked for, goes"),
    gettext_noop("the file holds that, and no name"),
    gettext_noop("if either refuses, nothing goes"),
    gettext_noop("while the law bars it, the person is not told"),
    gettext_noop("the person is told by mail, by whom and of what"),
    gettext_noop("and it is on record"),
    gettext_noop("of the refused and the barred one no mail arrives"),
    gettext_noop("%(a)s mails"),
    gettext_noop("the person's record of disclosures names the authority"),
    # checks/classes.py
    gettext_noop(
        "Every column of both databases is read from their catalogues, every column of the crop store from the store "
        "itself."
    ),
    gettext_noop(
        "Each is looked for in the record of processing, as the public page has it. What it does not list must be a "
        "number or a time, or a text column whose CHECK in the catalogue refuses a name, an address, a telephone "
        "number."
    ),
    gettext_noop(
        "Of what it lists as personal or confidential, values are read: they must be sealed bytes, or a hash. The "
        "newest are opened, a probe's among them."
    ),
    gettext_noop("The documents page is opened: the terms and the notice must be there, with versions."),
    gettext_noop(
        "The catalogues of the databases and of the crop store; stored bytes; CHECKs, evaluated by the database with "
        "sentences; a decryption of the check's own."
    ),
    gettext_noop("no view holds a copy, and no table stands in another schema"),
    gettext_noop("each of %(a)s columns of both databases has an entry in the data map"),
    gettext_noop("terms and notice are documents with a version in force"),
    gettext_noop("%(a)s columns of both databases and those of the crop store: all classed, and as they are classed"),
    gettext_noop("no queued job holds a text that somebody wrote"),
    gettext_noop("each of %(a)s columns that the record of processing names is there"),
    gettext_noop("each of them has one of the classes"),
    gettext_noop("in each of %(a)s tables the newest sealed values open with a key that their row names"),
    gettext_noop(
        "each of %(a)s text columns of %(b)s that no class is told of has a CHECK that refuses what people write"
    ),
    gettext_noop("each of %(a)s columns of the crop store is crop data or technical, as the record says"),
    gettext_noop("what %(a)s personal and confidential columns of %(b)s hold is sealed, or a hash"),
    gettext_noop("no column of %(a)s with bytes is unclassed"),
    # checks/cookies.py
    gettext_noop(
        "Every page that needs no more than an account is opened at the door, signed out and as a probe. Each cookie that comes "
        "must be in the check's own list of necessary ones, last no longer than the list says, and be out of scripts' reach."
    ),
    gettext_noop("The cookie page and the cookie notice must name just these, and each page must lead there."),
    gettext_noop(
        "Every script that the pages load is read for words by which a browser is made to store something; the policy that is "
        "sent with each page must forbid workers."
    ),
    gettext_noop(
        "Where the cookie page names an optional one, it must be asked for by two equal buttons, and must not be stored before "
        "the answer, after a no, and after a yes was taken back."
    ),
    gettext_noop(
        "The check's own list of cookies, with their lives; the headers, pages and scripts that came from the live door."
    ),
    gettext_noop("whoever only reads is given no cookie but the one of forms"),
    gettext_noop("the cookie page names each of %(a)s things that are stored, and how long"),
    gettext_noop("the cookie notice in force names each cookie"),
    gettext_noop("each of %(a)s pages leads to the cookie page"),
    gettext_noop("each page forbids workers"),
    gettext_noop("each of %(a)s cookies that came is in the check's list"),
    gettext_noop("none of them lasts longer than the list says"),
    gettext_noop("none can be read by scripts, sent in the clear, or sent to other sites"),
    gettext_noop("none of %(a)s scripts stores anything that the list does not name"),
    gettext_noop("nothing is optional, and nobody is asked"),
    gettext_noop("the question has two equal buttons"),
    gettext_noop("before the answer, no optional cookie is stored"),
    gettext_noop("after a no, no optional cookie is stored"),
    gettext_noop("after a yes that is taken back, no optional cookie is stored"),
    gettext_noop("whoever has answered is not asked again"),
    gettext_noop("after a yes, %(a)s of %(b)s optional cookies were stored"),
    # checks/crops.py
    gettext_noop(
        "Every role of the people store tries to open the database of keys, and the other way round. Who may enter a "
        "line of the ledger of erasures, delete a key or overwrite one is read from the catalogue."
    ),
    gettext_noop(
        "A probe's customer registers a device, which sends a reading. The device's key is tried at the people's "
        "doors; the session, a made-up permit, one that is too long and one without a purpose are tried at the crops "
        "service."
    ),
    gettext_noop(
        "The crops service is asked for its own catalogue, and for all that it knows of the probe's customer."
    ),
    gettext_noop(
        "What each process was started with and has open is looked at. As each part's user every key, and every "
        "folder of data, is tried to be opened, where the service was started by root."
    ),
    gettext_noop(
        "The databases' own catalogues; a table of what the crop store may hold, written down in the check; the bytes"
        " of its files; /proc; what the kernel lets each part's user open; modes and owners of the keys."
    ),
    gettext_noop("%(a)s columns in the crop store, none of a person"),
    gettext_noop("no role that works for pages, jobs or support opens the key store too"),
    gettext_noop("people store and key store are clusters of their own"),
    gettext_noop("nobody but its owner may change or delete a line of the ledger"),
    gettext_noop("no query of the people store reaches another one"),
    gettext_noop("only what erases may enter a line of the ledger or end a key"),
    gettext_noop("no role of the service may delete a key's row by itself"),
    gettext_noop("no role of the pages may overwrite a key"),
    gettext_noop("a device's key opens nothing of the people"),
    gettext_noop("a session opens nothing of the crops"),
    gettext_noop("a permit opens what it names, and no more"),
    gettext_noop("the crop store has columns"),
    gettext_noop("and none beside those that the check knows: none of a person"),
    gettext_noop("no table of it reads another store"),
    gettext_noop("the crop store answers for the probe's customer"),
    gettext_noop("and knows no name, address or id of its people"),
    gettext_noop("%(a)s of them"),
    gettext_noop("it knows the customer by an id of its own"),
    gettext_noop("nor do the bytes that it wrote meanwhile"),
    gettext_noop("%(a)s of %(b)s files"),
    gettext_noop("no process was told where the other plane's keys are"),
    gettext_noop("%(a)s processes"),
    gettext_noop("no process has a file of the other plane open"),
    gettext_noop("%(a)s files"),
    gettext_noop("every part is seen"),
    gettext_noop("each part runs as a user of its own, and none as root"),
    gettext_noop("no part has a right of root"),
    gettext_noop(
        "the file reader's user, which may read every file for this check and answers with names and numbers only; "
        "the sandbox starter's, which may start a process as another user; what the supervisor, which is root, could "
        "read"
    ),
    gettext_noop("the user of %(a)s can open its own, and nothing of another part"),
    gettext_noop("keys can be read by their owner alone, and by the parts that they are for"),
    gettext_noop("no key of the one plane is one of the other's"),
    gettext_noop("%(a)s keys"),
    gettext_noop("no role may touch a table of %(a)s that is not its own"),
    gettext_noop("the role %(a)s signs in to its own database, and to no other"),
    gettext_noop("%(a)s is refused"),
    gettext_noop("what the %(a)s runs as, and may open there: it is a PostgreSQL server of the operator's"),
    gettext_noop(
        "whether the system itself keeps a part from another's keys: all parts run as one user, for the service was "
        "not started by root"
    ),
    gettext_noop("what the user of %(a)s can open: nobody may become that user here"),
    # checks/disclosures.py
    gettext_noop(
        "Probes sign up, are invited and ask for their data; each mail that arrives is held against the record of "
        "disclosures."
    ),
    gettext_noop(
        "A row of a disclosure to recipients that are announced only, ended, or unknown is tried at the database, as "
        "the application's own role."
    ),
    gettext_noop(
        "A member of the staff who is a probe registers a recipient with an address for erasures; a person of whom it"
        " received something erases their account by the page."
    ),
    gettext_noop(
        "The register of recipients, all disclosures and all mail and texts that left are looked through, and so is "
        "the code of this installation for ways into the network."
    ),
    gettext_noop(
        "The mails that arrived; the rows of recipients, disclosures and mail, read with SQL by a role that can only "
        "read; what the database refuses; the code on this disk."
    ),
    gettext_noop("a sign-up, an answer and an invitation left by mail"),
    gettext_noop("each mail that arrived is on record as a disclosure"),
    gettext_noop("each of %(a)s recipients says what it gets, where, for what, on which ground"),
    gettext_noop("%(a)s do not"),
    gettext_noop("each provider has an agreement and safeguards"),
    gettext_noop("%(a)s have not"),
    gettext_noop("each was announced for its time before anything went there"),
    gettext_noop("no disclosure outside its recipient's time"),
    gettext_noop("recipients were told of each erased person"),
    gettext_noop("not of %(a)s"),
    gettext_noop("the database takes a disclosure to a live recipient"),
    gettext_noop("it refuses one to a recipient that is announced only, ended or unknown"),
    gettext_noop("it refuses a provider without an agreement"),
    gettext_noop("no code opens a way out that is not known"),
    gettext_noop("the person is erased by the page"),
    gettext_noop("the recipient is told by mail that arrives"),
    gettext_noop("it refuses a provider without %(a)s"),
    gettext_noop("a recipient is registered by the page"),
    gettext_noop("each %(a)s that left is on record"),
    gettext_noop("each %(a)s that left: no server for it is named, so none leaves but to probes"),
    # checks/erasure.py
    gettext_noop(
        "A probe signs up, changes its address and name, and fills in whatever a person can: a subscription, privacy "
        "requests by page and by mail, an objection, a restriction, a second factor, a site, a device, an API token, "
        "an uploaded file, an export, a request for access at another organisation. A guest without an account "
        "subscribes, asks and is invited."
    ),
    gettext_noop("A recipient that received something of the probe is registered. Both are erased by their pages."),
    gettext_noop(
        "Before, the people store is copied, as a backup would be. After, the copy is started apart from the service,"
        " and every sealed value of both in it is tried with the keys that are there now; a colleague's must open."
    ),
    gettext_noop(
        "Everything is looked for afterwards: in each column of both databases, in the bytes of the data folder, in "
        "the temporary folders and the open files, on the pages of a colleague, by the old session, token, device key"
        " and links."
    ),
    gettext_noop(
        "The catalogue of both databases, every column read by a role that can only read; bytes on disk as UTF-8, "
        "UTF-16, hex and base64; the table of keys; the mail that arrives at the recipient; a copy by PostgreSQL's "
        "own program, and a decryption of the check's own; the ledger of erasures, read with SQL."
    ),
    gettext_noop(
        "replicas, which this installation does not have; backups of the key store itself, whose day keys live %(a)s "
        "days. Counted tries stay up to a day after their window, as a keyed hash that names neither id nor address. "
        "Not filled in: %(b)s; what third parties bring in; what an agent asks"
    ),
    gettext_noop(
        "of %(a)s values in a copy of before none that was deleted opens with the keys of now; %(b)s of a colleague do"
    ),
    gettext_noop("of each destroyed key the ledger names the owner"),
    gettext_noop("each line of the ledger names the hash of the line before"),
    gettext_noop("no key lives that the ledger names"),
    gettext_noop("the ledger has its row, with its end"),
    gettext_noop("no column names %(a)s but what the page says and why"),
    gettext_noop("so are the keys of its mails and links"),
    gettext_noop("%(a)s open still, of %(b)s"),
    gettext_noop("the recipient is told by a mail that arrives"),
    gettext_noop("none of %(a)s texts is readable in %(b)s"),
    gettext_noop("the page of the erasure leads to its state"),
    gettext_noop("the state is shown to whoever has its number"),
    gettext_noop("its export and its uploaded file are gone from the disk"),
    gettext_noop("%(a)s of %(b)s are there"),
    gettext_noop("a colleague is shown nothing of it any more"),
    gettext_noop("its session opens nothing"),
    gettext_noop("its token opens nothing"),
    gettext_noop("its device's key opens nothing"),
    gettext_noop("no link that was mailed opens anything"),
    gettext_noop("a guest is shown what is held of the address"),
    gettext_noop("a guest erases by the own page"),
    gettext_noop("the keys of what was a guest's are destroyed"),
    gettext_noop("%(a)s open still"),
    gettext_noop("a guest is shown no mail and no subscription any more"),
    gettext_noop("the key of %(a)s is destroyed, its wrapped bytes emptied"),
    # checks/exports.py
    gettext_noop("A probe fills in whatever a person can, makes an export by its page and fetches it by its link."),
    gettext_noop(
        "Each sealed value that a raw search finds for the probe, opened here, is looked for in the export's file for"
        " programs and in its page to read, column by column."
    ),
    gettext_noop(
        "The file on the disk is read as bytes. Another person and a browser that is signed out try the link; so does"
        " the probe once its last proof of identity is 16 minutes old, and once the link has ended."
    ),
    gettext_noop(
        "Every column of every table of the people store, read by a role that can only read, and opened by a "
        "decryption of the check's own; the bytes on the disk; the answers of the door."
    ),
    gettext_noop("its person fetches the export"),
    gettext_noop("each sealed value of the person opens with a key that its row names"),
    gettext_noop("each of %(a)s sealed values in %(b)s columns that a raw search finds is in the file for programs"),
    gettext_noop("so is each of %(a)s that are kept as a hash only"),
    gettext_noop("each says what it is, what for, on what ground, how long, whose and who gets it"),
    gettext_noop("its page to read has the same values, a row each"),
    gettext_noop("on the disk it is sealed"),
    gettext_noop("another person does not get it"),
    gettext_noop("who is signed out does not get it"),
    gettext_noop("16 minutes after the last proof of identity it is neither made nor fetched without a new one"),
    gettext_noop("with one it is fetched"),
    gettext_noop("its link ends within 24 hours"),
    gettext_noop("a link that has ended opens nothing"),
    gettext_noop("and is not on the page any more"),
    # checks/inventory.py
    gettext_noop(
        "A probe fills in whatever a person can, at the web door and at the mail door, and opens the page of "
        "everything held."
    ),
    gettext_noop(
        "A raw search of every table of the people store finds each sealed value of each row that names the probe; "
        "each is opened here, and looked for on the page. Each part of the page must say what for, from whom, and who"
        " gets it."
    ),
    gettext_noop(
        "The probe corrects its name. The old one is looked for in each value that opens under any key that such a "
        "row names, and on the pages of a colleague; the recipient of the name reads its mail. A guest opens the page"
        " of what is held of an address."
    ),
    gettext_noop(
        "Every column of every table, read by a role that can only read, and opened by a decryption of the check's "
        "own; examples of what must be said of a value, written down in the check; the mail that arrives at the "
        "recipient."
    ),
    gettext_noop("%(a)s is on the page, or where it leads to"),
    gettext_noop("each value says what for, from whom, and who gets it"),
    gettext_noop("what it wrote in its own name in two organisations is on the page"),
    gettext_noop("the page says what it typed for its organisation, and whose that is"),
    gettext_noop("after a correction no stored copy has the old name"),
    gettext_noop("the page has the new one"),
    gettext_noop("who received the name is told by a mail that arrives"),
    gettext_noop("after a change of address only the person's own mails have the old one"),
    gettext_noop("each of %(a)s sealed values in %(b)s columns that a raw search finds"),
    gettext_noop("each of %(a)s values that are kept as a hash only is told of"),
    gettext_noop("a guest's page has each of %(a)s sealed values at the address"),
    gettext_noop("%(a)s are"),
    gettext_noop("of %(a)s it says: %(b)s, from %(c)s, to %(d)s"),
    gettext_noop("the list of people shows the new name to %(a)s"),
    # checks/layers.py
    gettext_noop("Transport: both doors are asked in the clear, and for an old version of TLS."),
    gettext_noop(
        "Perimeter: a signed-in administrator asks under a foreign name, sends a form from another site, one without "
        "its token, a head and a body that are too long."
    ),
    gettext_noop(
        "Authentication: every page of a probe's customer is asked for without a session, and with a made-up one."
    ),
    gettext_noop("Authorisation: a viewer sends the forms of administrators."),
    gettext_noop(
        "Tenant: the administrator of another customer opens the same pages; then the database is asked for every "
        "table of customers with the application's own credential, as if all of the application were lost, and is "
        "sent memberships."
    ),
    gettext_noop("Encryption: the probe's rows are read as somebody reads them who has the whole database."),
    gettext_noop(
        "Bounds: one client opens connections at both doors and encrypts none of them, while another one asks for a "
        "page."
    ),
    gettext_noop(
        "Stores: the application's role makes a large object, which no policy knows; both stores are asked what they "
        "log."
    ),
    gettext_noop("Foreign files: in the process that reads them, a key is read and a socket is made."),
    gettext_noop(
        "The answers of the doors, and which connections they end; what the sandboxed process could do; rows read "
        "with SQL under the application's role and under a role that sees every row; the places of the folders."
    ),
    gettext_noop("each layer switched off alone, which is tried in a service of its own by `glasshouse mutate`"),
    gettext_noop("9 of 9 layers refuse by themselves"),
    gettext_noop("perimeter: none of these forms changed anything"),
    gettext_noop("its own administrator is shown every page"),
    gettext_noop("authentication: without a session no page is shown"),
    gettext_noop("authentication: a made-up session is nobody"),
    gettext_noop("authorisation: a viewer is refused what administrators do"),
    gettext_noop("authorisation: and what administrators see"),
    gettext_noop("tenant: the administrator of another customer is shown no page"),
    gettext_noop("a member's own rows are shown by the database"),
    gettext_noop("a member's own customer can be written to"),
    gettext_noop("encryption: whoever reads every row reads no name, address or place"),
    gettext_noop("encryption: the keys do not lie among the data"),
    gettext_noop("encryption: each customer and person has a key of its own, wrapped"),
    gettext_noop("transport: %(a)s answers nothing in the clear"),
    gettext_noop("transport: %(a)s agrees to TLS 1.2 or 1.3"),
    gettext_noop("perimeter: %(a)s is refused"),
    gettext_noop("tenant: to %(a)s the database shows no row, whatever the application asks"),
    gettext_noop("tenant: %(a)s can write no membership, whatever the application asks"),
    gettext_noop("%(a)s made, %(b)s changed"),
    gettext_noop("transport: %(a)s refuses TLS 1.1"),
    # checks/legal_deadlines.py
    gettext_noop(
        "For each region that the public form offers a probe asks there for its data, and the receipt is read where "
        "it arrives."
    ),
    gettext_noop(
        "Further requests of probes are dated to the days of worked examples, month ends among them, and a member of "
        "the staff who is a probe extends each by the page. A second extension, and one of a law that knows none, are"
        " tried too."
    ),
    gettext_noop(
        "A probe opts out of sale where the law gives fifteen business days; the member of the staff corrects the "
        "region of the request from elsewhere twice, to a later and to an earlier day, and the mail about the later "
        "one is read."
    ),
    gettext_noop(
        "At the desk: a note is written, and a question asked back, which the probe answers by mail; two requests of "
        "one probe are merged, and one of another is tried; one member of the staff asks for an erasure twice, and "
        "then a second one."
    ),
    gettext_noop(
        "The deadline of every request that is stored is compared with the law's; open ones are looked through for "
        "those that are late, and for those of which nobody was reminded."
    ),
    gettext_noop(
        "A table of worked examples from the laws, written down in the check with their sources; the rows of "
        "requests, read with SQL by a role that can only read."
    ),
    gettext_noop("each of %(a)s requests has the law of its region"),
    gettext_noop("each is due within its law's time, extended ones within the longest"),
    gettext_noop("each extension was told before the first deadline"),
    gettext_noop("no open request is past its deadline"),
    gettext_noop("officers were reminded five days before each deadline"),
    gettext_noop("by mail, not only by a mark"),
    gettext_noop("each open request has an officer for its region"),
    gettext_noop("no reminder was given up"),
    gettext_noop("%(a)s were"),
    gettext_noop("the form offers the regions whose laws are known"),
    gettext_noop("each of the dated requests is stored"),
    gettext_noop("each extension is told by mail, with its day and reason"),
    gettext_noop("not under %(a)s"),
    gettext_noop("no law's request is extended twice"),
    gettext_noop("each receipt arrives and names the deadline"),
    gettext_noop("not in %(a)s"),
    gettext_noop("an opt-out is due within %(a)s business days"),
    gettext_noop("none"),
    gettext_noop("%(a)s, answered %(b)s"),
    gettext_noop("a later day is told by mail"),
    gettext_noop("who asks in %(a)s has a request, due by %(b)s on %(c)s"),
    gettext_noop("%(a)s: came %(b)s, extended to %(c)s (%(d)s)"),
    gettext_noop("a request from elsewhere can be corrected"),
    gettext_noop("there is none"),
    gettext_noop("corrected to %(a)s, it is due by %(b)s, from the day of asking"),
    gettext_noop("CCPA wants that receipt within %(a)s business days, by %(b)s; it is waited for here"),
    # checks/messages.py
    gettext_noop("A link of nobody is pressed, and a report of a mail that never left is sent: nothing changes."),
    gettext_noop(
        "A ruling that a mail may go, and its sending, are tried at the database against a person's choice, as the"
        " application's own role."
    ),
    gettext_noop(
        "A scanner opens the links of a mail ten times, and another provider is registered: the news still come."
    ),
    gettext_noop(
        "All mails that left are held against their class, the rulings on them, the consent records, the "
        "subscriptions, the objections and the suppressions."
    ),
    gettext_noop("Each of them asks for a new password, and gets that mail whatever they chose."),
    gettext_noop(
        "One presses the button of its mail program, without a cookie and twice; one sends the mail that the head "
        "names; one replies that it wants no more. A third provider is registered: the news reach none of these, "
        "and one who did nothing."
    ),
    gettext_noop(
        "Probes ask for news of service providers, by the page of their emails or without an account, say nothing,"
        " change their mind, restrict the use of their data, or do not confirm the address. A provider is "
        "registered: who wants the news gets them, and nobody else does."
    ),
    gettext_noop(
        "Probes ask for news of service providers, with an account and without. A provider is registered, and each"
        " gets the news, whose head says how to stop them."
    ),
    gettext_noop(
        "The mails that arrived and those that did not; what the database refuses; the rows of mails, rulings, "
        "decisions, subscriptions and suppressions, read with SQL by a role that can only read, by a table of "
        "kinds written down in the check."
    ),
    gettext_noop(
        "The mails that arrived at the probes' own mail server and those that did not; the rows of decisions, "
        "subscriptions and suppressions, read with SQL by a role that can only read."
    ),
    gettext_noop("a forged report of a mail server stops nothing"),
    gettext_noop("a link of nobody is answered alike"),
    gettext_noop("a mail can be queued, and a ruling against it be written"),
    gettext_noop("a mail to the mailbox in the head counts at once"),
    gettext_noop("a reply that asks so counts at once"),
    gettext_noop("and none against one"),
    gettext_noop("each mail that left is of a known kind"),
    gettext_noop("each mail that left was ruled on, and might go"),
    gettext_noop("each ruling has the class and the purpose of its kind"),
    gettext_noop("for that purpose, and no other"),
    gettext_noop("it counts at once, without signing in"),
    gettext_noop("news reach a person who wants them"),
    gettext_noop("news reach an address that was confirmed"),
    gettext_noop("news reach everybody who did not stop them"),
    gettext_noop("no sending without a ruling"),
    gettext_noop("none left against an objection"),
    gettext_noop("none left that its reader did not want at that moment"),
    gettext_noop("none left to an address after it was stopped there"),
    gettext_noop("none reach an address that was not confirmed"),
    gettext_noop("none reach who changed their mind"),
    gettext_noop("none reach who said nothing"),
    gettext_noop("none reach who stopped them by a mail"),
    gettext_noop("none reach who stopped them by a reply"),
    gettext_noop("none reach who stopped them by one click"),
    gettext_noop("none reach whose data may be stored only"),
    gettext_noop("one click is answered 200, each time"),
    gettext_noop("the answer tells no address"),
    gettext_noop("the database takes no ruling that it may go"),
    gettext_noop("the head of a mail names a link and a mailbox that stop it, by one click"),
    gettext_noop("the text of it has the same link"),
    gettext_noop("what was asked for reaches everybody"),
    # checks/notices.py
    gettext_noop(
        "A probe opens the form of its sign-up, sends it without the box, then with it, and makes a site. The same is"
        " tried with an invitation."
    ),
    gettext_noop(
        "Its acceptance of the newest terms is taken away, as if a new version had come into force. It opens every "
        "page of the customer, sends a form, and asks the interface, also with a token; then it accepts by the page, "
        "first without the box."
    ),
    gettext_noop("All acceptances, and all members who are signed in, are looked through."),
    gettext_noop(
        "The rows of acceptances, accounts and sites, read with SQL by a role that can only read, and as the database"
        " shows them to the probe; the HTML of the forms; what the pages answer."
    ),
    gettext_noop("the box of the sign-up is not ticked beforehand"),
    gettext_noop("without it there is no account"),
    gettext_noop("terms and notice in force are on record as accepted"),
    gettext_noop("with the moment and the words"),
    gettext_noop("the person finds the words that the form showed"),
    gettext_noop("the box of an invitation is not ticked beforehand"),
    gettext_noop("without it nobody comes in by one"),
    gettext_noop("before, a token of the probe reads its site"),
    gettext_noop("no page opens without the newest acceptance"),
    gettext_noop("nor does the interface answer"),
    gettext_noop("no form is taken"),
    gettext_noop("the database shows no row in %(a)s tables of customers"),
    gettext_noop("the box of a new version is not ticked beforehand"),
    gettext_noop("without it nothing is accepted"),
    gettext_noop("with it the acceptance is on record"),
    gettext_noop("and the pages open"),
    gettext_noop("each version was in force when it was accepted"),
    gettext_noop("each acceptance holds the words"),
    gettext_noop("nor does it answer a token of the probe"),
    gettext_noop("every member who is signed in has accepted the %(a)s"),
    # checks/objection.py
    gettext_noop(
        "A probe signs in from a browser that was not seen before, and gets the mail about it. On the page of its "
        "choices it objects to each purpose, or withdraws."
    ),
    gettext_noop(
        "It signs in from another new browser. A mail for each purpose is tried at the database, before the "
        "objections and after them, as the application's own role."
    ),
    gettext_noop(
        "A member of the staff who is a probe judges the one objection that has to be judged, by the page, with "
        "reasons."
    ),
    gettext_noop(
        "The staff's page of a business transfer to a made-up buyer is opened: it must count each customer who "
        "objects. One probe of the staff prepares a data room by it, another approves it, and the buyer fetches its "
        "file by the mailed link: of three probes one agrees and was told in time."
    ),
    gettext_noop("All mails that left for a purpose are held against what their persons had decided."),
    gettext_noop(
        "The mails that arrived and those that did not; what the database refuses; the rows of decisions, requests "
        "and mail, read with SQL by a role that can only read; the file of a data room, opened with the buyer's key."
    ),
    gettext_noop("before, a sign-in from a new browser is told by mail"),
    gettext_noop("and the database takes a mail for each purpose"),
    gettext_noop("the page offers each purpose"),
    gettext_noop("an objection that is judged needs words"),
    gettext_noop("a sign-in from another new browser is told no more"),
    gettext_noop("nothing of third parties is taken in any more"),
    gettext_noop("who prepared a data room does not approve it"),
    gettext_noop("somebody else does"),
    gettext_noop("its file cannot be read as it is"),
    gettext_noop("a buyer gets the name of who was told in time and does not object, and nothing else of anybody"),
    gettext_noop("%(a)s persons, %(b)s values"),
    gettext_noop("it stands on the record of that person, and of nobody else"),
    gettext_noop("a data room that was closed opens no more"),
    gettext_noop("a business transfer passes on nobody who objects: its page counts each of them"),
    gettext_noop("with a deadline of the law"),
    gettext_noop("nobody judges without reasons"),
    gettext_noop("the reasons arrive, with the authority to complain to"),
    gettext_noop("the judgement is on record"),
    gettext_noop("it is of that purpose alone"),
    gettext_noop("a person may allow a purpose again"),
    gettext_noop("no mail was written against its person's word"),
    gettext_noop("none that needs consent without it"),
    gettext_noop("nothing of third parties came in against an objection"),
    gettext_noop("nothing of who objected went to a buyer of the business"),
    gettext_noop("each objection that waits has its request"),
    gettext_noop("an objection to %(a)s counts at once"),
    gettext_noop("the database refuses a mail for %(a)s"),
    gettext_noop("the objection that is judged is a request"),
    # checks/operations.py
    gettext_noop(
        "The listening sockets of all processes of this deployment are read from the system; no list of ports is asked."
    ),
    gettext_noop(
        "Each is asked for TLS 1.3 and 1.2, for the older versions, and in the clear; its certificate is checked."
    ),
    gettext_noop("The web door and the crops service are asked for pages, files and addresses that do not exist."),
    gettext_noop(
        "A mail to a probe is due while its mail server offers no encryption, or shows a certificate of its own making."
    ),
    gettext_noop(
        "The kernel's tables of sockets; TLS connections of a client that trusts this installation's authority alone;"
        " the answers' headers; what the refused mail server heard."
    ),
    gettext_noop("parts on other machines, and a proxy before the doors"),
    gettext_noop("listeners of this deployment were found"),
    gettext_noop("%(a)s listeners, %(b)s; older versions and plain connections refused"),
    gettext_noop("%(a)s agrees to TLS 1.2 or 1.3"),
    gettext_noop("its certificate is valid for %(a)s days more at least"),
    gettext_noop("%(a)s days"),
    gettext_noop("every answer of %(a)s keeps browsers to HTTPS for a year, subdomains too"),
    gettext_noop("a mail server that encrypts is given the mail"),
    gettext_noop("%(a)s does nothing but lead to HTTPS"),
    gettext_noop("%(a)s speaks TLS"),
    gettext_noop("%(a)s takes no mail and no password before STARTTLS"),
    gettext_noop("%(a)s answers no plain request"),
    gettext_noop("%(a)s refuses %(b)s"),
    gettext_noop("%(a)s is reached by HTTPS"),
    gettext_noop("the database %(a)s is reached by a socket of this machine, or by TLS"),
    gettext_noop("and its server listens on no network without TLS"),
    gettext_noop("unknown"),
    gettext_noop("%(a)s, which this machine's own library does not speak"),
    gettext_noop("the listener of %(a)s, which is not on this machine"),
    gettext_noop("a mail server that %(a)s is given no mail"),
    gettext_noop("mail to a server that %(a)s was tried"),
    gettext_noop("no connection came"),
    gettext_noop("%(a)s agrees to TLS"),
    # checks/organisations.py
    gettext_noop(
        "A probe signs up, makes two sites and invites new addresses by its page, each as a viewer of one site."
    ),
    gettext_noop(
        "Each invitation is read where its mail arrives. It is tried with another address, with another account, "
        "rightly, a second time, after it was revoked, after it was sent anew, and after its end."
    ),
    gettext_noop("Whoever got in opens the pages of both sites, and the page by which people are invited."),
    gettext_noop(
        "Every membership is looked through for one whose founding or accepted invitation is not in the ledger."
    ),
    gettext_noop(
        "The rows of memberships, invitations and events, read with SQL by a role that can only read; the mails that "
        "arrived; the pages that the member is shown."
    ),
    gettext_noop("of each member here the ledger tells how they came in"),
    gettext_noop("an invitation has an end"),
    gettext_noop("another address is refused"),
    gettext_noop("another account is refused"),
    gettext_noop("the invited address comes in"),
    gettext_noop("with the role of the invitation"),
    gettext_noop("with its sites only"),
    gettext_noop("its site is shown to the member, the other is not"),
    gettext_noop("a viewer invites nobody"),
    gettext_noop("an invitation works once"),
    gettext_noop("a member is removed"),
    gettext_noop("a used invitation lets nobody back in"),
    gettext_noop("a revoked invitation is refused"),
    gettext_noop("an invitation is sent anew, with a link of its own"),
    gettext_noop("an expired invitation is refused"),
    gettext_noop("an invitation leaves by mail to the invited address"),
    # checks/referrals.py
    gettext_noop(
        "Two probes sign up as customers, and one of them invites a new address. The person at that address asks by "
        "the public page for their data and confirms the address by the mailed link."
    ),
    gettext_noop(
        "The person agrees on the page that the request is passed on. Each customer opens its page of such requests, "
        "and the page of the other; the one that was asked answers."
    ),
    gettext_noop("The day of the answer is dated as if it had passed, and the customer's mail is read."),
    gettext_noop("All referrals are looked through for those that are late without a reminder."),
    gettext_noop(
        "The rows of referrals, read with SQL by a role that can only read, and as the database shows them to the "
        "other customer; the mails that arrived; the pages shown."
    ),
    gettext_noop("no other customer is named to the person"),
    gettext_noop("nothing is passed on before"),
    gettext_noop("nor to a customer that does not know the person"),
    gettext_noop("once agreed, it is passed to that one and no other"),
    gettext_noop("the page names whom it was passed to, and nobody else"),
    gettext_noop("the person is told by mail"),
    gettext_noop("no mail to the person names another customer"),
    gettext_noop("the customer is called by mail, with the day"),
    gettext_noop("the other customer is not"),
    gettext_noop("the customer's administrator sees the address and what is asked"),
    gettext_noop("and nothing that the person wrote"),
    gettext_noop("the other administrator sees nothing of it"),
    gettext_noop("nor on the customer's own page"),
    gettext_noop("the database shows the row to the one, and none to the other"),
    gettext_noop("a customer whose day has passed is reminded by mail"),
    gettext_noop("and no other customer is"),
    gettext_noop("the job that reminds everybody is judged by the referrals that are stored"),
    gettext_noop("the customer's answer arrives"),
    gettext_noop("and is on record"),
    gettext_noop("what it wanted deleted is deleted"),
    gettext_noop("every customer that is late was reminded"),
    gettext_noop("no referral's day is after that of the answer"),
    gettext_noop("none was passed on against the person's word"),
    gettext_noop("the person is asked whether the one customer may be told"),
    gettext_noop("with a deadline, none later than the answer's own"),
    gettext_noop("the consent is on record"),
    # checks/requests.py
    gettext_noop(
        "Probes write to the privacy address by SMTP with STARTTLS, each about another right; the answers are read "
        "where they arrive. Mail in the clear is tried, too."
    ),
    gettext_noop(
        "A probe answers in its thread, a stranger writes with the probe's number, and a member of the staff who is a"
        " probe answers before and after the address is confirmed by the mailed link."
    ),
    gettext_noop("The same is asked by the public page."),
    gettext_noop(
        "The queue of mail is looked through for what waits too long, and the mail server is asked whether it takes "
        "TLS."
    ),
    gettext_noop(
        "The rows of requests and of mail, read with SQL by a role that can only read; the mails that arrived, with "
        "their headers; what the mail server says."
    ),
    gettext_noop("the privacy address takes a mail by SMTP with STARTTLS"),
    gettext_noop("a mail without TLS is refused"),
    gettext_noop("a mail becomes one request, to %(a)s"),
    gettext_noop("its answer arrives, in the thread"),
    gettext_noop("and names the request"),
    gettext_noop("a reply goes on in the thread"),
    gettext_noop("a stranger's mail does not"),
    gettext_noop("nothing is told before the address is confirmed"),
    gettext_noop("opening the link confirms nothing"),
    gettext_noop("a click on it does, and no more is asked for"),
    gettext_noop("the answer arrives, in the thread"),
    gettext_noop("and no answer before it"),
    gettext_noop("the request is closed as answered"),
    gettext_noop("no mail waits for more than 15 minutes"),
    gettext_noop("none was set aside that nobody looked at"),
    gettext_noop("none waits for a recipient to be registered"),
    gettext_noop("the mail server answers, and takes STARTTLS"),
    gettext_noop("the public page makes a request as well"),
    gettext_noop("which its mailed link confirms"),
    gettext_noop("the request is there to be answered"),
    gettext_noop("a mail server is named, or this is the demo"),
    gettext_noop("mail cannot leave"),
    # checks/restriction.py
    gettext_noop(
        "A probe who belongs to another probe's customer makes an export, gets a mail, and restricts the use of their"
        " data by the page."
    ),
    gettext_noop(
        "The other administrator opens every page that named the person, and their own data; a member of the staff "
        "who is a probe is let in as support and opens the list of people; the person opens their own data."
    ),
    gettext_noop(
        "An officer who is a probe lifts the restriction with notice; it is made anew by the person, who lifts it by "
        "the page."
    ),
    gettext_noop(
        "The pages shown to others; the rows that the database shows to the roles of the application and of support, "
        "against those that a role sees which can only read; the mails that arrived, and those that did not."
    ),
    gettext_noop("the page restricts it at once"),
    gettext_noop("none of %(a)s pages of the administrator names the person"),
    gettext_noop("nor the list of people that support is let in to see"),
    gettext_noop("the person sees it all"),
    gettext_noop("what is stored in %(a)s tables stays"),
    gettext_noop("of the rest, the database shows no row to the application"),
    gettext_noop("person, export, acceptance and a mail are among them"),
    gettext_noop("nor what others stored of the address"),
    gettext_noop("nor one of the person to support"),
    gettext_noop("the other administrator hears that support was let in"),
    gettext_noop("the restricted one gets no such mail"),
    gettext_noop("no mail to the other names the person"),
    gettext_noop("an officer lifts nothing without a reason"),
    gettext_noop("what an officer lifts stays restricted for a week"),
    gettext_noop("and the person is told by mail, with day and reason"),
    gettext_noop("until then nobody sees it"),
    gettext_noop("the person lifts it by the page, and is told by mail"),
    gettext_noop("then the members' page names the person again"),
    gettext_noop("no mail left for a restricted person that they had no need to get"),
    gettext_noop("before, the members' page names the person"),
    # checks/retention.py
    gettext_noop(
        "Every table of both databases is read from their catalogues. Each must have a rule or a reason in a list "
        "that is part of the check, written from the published notice."
    ),
    gettext_noop(
        "Each rule is put to the table itself: no row may be older by more than two days, unless a legal hold is on "
        "its owner."
    ),
    gettext_noop("The privacy notice is opened: it must tell each rule that is about persons."),
    gettext_noop(
        "A probe of the staff places a legal hold on another probe by the page, who asks for its erasure by the page;"
        " then the hold is ended by the page."
    ),
    gettext_noop(
        "The check's own list of rules and reasons; the rows' times and the keys, read with SQL by a role that can "
        "only read; the notice as everybody sees it; the mail about the hold that arrives."
    ),
    gettext_noop(
        "A probe gets mails, makes an export, subscribes, invites, objects and signs in again. Some of these rows are"
        " dated as if they had outlived their rule by a day, some as if their last day had come; on one there is a "
        "legal hold."
    ),
    gettext_noop("The worker's deletion run goes over the probe's rows, and over nobody else's."),
    gettext_noop(
        "Before, the people store is copied, as a backup would be. After, the copy is started apart from the service:"
        " what was sealed with a key that the run destroyed must not open in it with the keys of now."
    ),
    gettext_noop(
        "What is over must be gone, with its file and with the key that sealed nothing else; what is not, and what is"
        " held, must be there."
    ),
    gettext_noop("The daily run over everybody's rows is judged by its newest certificate, and by PRI-18."),
    gettext_noop(
        "Rows and keys, read with SQL by a role that can only read; files and raw bytes on the disk; a decryption of "
        "the check's own; a copy by PostgreSQL's own program."
    ),
    gettext_noop("each of %(a)s tables has a rule (%(b)s) or a reason to have none"),
    gettext_noop("none of %(a)s values in a copy of before opens with the keys of now"),
    gettext_noop("a legal hold ends by the page"),
    gettext_noop("when the hold has ended the erasure is done"),
    gettext_noop("the privacy notice tells each rule that is about persons"),
    gettext_noop("not “%(a)s”; %(b)s"),
    gettext_noop("what has outlived its rule is gone after a deletion run"),
    gettext_noop("what is not over yet is there"),
    gettext_noop("what a legal hold is on is there"),
    gettext_noop("the file of a row that went is gone from the disk"),
    gettext_noop("a key that sealed nothing else is destroyed, its bytes emptied"),
    gettext_noop("%(a)s open"),
    gettext_noop(
        "the daily run over everybody's rows is judged by its certificate here, and by the age of all rows in PRI-18"
    ),
    gettext_noop("what stays as numbers is of groups of five and more"),
    gettext_noop("a legal hold is told by a mail that arrives"),
    gettext_noop("an erasure that is asked for under a legal hold waits"),
    gettext_noop("the person is there, with the organisation, the key and the session"),
    gettext_noop("nor does it tell: %(a)s"),
    gettext_noop("the key of what is there lives"),
    gettext_noop("nothing of it is readable in %(a)s"),
    gettext_noop("a certificate of a daily run, for there is none yet: the service is younger than a day"),
    gettext_noop("the newest certificate of a daily deletion run is of the last 26 hours"),
    gettext_noop("%(a)s is kept more than %(b)s days after %(c)s, but where a legal hold is on it"),
    gettext_noop("there is no such time any more"),
    # checks/second_factors.py
    gettext_noop(
        "A probe sets up an authenticator app by its page, and a code by text message is offered beside it. A second "
        "member of its organisation does the same."
    ),
    gettext_noop(
        "The right password alone is typed in another browser, and the pages of person and organisation are asked for."
    ),
    gettext_noop(
        "A made-up code, the right one, the same one again, a recovery code, and the same one again are tried; then "
        "codes are guessed until the door refuses."
    ),
    gettext_noop(
        "The password is reset by mail, in a browser that was trusted before; the new password alone is tried there."
    ),
    gettext_noop(
        "An administrator asks to remove the other member's second factor. The password alone is tried while that "
        "waits; it is stopped by the mailed link, asked for again, and let come to its day."
    ),
    gettext_noop(
        "The administrator requires two-step verification of everyone; a member without it asks for every page."
    ),
    gettext_noop(
        "A library of authenticator apps that the check asks for codes (RFC 6238); the rows of second factors, "
        "recovery codes and removals, read with SQL; the mails that arrived; what the pages answer."
    ),
    gettext_noop(
        "a code by text message, which would go to somebody's telephone; and a passkey, which a browser makes"
    ),
    gettext_noop("the day on which a removal is done, which is not waited for"),
    gettext_noop("its first code confirms it, and ten recovery codes are shown"),
    gettext_noop("a code by text message, and a passkey, are offered too"),
    gettext_noop("the password alone opens no page"),
    gettext_noop("a made-up code is refused"),
    gettext_noop("the password and the app's code together open the account"),
    gettext_noop("a code that was used is refused"),
    gettext_noop("a recovery code opens in the app's place"),
    gettext_noop("a recovery code works once"),
    gettext_noop("recovery codes are stored as hashes, and one of them is used up"),
    gettext_noop("guessing codes is stopped within %(a)s tries, right ones too"),
    gettext_noop("an administrator's removal of a second factor waits a day at least"),
    gettext_noop("meanwhile the password alone opens no page"),
    gettext_noop("to open the link stops nothing yet"),
    gettext_noop("its button stops the removal"),
    gettext_noop("a reset of the password does not get past the second factor, not even in a trusted browser"),
    gettext_noop("an administrator can require it of everyone"),
    gettext_noop("a member without it opens no page of the organisation"),
    gettext_noop("and sends no form"),
    gettext_noop("who has it goes on"),
    gettext_noop("no removal is left undone after its day"),
    gettext_noop("no second factor that was confirmed or used counts as unconfirmed"),
    gettext_noop("the person is told by mail at once, with a link to stop it"),
    gettext_noop("a trusted browser is asked for the password only"),
    gettext_noop("with it set up, the member is let in"),
    gettext_noop("an authenticator app can be set up: the page shows its key"),
    # checks/sources.py
    gettext_noop(
        "A member of the staff who is a probe registers a source by the page, first without its licence, and imports "
        "a file with another name of a probe, and the data of an address that nobody has; a file with a field that "
        "has no purpose is tried."
    ),
    gettext_noop(
        "Both persons' mails are read where they arrive. The one objects by the link and is imported once more; the "
        "other looks at their own page, and says that a value is wrong."
    ),
    gettext_noop(
        "Values without a source, and a source without a licence, are tried at the database, as the application's own"
        " role. All values are looked through."
    ),
    gettext_noop(
        "The rows of sources, values and persons, read with SQL by a role that can only read; the mails that arrived;"
        " the pages shown; what the database refuses."
    ),
    gettext_noop("each of %(a)s values has source, licence and purpose"),
    gettext_noop("each person was told within a month (GDPR Art. 14(3)(a))"),
    gettext_noop("by a mail that was written, not only noted"),
    gettext_noop("no telling was given up"),
    gettext_noop("no source without name, licence or purpose is taken"),
    gettext_noop("a source that has them is registered"),
    gettext_noop("a file with a field that has no purpose is refused"),
    gettext_noop("each value is held with its source"),
    gettext_noop("what the person gave is not overwritten"),
    gettext_noop("the person sees both names, with source and licence"),
    gettext_noop("what the person says is wrong is deleted"),
    gettext_noop("opening the link deletes nothing"),
    gettext_noop("a click on it deletes all of it"),
    gettext_noop("the next import takes nothing in"),
    gettext_noop("the database takes a source"),
    gettext_noop("it refuses one that does not say all"),
    gettext_noop("it takes a value of a source"),
    gettext_noop("a person is told by mail: the values, source, licence, purpose and a link to object"),
    gettext_noop("it refuses a value %(a)s"),
    # checks/support.py
    gettext_noop(
        "A probe's account of the support staff signs in, with an authenticator app, and opens pages of a probe's "
        "customer."
    ),
    gettext_noop(
        "The database is asked as the support role, with that role's own credential, for the rows of every table: for"
        " the probe's customer and for some others that have invited nobody."
    ),
    gettext_noop(
        "Support asks for access; the administrator invites it for one site, looks at the banner, and ends it while "
        "support is looking. Another invitation comes to its end. Each time pages and database are asked again."
    ),
    gettext_noop("The administrator hands the administration to the operator, and takes it back."),
    gettext_noop(
        "The rows that the support role is shown by the database; the catalogue's tables and rights; the rows of "
        "invitations and of the record of what was seen; the mails that arrived at the administrators."
    ),
    gettext_noop("0 rows of %(a)s customer tables without an invitation"),
    gettext_noop("every table of customers has row security, forced"),
    gettext_noop("the support role may pass over no policy and become nobody else"),
    gettext_noop("%(a)s, no page of the customer opens to support"),
    gettext_noop("%(a)s, the support role reads no row of the customer"),
    gettext_noop("support's list tells of a customer its opaque id only"),
    gettext_noop("an emergency that the customer never allowed opens nothing"),
    gettext_noop("support can ask, and has nothing by that"),
    gettext_noop("only who may invites, for a week at most, with a reason"),
    gettext_noop("an invitation has a reason, a scope and an end"),
    gettext_noop("invited, support sees the site that was named, and no other"),
    gettext_noop("and nothing of areas that were not named"),
    gettext_noop("nor does the support role in the database"),
    gettext_noop("the administrator can end it"),
    gettext_noop("a banner tells support that it sees a customer's data, on record"),
    gettext_noop("a banner tells everybody of the customer that support may look, and until when"),
    gettext_noop("what support saw, and what it was refused, is on record"),
    gettext_noop("the customer reads that record"),
    gettext_noop("a second invitation opens again"),
    gettext_noop("nobody else hands the administration over"),
    gettext_noop("an administrator can hand it over, which a banner tells"),
    gettext_noop("both ways are on record"),
    gettext_noop("and to nobody else"),
    gettext_noop("of customers that invited nobody, the support role reads no row"),
    gettext_noop("each of these was announced to an administrator by mail"),
    # checks/vault.py
    gettext_noop(
        "A probe gives a text of its own in each way in: name, address, browser's name, organisation, site, device, "
        "token, request by page and by mail, reasons, an invitation, a reading's tag at the crop door, an uploaded "
        "file. It makes an export. A second file is half sent while the check looks."
    ),
    gettext_noop(
        "Every file that was changed since is read: the data folder, temporary folders, files that a process holds "
        "open. Of older files some are read each time, all within days. So are the root keys looked for."
    ),
    gettext_noop(
        "The keys' files are looked at; a value of one probe is tried with the keys of another; each file of the crop"
        " store must carry the engine's mark of an encrypted file."
    ),
    gettext_noop(
        "Raw bytes, searched as UTF-8, UTF-16, hex and base64; a decryption of the check's own; modes and places of "
        "files."
    ),
    gettext_noop(
        "backups and replicas, which this installation does not have; that keys are rotated, which the operator does "
        "by a command"
    ),
    gettext_noop("each of %(a)s files of the crop store carries the engine's mark of an encrypted file"),
    gettext_noop("none of %(a)s texts and of the root keys is readable in %(b)s"),
    gettext_noop(
        "the keys' folder and its %(a)s files are readable by their owner, and by the parts that they are for, only"
    ),
    gettext_noop("the keys lie apart from the data"),
    gettext_noop("nothing in the data folder leads to them"),
    gettext_noop("a customer's value opens with the customer's key"),
    gettext_noop("it does not open with another customer's key"),
    gettext_noop("each of two customers and two persons has keys of its own"),
    gettext_noop("each living data key is wrapped by a root key that is there"),
    gettext_noop("what is held for a moment has no name on the disk"),
    # desk.py
    gettext_noop("an officer's note stands on the request's page"),
    gettext_noop("and is stored sealed"),
    gettext_noop("%(a)s stored"),
    gettext_noop("a question to the person arrives"),
    gettext_noop("and no mail holds the note"),
    gettext_noop("the request waits for the person, and stays open"),
    gettext_noop("what the person sends ends that, and the deadline stays"),
    gettext_noop("a request of another address is not merged"),
    gettext_noop("one of the same address is"),
    gettext_noop("the other stays open, by the earlier deadline"),
    gettext_noop("and the person is told"),
    gettext_noop("the officer reads both on one page"),
    gettext_noop("a merge can be undone"),
    gettext_noop("one answer goes to the person"),
    gettext_noop("an officer alone erases nobody, and is noted as the one who asks"),
    gettext_noop("%(a)s, asked by %(b)s"),
    gettext_noop("two officers do"),
    gettext_noop("open"),
    # checks/personalisation.py
    gettext_noop(
        "A probe makes three sites with a reading each, and has a colleague with the same rights. Both open the overview."
    ),
    gettext_noop(
        "The probe pins the last site, and has charts of the second one open on two days. Both open the overview again."
    ),
    gettext_noop(
        "The probe opens the page of what is fitted, and switches it off there. Both open the overview once more."
    ),
    gettext_noop("The probe has charts open while it is off, and switches it on again."),
    gettext_noop(
        "The overview's headings, texts and links as both are shown them, without times; the rows of days, read with SQL."
    ),
    gettext_noop("no day of use is stored of anybody who objected"),
    gettext_noop("two days of use are stored"),
    gettext_noop("what is pinned comes first, then what is used"),
    gettext_noop("each place that moved says why, and no other says anything"),
    gettext_noop("and leads to the page of what is fitted"),
    gettext_noop("that page lists all of it"),
    gettext_noop("switched off, both see the same overview"),
    gettext_noop("in the order of names again"),
    gettext_noop("the days of use are gone"),
    gettext_noop("and none is stored while it is off"),
    gettext_noop("switched on again, what is pinned comes first"),
    gettext_noop("at first both see the same overview"),
    gettext_noop("in the order of names"),
    gettext_noop("the colleague's order stays"),
    # file_reader.py
    gettext_noop("the files of the %(a)s lie on servers of the operator's, where nothing of ours reads them"),
    # findings.py
    gettext_noop("not so: %(a)s"),
    gettext_noop("the check could take no step"),
    # runner.py
    gettext_noop("the check itself failed with %(a)s"),
    # stage.py
    gettext_noop("each mail arrives, and each page shows its form"),
    gettext_noop("the check comes to its end"),
)
