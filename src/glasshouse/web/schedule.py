"""What the pages have done by themselves."""

from glasshouse.kernel.schedule import Job
from glasshouse.web import once, written_forms

SCHEDULE = (
    Job(once.delete_expired, every_s=60, first_s=15),
    Job(written_forms.delete_expired, every_s=60, first_s=20),
)
