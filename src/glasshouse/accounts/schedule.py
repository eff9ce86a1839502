"""What accounts have done by themselves."""

from glasshouse.accounts import resets, throttle
from glasshouse.kernel.schedule import Job

SCHEDULE = (Job(resets.finish_resets, every_s=60, first_s=5), Job(throttle.forget_full, every_s=60, first_s=25))
