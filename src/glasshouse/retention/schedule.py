"""What retention has done by itself."""

from glasshouse.kernel.schedule import Job
from glasshouse.retention import api as retention
from glasshouse.retention import legal_holds

SCHEDULE = (
    Job(retention.run_deletions, every_s=86_400, first_s=900),
    Job(legal_holds.tell_due, every_s=60, first_s=35),
    Job(retention.run_for_probes, every_s=1),  # of the check of PRI-19, which cannot wait for a day
)
