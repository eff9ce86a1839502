"""What accounts have done by themselves."""

from glasshouse.accounts import resets
from glasshouse.kernel.schedule import Job

SCHEDULE = (Job(resets.finish_resets, every_s=60, first_s=5),)
