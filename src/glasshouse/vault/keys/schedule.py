"""What the vault has done by itself."""

from glasshouse.kernel.schedule import Job
from glasshouse.vault import api, backups

SCHEDULE = (
    Job(backups.keep_up, every_s=3_600, first_s=40),
    Job(api.clean_large, every_s=3_600, first_s=60),
)
