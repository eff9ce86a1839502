"""The password hasher of the tests' own service."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class LeastArgon2(Argon2PasswordHasher):
    """Argon2id at the least cost that OWASP recommends (19 MiB, t=2, p=1): a seventh of the work of Django's own values.

    Source: OWASP Password Storage Cheat Sheet.
    """

    time_cost, memory_cost, parallelism = 2, 19_456, 1
