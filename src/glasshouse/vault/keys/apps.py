from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "glasshouse.vault.keys"
    label = "vault_keys"
