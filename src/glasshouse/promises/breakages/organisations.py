"""Breakages of who belongs to a customer: SEC-02."""

from glasshouse.promises.breakage import Breakage, Code, Database

INVITATIONS = "glasshouse/organisations/invitations.py"
BREAKAGES = (
    Breakage(
        "SEC-02",
        "an invited viewer becomes administrator",
        Code(INVITATIONS, "            role=invitation.role,\n", '            role="administrator",\n', ("web",)),
    ),
    Breakage(
        "SEC-02",
        "an invitation for one site opens all of them",
        Code(INVITATIONS, "            sites=invitation.sites,\n", "            sites=None,\n", ("web",)),
    ),
    Breakage(
        "SEC-02",
        "an invitation works for whoever has the link",
        Code(
            INVITATIONS,
            "        if invitation.address_hash != accounts.person_of(actor).address_hash:\n",
            "        if not invitation.address_hash:\n",
            ("web",),
        ),
    ),
    Breakage(
        "SEC-02",
        "an invitation goes on working after its first use",
        Code(INVITATIONS, '    invitation.save(update_fields=["accepted_at"])\n', "", ("web",)),
    ),
    Breakage(
        "SEC-02",
        "an invitation ends ten years late",
        Code(
            INVITATIONS,
            "expires_at=now + timedelta(days=offer.days),",
            "expires_at=now + timedelta(days=3650),",
            ("web",),
        ),
    ),
    Breakage(
        "SEC-02",
        "somebody whom nobody invited is a member",
        Database(
            "INSERT INTO access_membership (id, organisation_id, account_id, role, created_at) "
            "SELECT 'br0ken0000000001', o.id, m.account_id, 'viewer', now() FROM access_organisation o, access_membership m "
            "WHERE o.id <> m.organisation_id ORDER BY o.created_at LIMIT 1",
            "DELETE FROM access_membership WHERE id = 'br0ken0000000001'",
        ),
    ),
)
