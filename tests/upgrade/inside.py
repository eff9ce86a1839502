"""What an upgraded installation says, asked through the verbs: run inside its environment, prints JSON."""

import json
import sys
from typing import Any

import django


def main(expected: dict[str, Any]) -> dict[str, object]:
    """Values that were sealed, moved or rebuilt by the upgrade, as the verbs read them now."""
    django.setup()
    from glasshouse.access import api as access
    from glasshouse.accounts import api as accounts
    from glasshouse.disclosures.models import Recipient
    from glasshouse.events import api as events
    from glasshouse.greenhouse import readings
    from glasshouse.notices.models import Version
    from glasshouse.requests.models import Agent, Request
    from glasshouse.sources.models import Source, ThirdPartyData

    ada = accounts.actor_of_address("ada@polder.example")
    ada = ada.for_organisation(access.organisations_of(ada)[0].id)
    series = readings.series(ada)
    small = [row["id"] for row in series if row["source"] == "Small writer" and not row["derived"]]
    assert small, f"no series of the small writer among {[(row['source'], row['id']) for row in series]}"
    first = int(expected["small_start"])
    rows = list(readings.export(ada, small, (first - 3600, first + 86_400)))
    agented = Request.objects.get(id=expected["agent_request"])
    count, wrong = events.verify()
    return {
        "identity": Request.objects.get(id=expected["letter_request"]).identity,
        "contact": Recipient.objects.get(id=expected["recipient"]).contact,
        "earlier_rules": Recipient.objects.get(id=expected["recipient"]).earlier_rules,
        "documents": sorted(
            [version.document, version.number or 0, version.in_force_at is not None]
            for version in Version.objects.all()
        ),
        "source": Source.objects.get(id=expected["source"]).name,
        "supplied": sorted(row.value for row in ThirdPartyData.objects.all()),
        "callback": agented.callback,
        "agent_request": agented.agent_request,
        "agents": [agent.name for agent in Agent.objects.all()],
        "series": len(series),
        "small": [str(row[7]) for row in rows[1:]],
        "events": count,
        "breaks": wrong,
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
