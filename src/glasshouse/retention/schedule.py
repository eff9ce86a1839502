"""What retention has done by itself."""

from glasshouse.kernel.schedule import Job
from glasshouse.retention import api as retention

SCHEDULE = (Job(retention.run_deletions, every_s=86_400, first_s=90),)
