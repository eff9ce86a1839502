"""How long the crop plane keeps what an import or an amendment replaced, so that it can be undone. Decision record 41."""

KEPT_DAYS = 90
