"""What events have done by themselves."""

from glasshouse.events import api as events
from glasshouse.kernel.schedule import Job

SCHEDULE = (Job(events.chain_waiting, every_s=2),)
