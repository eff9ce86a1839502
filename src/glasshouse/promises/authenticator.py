"""An authenticator app (RFC 6238) of a probe: set up by the page, asked for codes as a person reads them off."""

import re
import time
from dataclasses import dataclass

import pyotp

from glasshouse.promises.front_door import Visitor

PERIOD_S, MARGIN_S = 30, 5.0
PATH = "/account/security/add/app"


@dataclass(slots=True)
class App:
    """A person's authenticator app, and the recovery codes that they were shown when they set it up."""

    totp: pyotp.TOTP
    codes: list[str]

    def code(self, *, steps: int = 0) -> str:
        """The code of now, or of so many steps of 30 s later. Waits where the step is about to end."""
        left_s = PERIOD_S - time.time() % PERIOD_S
        if left_s < MARGIN_S:
            time.sleep(left_s + 0.1)
        return self.totp.at(int(time.time()) + steps * PERIOD_S)


def begin(visitor: Visitor) -> App | None:
    """An app with the key that the page shows to somebody who has just signed in; unconfirmed yet. None: the page has no key."""
    key = re.search(r"<pre[^>]*>\s*([A-Z2-7 ]{32,})\s*</pre>", visitor.follow(visitor.get(PATH)).text)
    return App(pyotp.TOTP(key[1].strip().replace(" ", "")), []) if key else None


def set_up(visitor: Visitor) -> App | None:
    """Set up an app by the page, as somebody who has just signed in; the code of now stays unused. None: the page has no key."""
    app = begin(visitor)
    if app is None:
        return None
    shown = visitor.follow(visitor.submit(PATH, {"code": app.code(steps=-1)})).text
    app.codes = re.findall(r"\b[0-9a-z]{4}(?:-[0-9a-z]{4}){3}\b", shown)
    return app
