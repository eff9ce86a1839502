"""What the removal of a probe and the relay of events agree on."""

RELAY_LOCK = 0x676C6173  # of PostgreSQL: whoever has it chains events, or removes those of a probe; never both at once
