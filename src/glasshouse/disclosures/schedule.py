"""What the register of recipients has done by itself."""

from glasshouse.disclosures import mergers
from glasshouse.kernel.schedule import Job

SCHEDULE = (Job(mergers.tell_due, every_s=60, first_s=30),)
