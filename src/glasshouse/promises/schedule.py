"""What the promises have done by themselves. The first check waits until the other parts have opened their doors."""

from glasshouse.kernel.schedule import Job
from glasshouse.promises import api as promises

# At the first start all are due, one after another; then each by its own time.
SCHEDULE = (Job(promises.check_due, every_s=5, first_s=15),)
