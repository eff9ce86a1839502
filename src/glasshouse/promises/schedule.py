"""What the promises have done by themselves. The first check waits until the other parts have opened their doors."""

from glasshouse.kernel.schedule import Job
from glasshouse.promises import api as promises

SCHEDULE = (Job(promises.check_all, every_s=3600, first_s=15),)
