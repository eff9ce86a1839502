"""Breakages of passwords and second factors: SEC-05, SEC-06."""

from glasshouse.promises.breakage import Breakage, Code, changed_rows

SIGNING_IN, FACTORS = "glasshouse/accounts/signing_in.py", "glasshouse/accounts/second_factor.py"
A_GROWER = "id = (SELECT id FROM accounts_account WHERE staff_role = '' ORDER BY created_at LIMIT 1)"
MD5 = "'md5$salt$0123456789abcdef0123456789abcdef'"
BREAKAGES = (
    Breakage(
        "SEC-05",
        "a stored password is MD5",
        changed_rows("accounts_account", A_GROWER, password=MD5),
    ),
    Breakage(
        "SEC-05",
        "new passwords are stored as MD5",
        Code(
            "glasshouse/web/settings.py",
            'if TESTING else "django.contrib.auth.hashers.Argon2PasswordHasher"\n',
            'if TESTING else "django.contrib.auth.hashers.MD5PasswordHasher",\n'
            '    "django.contrib.auth.hashers.Argon2PasswordHasher",\n',
            ("web",),
        ),
    ),
    Breakage(
        "SEC-05",
        "guessing at one address has no end",
        Code(
            "glasshouse/accounts/buckets.py",
            'Bucket("sign-in", address, AT_ADDRESS,',
            'Bucket("sign-in", address, 10_000,',
            ("web",),
        ),
    ),
    Breakage(
        "SEC-05",
        "a password of one character is taken",
        Code("glasshouse/accounts/passwords.py", "        validate_password(password)\n", "        pass\n", ("web",)),
    ),
    Breakage(
        "SEC-05",
        "the password of a sign-in is written to the log",
        Code(
            SIGNING_IN,
            '    refused = InvalidError("Address and password do not match.", field="password")\n',
            '    refused = InvalidError("Address and password do not match.", field="password")\n'
            '    __import__("logging").getLogger("glasshouse").error("%s", password)\n',
            ("web",),
        ),
    ),
    Breakage(
        "SEC-06",
        "a password alone opens an account with a second factor",
        Code(
            SIGNING_IN,
            "                return sessions.begin(account, visit, pending=pending)\n",
            "                return sessions.begin(account, visit, pending=False)\n",
            ("web",),
        ),
    ),
    Breakage(
        "SEC-06",
        "any code is taken",
        Code(FACTORS, "            if _any_code_counts(account, code):\n", "            if code:\n", ("web",)),
    ),
    Breakage(
        "SEC-06",
        "a code of an authenticator app works twice",
        Code(
            FACTORS,
            "SecondFactor.objects.filter(id=factor.id, last_turn__lt=time_step)",
            "SecondFactor.objects.filter(id=factor.id)",
            ("web",),
        ),
    ),
    Breakage(
        "SEC-06",
        "a customer's requirement of a second factor is ignored",
        Code(
            "glasshouse/access/rules.py",
            "    return roles is not None and begins is not None",
            "    return False and roles is not None and begins is not None",
            ("web",),
        ),
    ),
    Breakage(
        "SEC-06",
        "everybody's second factor counts as unconfirmed",
        changed_rows("accounts_second_step", confirmed_at="NULL"),
    ),
)
