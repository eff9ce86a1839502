"""What documents have done by themselves."""

from glasshouse.kernel.schedule import Job
from glasshouse.notices import announcements

SCHEDULE = (Job(announcements.announce_due, every_s=10, first_s=3),)
