"""What the greenhouse does by itself."""

from glasshouse.greenhouse import intake
from glasshouse.kernel.schedule import Job

SCHEDULE = (Job(intake.look, every_s=60, first_s=55),)
