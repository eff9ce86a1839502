"""What retention has done by itself."""

from glasshouse.kernel.schedule import Job
from glasshouse.retention import api as retention

SCHEDULE = (
    Job(retention.run_deletions, every_s=86_400, first_s=90),
    Job(retention.run_for_probes, every_s=1),  # of the check of PRI-19, which cannot wait for a day
)
