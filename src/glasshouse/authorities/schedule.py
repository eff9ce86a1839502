"""What legal requests have done by themselves."""

from glasshouse.authorities import api as authorities
from glasshouse.kernel.schedule import Job

SCHEDULE = (
    Job(authorities.tell_due, every_s=300, first_s=50),
    Job(authorities.finish_due, every_s=300, first_s=55),
)
