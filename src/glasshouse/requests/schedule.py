"""What privacy requests have done by themselves."""

from glasshouse.kernel.schedule import Job
from glasshouse.requests import drp_callbacks, referrals, reminders

SCHEDULE = (
    Job(reminders.escalate_due, every_s=300, first_s=35),
    Job(reminders.give_up_due, every_s=3600, first_s=37),
    Job(reminders.mail_waiting_links, every_s=300, first_s=38),
    Job(referrals.warn_due, every_s=300, first_s=40),
    Job(referrals.warn_for_probes, every_s=1),  # of the check of PRI-27, which cannot wait for minutes
    Job(drp_callbacks.tell_agents, every_s=30, first_s=45),
)
