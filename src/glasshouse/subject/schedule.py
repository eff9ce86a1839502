"""What exports and erasures have done by themselves. What an older copy lacks is carried out at the start, before."""

from glasshouse.kernel.schedule import Job
from glasshouse.subject import carrying_out, erasure, exports, waiting

SCHEDULE = (
    Job(carrying_out.carry_out_again, every_s=86_400, first_s=10),
    Job(erasure.finish_erasures, every_s=15, first_s=20),
    Job(erasure.erase_late, every_s=60, first_s=22),
    Job(waiting.finish_due, every_s=60, first_s=36),
    Job(exports.fill_due, every_s=60, first_s=33),
)
