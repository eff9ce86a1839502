"""Breakages that the present checks do not notice, and why. Whoever mends a check deletes its lines; none is added."""

KNOWN_MISSED = {
    # SEC-02
    "an invited viewer becomes administrator": "the check does not look at the role that was given",
    "an invitation for one site opens all of them": "the check's invitations name no site",
    "an invitation works for whoever has the link": "the check ends with an error of its own: cannot tell",
    "an invitation ends ten years late": "the check makes its probe's invitation expire by itself",
    # SEC-03
    "site scope is ignored by the application": "no role of the walk is limited to a site",
    "site scope is ignored by the database": "no role of the walk is limited to a site",
    "a withdrawn token goes on working": "the walk has no tokens",
    # SEC-04
    "a grant that is over goes on counting": "the check looks at support without any grant only",
    "a grant that nobody approved counts": "the check looks at support without any grant only",
    "a grant may last ten years": "the check looks at support without any grant only",
    "what support is shown goes on no record": "the check reads rows, and no page as support",
    # SEC-05
    "new passwords are stored as MD5": "the check reads what is stored, and stores no new password",
    "a password of one character is taken": "the check tries no weak password",
    # SEC-06
    "a code of an authenticator app works twice": "the check has no right code, so none twice",
    "everybody's second factor counts as unconfirmed": "no factor of the scratch service was used, or is told of in the ledger",
    # SEC-07
    "the web door speaks no TLS": "no handshake, so the check fails: cannot tell",
    "a part answers plain HTTP on another port": "the check knows two ports, and does not look for listeners",
    # SEC-08
    "uploaded files are stored unsealed, too": "the check's file is half sent, and never stored",
    # PRI-01
    "pages open before the documents are accepted": "the check asks the database, and no page",
    "the words that were accepted are not stored": "the check does not read what was accepted",
    # PRI-02
    "the name of a person is classified as technical": "the check wants any class, and not the right one",
    # PRI-03
    "an announcement is marked told but was never queued": "the check counts marks, and no mails",
    "the mails of an announcement are gone before they left": "the check counts marks, and no mails",
    "a significant version comes into force at once": "the check announces nothing; it reads what was announced before",
    "nothing is announced while the worker is stopped": "the check announces nothing; it reads what was announced before",
    # PRI-05
    "the database takes no privacy request without a text": "the check reads forms, and sends none",
    # PRI-08
    "persons of third-party data are marked told, and get no mail": "the check counts marks, and no mails",
    "values of an objector are taken in again": "the check takes nothing in",
    # PRI-15
    "mail leaves without passing the gate": "the check asks the gate itself, and sends no mail",
    "mail leaves without a disclosure record": "the check compares no mail with its record",
    # PRI-16
    "a person is marked told of a legal request, and gets no mail": "the check reads marks, and no mails",
    "everything is handed over, whatever was asked for": "the check does not read what was handed over",
    # PRI-18
    "mail is kept for ten years": "the check asks the rules that it checks",
    "no deletion run comes by itself": "nothing is old enough yet, and the check looks at no run",
    # PRI-19
    "a deletion run leaves the files of its rows": "the check's old row has no file",
    # PRI-21
    "the view leaves out what lies under other keys": "the check compares what lies under the person's key only",
    "the database hides acceptances from their person": "the check's own reading is hidden in the same way",
    "a rectified name is not stored": "the check rectifies nothing",
    # PRI-22
    "anybody may fetch an export whose number they know": "the check lists exports as somebody else, and fetches none",
    "an export is never filled": "the check ends with an error of its own: cannot tell",
    # PRI-23
    "a restriction is not stored": "the check fails as it takes its restriction back: cannot tell",
    "third-party data of a restricted person stays in use": "the probe person has no third-party data",
    "a restriction is lifted without telling the person": "the check lifts as the person, and never as an officer",
    # PRI-24
    "recipients are not told of an erasure": "nothing of the probe person went to a recipient",
    "an erasure leaves the files of exports": "the probe person has no export, and a file is sealed",
    # PRI-26
    "nothing leaves the queue from now on": "the check waits for no mail; only what waits for 15 minutes counts",
    "the mail server is away": "the check waits for no mail; only what waits for 15 minutes counts",
    "mail is handed to a port on which nobody listens": "the check waits for no mail; only what waits for 15 minutes counts",
    # PRI-27
    "the database finds no customer that entered an address": "the check ends with an error of its own: cannot tell",
    "a request is passed to a customer, and the customer is not told": "the check reads the customer's list, and no mail",
    "a customer reads what the person wrote": "the check looks at the number of the request only",
    # PRI-28
    "the law of Brazil has 150 days": "the check asks the table of laws that it checks",
    "an extension under the law of California lasts 450 days": "the check asks the table of laws that it checks",
    "the deadline of a request was moved without an extension": "the check compares the day with no law",
    "no officer is reminded of a deadline": "the check makes no request late",
}
