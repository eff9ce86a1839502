"""What the register of recipients has done by itself."""

from glasshouse.disclosures import business_transfers
from glasshouse.kernel.schedule import Job

SCHEDULE = (Job(business_transfers.tell_due, every_s=60, first_s=30),)
