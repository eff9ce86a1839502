"""What exports and erasures have done by themselves. The replay comes at each start, for a backup may have been restored."""

from glasshouse.kernel.schedule import Job
from glasshouse.subject import erasure, exports, waiting

SCHEDULE = (
    Job(erasure.replay, every_s=86_400, first_s=10),
    Job(erasure.finish_erasures, every_s=15, first_s=20),
    Job(erasure.erase_late, every_s=60, first_s=22),
    Job(waiting.finish_due, every_s=60, first_s=36),
    Job(exports.fill_due, every_s=60, first_s=33),
)
