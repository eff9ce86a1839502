"""Breakages of what is stored in browsers: PRI-07."""

from glasshouse.promises.breakage import Breakage, Code, changed_rows

COOKIES, GATE, PAGE = (
    "glasshouse/web/cookies.py",
    "glasshouse/web/cookie_gate.py",
    "glasshouse/web/pages/public/cookies.py",
)
VISITS = 'response.set_cookie("__Host-visits", "1", max_age=60, secure=True, httponly=True, samesite="Lax")'
BREAKAGES = (
    Breakage(
        "PRI-07",
        "a cookie that counts visits passes the gate",
        Code(GATE, "        return response\n\n", f"        {VISITS}\n        return response\n\n", ("web",)),
    ),
    Breakage(
        "PRI-07",
        "a session's cookie lasts ten years",
        Code(
            COOKIES,
            'gettext_noop("Keeps you signed in."), sessions.LIFE)',
            'gettext_noop("Keeps you signed in."), 10 * A_YEAR)',
            ("web",),
        ),
    ),
    Breakage(
        "PRI-07",
        "scripts can read every cookie",
        Code(COOKIES, "httponly=True", "httponly=False", ("web",)),
    ),
    Breakage(
        "PRI-07",
        "the cookie page leaves a cookie out",
        Code(PAGE, "in register.register()]", "in register.register()[1:]]", ("web",)),
    ),
    Breakage(
        "PRI-07",
        "a script notes in the browser when it was there",
        Code(
            "glasshouse/web/static/page.js",
            '"use strict";\n// Times',
            '"use strict";\nlocalStorage.setItem("since", Date.now());\n// Times',
            ("web",),
        ),
    ),
    Breakage(
        "PRI-07",
        "something optional is in the register, and nobody is asked",
        Code(
            COOKIES,
            "    return () if answer_of(request) else OPTIONAL\n",
            '    return ()\n\n\nOPTIONAL = (Stored("__Host-visits", "Counts visits.", A_YEAR, optional=True),)\n',
            ("web",),
        ),
    ),
    Breakage(
        "PRI-07",
        "the cookie notice names a cookie no more",
        changed_rows(
            "notices_text",
            "version_id IN (SELECT id FROM notices_version WHERE document = 'cookies')",
            body="replace(body, '| browser |', '| other |')",
        ),
    ),
)
