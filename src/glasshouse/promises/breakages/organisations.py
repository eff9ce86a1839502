"""Breakages of who belongs to a customer: SEC-02."""

from glasshouse.promises.breakage import Breakage, Code, Database

INVITATIONS = "glasshouse/organisations/invitations.py"
BREAKAGES = (
    Breakage(
        "SEC-02",
        "an invitation ends ten years late",
        Code(
            "glasshouse/organisations/invitations.py",
            "expires_at=now + timedelta(days=offer.days),",
            "expires_at=now + timedelta(days=3650),",
        ),
        quick=True,
    ),
    Breakage(
        "SEC-02",
        "the database hides no invitation",
        Database(
            "ALTER TABLE access_invitation DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE access_invitation ENABLE ROW LEVEL SECURITY",
        ),
        quick=True,
    ),
)
