"""What third-party data has done by itself."""

from glasshouse.kernel.schedule import Job
from glasshouse.sources import api as sources

SCHEDULE = (Job(sources.tell_due, every_s=5, first_s=25),)
