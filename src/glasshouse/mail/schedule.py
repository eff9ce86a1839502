"""What mail has done by itself."""

from glasshouse.kernel.schedule import Job
from glasshouse.mail import api as mail

SCHEDULE = (Job(mail.deliver_due, every_s=1),)
