"""Prints, as JSON, which migrations both databases wait for: `python -m glasshouse.operations.pending`. Changes nothing."""

import json

import django


def main() -> None:
    """Print pending and foreign migrations, and how many bytes both databases have."""
    django.setup()
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.recorder import MigrationRecorder

    from glasshouse.operations import upgrade

    pending, foreign, size = [], [], 0
    for database in ("vault", "default"):
        connection = connections[database]
        executor = MigrationExecutor(connection)
        for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
            if _touches(database, migration.app_label):
                pending.append(f"{migration.app_label}.{migration.name}")
        known = set(executor.loader.disk_migrations)
        earlier = {(label, path.stem) for label in upgrade.labels() for path in (upgrade.FOLDER / label).glob("0*.py")}
        applied = set(MigrationRecorder(connection).applied_migrations())
        ours = {label for label, _ in known}
        foreign += sorted(f"{label}.{name}" for label, name in applied - known - earlier if label in ours)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            size += int(cursor.fetchone()[0])
    print(json.dumps({"pending": pending, "foreign": foreign, "bytes": size}))


def _touches(database: str, label: str) -> bool:
    """Whether a migration of an app changes anything in a database: keys' tables are in one, all others in the other."""
    from glasshouse.vault.keys.router import KeysRouter

    return bool(KeysRouter().allow_migrate(database, label))


if __name__ == "__main__":
    main()
